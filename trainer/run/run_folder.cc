#include "trainer/run/run_folder.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "vickrey/base/files.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/sealed_json.h"
#include "vickrey/base/status.h"
#include "vickrey/model/artifact.h"
#include "vickrey/storage/v1/checkpoint.pb.h"

namespace vickrey::trainer {
namespace {

using vickrey::storage::v1::RunFile;

constexpr int kRunFormat = 2;
constexpr char kRun[] = "run.json", kLock[] = "lock", kEvents[] = "events.", kCheckpoints[] = "checkpoints";

// What there is of a run; format 0 where there is none.
RunFile Read(const std::filesystem::path& folder) {
  RunFile file;
  if (!base::ReadSealed(folder / kRun, &file).ok() || file.format() != kRunFormat) file.Clear();
  return file;
}

absl::Status Write(const std::filesystem::path& folder, const std::string& key, bool finished) {
  RunFile file;
  file.set_format(kRunFormat);
  file.set_key(key);
  file.set_finished(finished);
  return base::WriteSealed(folder / kRun, file);
}

std::string NextVersion(const std::filesystem::path& root, const std::string& name) {
  int64_t of_artifacts = 0, of_runs = 0;
  (void)absl::SimpleAtoi(model::NextVersion(root, name), &of_artifacts);
  (void)absl::SimpleAtoi(model::NextVersion(root / "runs", name), &of_runs);
  return absl::StrCat(std::max(of_artifacts, of_runs));
}

// Whether nothing but the lock is in it, and what was being written: its run was killed before it said whose it is.
bool IsEmpty(const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::directory_iterator entries(folder, error);
  return !error && std::all_of(begin(entries), end(entries), [](const auto& entry) {
    const std::string name = entry.path().filename().string();
    return name == kLock || name.front() == '.';
  });
}

}  // namespace

bool IsInterrupted(const std::filesystem::path& folder) {
  const RunFile file = Read(folder);
  return file.format() != 0 && !file.finished();
}

absl::Status CleanRun(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> all;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const bool stays = name == kRun || name == kLock || name == kCheckpoints || name.starts_with(kEvents);
    if (!stays) all.push_back(entry.path());
  }
  all.push_back(folder / kCheckpoints);  // the last: by these it is seen that there is something to delete
  for (const auto& path : all) {
    std::filesystem::remove_all(path, error);
    if (error) return absl::UnavailableError(absl::StrCat("cannot delete ", path.string(), ": ", error.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<RunFolder>> RunFolder::Open(const std::filesystem::path& root, const std::string& name,
                                                           const std::string& version, const std::string& key) {
  const std::filesystem::path runs = root / "runs" / name;
  const auto made = [&](std::string of, std::unique_ptr<base::FileLock> lock) {
    base::RemoveUnpublished(root / name, of);
    std::filesystem::path path = runs / of;
    return std::unique_ptr<RunFolder>(new RunFolder(std::move(path), std::move(of), key, std::move(lock)));
  };
  // One that was interrupted.
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(runs, error)) {
    const std::string of = entry.path().filename().string();
    RunFile file = Read(entry.path());
    if (file.finished() && std::filesystem::exists(entry.path() / kCheckpoints, error)) {
      // It was killed before it had tidied up.
      ASSIGN_OR_RETURN(const auto lock, base::FileLock::Try(entry.path() / kLock));
      if (lock != nullptr) RETURN_IF_ERROR(CleanRun(entry.path()));
    }
    if (file.format() == 0 && std::filesystem::exists(entry.path() / kCheckpoints, error)) {
      base::Note(absl::StrCat("the run ", entry.path().string(), " is not gone on with, whatever it is of: its ", kRun,
                              " is missing or damaged; delete it"));
    }
    if ((!version.empty() && of != version) || file.key() != key || file.finished() || file.format() == 0) continue;
    ASSIGN_OR_RETURN(std::unique_ptr<base::FileLock> lock, base::FileLock::Try(entry.path() / kLock));
    // It may have finished, or deleted itself, just before the lock was free.
    file = Read(entry.path());
    if (lock != nullptr && file.format() != 0 && file.key() == key && !file.finished())
      return made(of, std::move(lock));
  }
  // The last one, if it was killed before it could say whose it is: its number would be lost.
  if (int64_t next = 0; version.empty() && absl::SimpleAtoi(NextVersion(root, name), &next)) {
    const std::string of = absl::StrCat(next - 1);
    if (IsEmpty(runs / of) && !std::filesystem::exists(root / name / of, error)) {
      ASSIGN_OR_RETURN(std::unique_ptr<base::FileLock> lock, base::FileLock::Try(runs / of / kLock));
      if (lock != nullptr && IsEmpty(runs / of)) {  // and nobody is about to
        RETURN_IF_ERROR(CleanRun(runs / of));
        RETURN_IF_ERROR(Write(runs / of, key, false));
        return made(of, std::move(lock));
      }
    }
  }
  for (;;) {
    const std::string of = version.empty() ? NextVersion(root, name) : version;
    if (const auto artifact = root / name / of; std::filesystem::exists(artifact, error)) {
      return base::AboutField(absl::AlreadyExistsError(absl::StrCat("version: ", artifact.string(), " exists already")),
                              "version");
    }
    ASSIGN_OR_RETURN(std::unique_ptr<base::FileLock> lock, base::FileLock::Try(runs / of / kLock));
    const RunFile file = Read(runs / of);
    if (lock != nullptr && (file.format() == 0 || file.finished())) {
      RETURN_IF_ERROR(CleanRun(runs / of));
      RETURN_IF_ERROR(Write(runs / of, key, false));
      return made(of, std::move(lock));
    }
    if (version.empty()) continue;  // another job took the number
    return base::AboutField(
        absl::FailedPreconditionError(absl::StrCat(
            "version: ", (runs / of).string(),
            lock == nullptr ? " is being trained by another process"
                            : " is of a run with another configuration that was interrupted; delete it, or give "
                              "another version")),
        "version");
  }
}

RunFolder::~RunFolder() {
  std::error_code error;
  if (Read(path_).finished() || std::filesystem::exists(path_ / kCheckpoints, error)) return;
  std::filesystem::remove_all(path_, error);
}

absl::Status RunFolder::Finish() {
  RETURN_IF_ERROR(Write(path_, key_, true));
  return CleanRun(path_);
}

}  // namespace vickrey::trainer
