#include "server/upload_folder.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"

namespace vickrey::server {
namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = ".@upload.tmp-", kLock[] = "lock", kFiles[] = "artifact";  // no name holds an @
constexpr int kTries = 10;

}  // namespace

absl::StatusOr<std::unique_ptr<UploadFolder>> UploadFolder::Create(const fs::path& root) {
  for (int i = 0; i < kTries; ++i) {
    std::string folder = (root / absl::StrCat(kPrefix, "XXXXXX")).string();
    if (mkdtemp(folder.data()) == nullptr) return base::FileError("make", folder);
    // A server that starts right now may take it for one that was left behind, and delete it up to the moment when our
    // lock can be seen there. Then there is another.
    std::error_code error;
    auto lock = base::FileLock::Try(fs::path(folder) / kLock);
    if (lock.ok() ? *lock == nullptr : !fs::exists(folder, error)) continue;
    RETURN_IF_ERROR(lock.status());
    auto files = base::FolderPublisher::Create(fs::path(folder) / kFiles);
    const bool is_ours = fs::exists(fs::path(folder) / kLock, error);
    if (is_ours && files.ok()) {
      return std::unique_ptr<UploadFolder>(new UploadFolder(folder, *std::move(lock), *std::move(files)));
    }
    const absl::Status status = files.status();
    files = absl::CancelledError();  // before its folder
    fs::remove_all(folder, error);
    if (is_ours) return status;
  }
  return absl::UnavailableError(absl::StrCat("cannot make a folder under ", root.string(), " to myself"));
}

UploadFolder::~UploadFolder() {
  files_ = nullptr;
  std::error_code ignored;  // nobody to tell; the next server that starts finds it
  fs::remove_all(folder_, ignored);
}

void UploadFolder::RemoveAbandoned(const fs::path& root) {
  std::error_code error;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(root, error)) {
    if (!entry.is_directory(error) || entry.is_symlink(error)) continue;
    if (entry.path().filename().string().starts_with(kPrefix)) found.push_back(entry.path());
  }
  for (const fs::path& folder : found) {
    const auto lock = base::FileLock::Try(folder / kLock);
    if (lock.ok() && *lock != nullptr) fs::remove_all(folder, error);
  }
}

}  // namespace vickrey::server
