#include "vickrey/log/faulty_env_testing.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "rocksdb/file_system.h"
#include "rocksdb/system_clock.h"

namespace vickrey::log {
namespace {

namespace fs = std::filesystem;
using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr int64_t kEndless = std::numeric_limits<int64_t>::max();

std::string FolderOf(const std::string& file) { return fs::path(file).lexically_normal().parent_path().string(); }

}  // namespace

// What FaultyEnv is said to do. One lock around all that changes files, so that power is lost between two changes.
class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultyFileSystem(fs::path saved)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), saved_(std::move(saved)) {
    fs::create_directories(saved_);
  }
  const char* Name() const override { return "Faulty"; }

  // Files.

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* debug) override;
  IOStatus ReopenWritableFile(const std::string&, const FileOptions&, std::unique_ptr<rocksdb::FSWritableFile>*,
                              IODebugContext*) override {
    return IOStatus::NotSupported("a file is written once");
  }
  IOStatus ReuseWritableFile(const std::string&, const std::string&, const FileOptions&,
                             std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
    return IOStatus::NotSupported("a file is written once");
  }
  IOStatus NewRandomRWFile(const std::string&, const FileOptions&, std::unique_ptr<rocksdb::FSRandomRWFile>*,
                           IODebugContext*) override {
    return IOStatus::NotSupported("a file is written once");
  }
  IOStatus Truncate(const std::string&, size_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported("a file is written once");
  }

  IOStatus DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    const absl::MutexLock lock(&mu_);
    if (IOStatus status = Step(); !status.ok()) return status;
    Change change{.kind = Change::kDeleted, .path = path, .saved = Save(path)};
    IOStatus status = target()->DeleteFile(path, options, debug);
    if (!status.ok()) return status;
    change.replaced = Forget(path);
    changes_[FolderOf(path)].push_back(std::move(change));
    return status;
  }

  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    const absl::MutexLock lock(&mu_);
    if (IOStatus status = Step(); !status.ok()) return status;
    if (fs::is_directory(from)) return target()->RenameFile(from, to, options, debug);
    Change change{.kind = Change::kRenamed, .path = to, .from = from, .saved = Save(to)};
    IOStatus status = target()->RenameFile(from, to, options, debug);
    if (!status.ok()) return status;
    change.replaced = Forget(to);
    if (auto file = Forget(from)) files_[to] = std::move(file);
    changes_[FolderOf(to)].push_back(std::move(change));
    return status;
  }

  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    IODebugContext* debug) override {
    const absl::MutexLock lock(&mu_);
    if (IOStatus status = Step(); !status.ok()) return status;
    IOStatus status = target()->LinkFile(from, to, options, debug);
    if (!status.ok()) return status;
    if (const auto it = files_.find(from); it != files_.end()) files_[to] = it->second;
    changes_[FolderOf(to)].push_back({.kind = Change::kMade, .path = to});
    return status;
  }

  // Folders: that they are made and deleted is taken as on disk.

  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext* debug) override;
  IOStatus CreateDir(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    const absl::MutexLock lock(&mu_);
    IOStatus status = Step();
    return status.ok() ? target()->CreateDir(path, options, debug) : status;
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    const absl::MutexLock lock(&mu_);
    IOStatus status = Step();
    return status.ok() ? target()->CreateDirIfMissing(path, options, debug) : status;
  }
  IOStatus DeleteDir(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    const absl::MutexLock lock(&mu_);
    IOStatus status = Step();
    return status.ok() ? target()->DeleteDir(path, options, debug) : status;
  }
  IOStatus GetFreeSpace(const std::string& path, const IOOptions& options, uint64_t* free,
                        IODebugContext* debug) override {
    const absl::MutexLock lock(&mu_);
    if (space_ == kEndless) return target()->GetFreeSpace(path, options, free, debug);
    *free = static_cast<uint64_t>(space_);
    return IOStatus::OK();
  }

  // For FaultyEnv.

  void LosePowerAfter(int64_t changes) {
    const absl::MutexLock lock(&mu_);
    changes_left_ = changes;
  }
  bool lost_power() const {
    const absl::MutexLock lock(&mu_);
    return lost_power_;
  }
  void Restart(base::RandomStream& random);
  void SetSpace(int64_t bytes, const std::string& of) {
    const absl::MutexLock lock(&mu_);
    space_ = bytes;
    space_of_ = of;
  }
  void FailSyncs(bool fail) {
    const absl::MutexLock lock(&mu_);
    fail_syncs_ = fail;
  }
  void HoldSyncs(bool hold) {
    const absl::MutexLock lock(&mu_);
    hold_syncs_ = hold;
  }
  int64_t syncs() const {
    const absl::MutexLock lock(&mu_);
    return syncs_;
  }

 private:
  class WritableFile;
  class Directory;

  struct File {
    uint64_t size = 0, synced = 0;  // bytes
  };
  // A change of the names in a folder that is not synced.
  struct Change {
    enum { kMade, kRenamed, kDeleted } kind;
    std::string path;
    std::string from;                     // kRenamed
    std::string saved;                    // another name of what was at `path` before, empty for none
    std::shared_ptr<File> replaced = {};  // the same
  };

  // Counts a change; an error once power is lost.
  IOStatus Step() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (changes_left_ == 0) lost_power_ = true;
    if (lost_power_) return IOStatus::IOError("power is lost");
    if (changes_left_ != kEndless) --changes_left_;
    return IOStatus::OK();
  }

  static IOStatus NoSpace(const std::string& path) {  // as RocksDB makes it of ENOSPC
    IOStatus status = IOStatus::NoSpace("No space left on device", path);
    status.SetRetryable(true);
    return status;
  }

  // Gives a file another name, for it to come back by.
  std::string Save(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (!fs::exists(path)) return "";
    std::string saved = saved_ / absl::StrCat(++saves_);
    fs::create_hard_link(path, saved);
    return saved;
  }

  std::shared_ptr<File> Forget(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const auto node = files_.extract(path);
    return node.empty() ? nullptr : node.mapped();
  }

  IOStatus Append(const std::string& path, File& file, const Slice& data, rocksdb::FSWritableFile* target,
                  const IOOptions& options, IODebugContext* debug);
  IOStatus Sync(const std::string& path, File& file);
  IOStatus SyncFolder(const std::string& path);
  void Undo(const Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const fs::path saved_;

  mutable absl::Mutex mu_;
  std::map<std::string, std::shared_ptr<File>> files_ ABSL_GUARDED_BY(mu_);  // written here, by path
  std::map<std::string, std::vector<Change>> changes_ ABSL_GUARDED_BY(mu_);  // by folder, the first first
  int64_t saves_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t changes_left_ ABSL_GUARDED_BY(mu_) = kEndless;
  bool lost_power_ ABSL_GUARDED_BY(mu_) = false;
  int64_t space_ ABSL_GUARDED_BY(mu_) = kEndless;
  std::string space_of_ ABSL_GUARDED_BY(mu_);
  bool fail_syncs_ ABSL_GUARDED_BY(mu_) = false;
  bool hold_syncs_ ABSL_GUARDED_BY(mu_) = false;
  int64_t syncs_ ABSL_GUARDED_BY(mu_) = 0;
};

namespace {

// RocksDB sleeps for a second after each failure in the background, for the disk's sake; tests have none to spare.
class ImpatientClock final : public rocksdb::SystemClockWrapper {
 public:
  ImpatientClock() : SystemClockWrapper(rocksdb::SystemClock::Default()) {}
  const char* Name() const override { return "Impatient"; }
  void SleepForMicroseconds(int micros) override { target_->SleepForMicroseconds(std::min(micros, 1000)); }
};

class Env final : public rocksdb::EnvWrapper {
 public:
  explicit Env(const std::shared_ptr<rocksdb::FileSystem>& files) : EnvWrapper(rocksdb::NewCompositeEnv(files)) {
    file_system_ = files;
    system_clock_ = std::make_shared<ImpatientClock>();
  }
  const char* Name() const override { return "Faulty"; }
};

}  // namespace

class FaultyFileSystem::WritableFile final : public rocksdb::FSWritableFile {
 public:
  WritableFile(FaultyFileSystem* owner, std::string path, std::shared_ptr<File> file,
               std::unique_ptr<rocksdb::FSWritableFile> target)
      : owner_(*owner), path_(std::move(path)), file_(std::move(file)), target_(std::move(target)) {}

  using rocksdb::FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    return owner_.Append(path_, *file_, data, target_.get(), options, debug);
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override { return target_->Close(options, debug); }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return owner_.Sync(path_, *file_); }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const IOOptions& options, IODebugContext* debug) override {
    return target_->GetFileSize(options, debug);
  }
  // No space is reserved: the target would cut it off when it is closed, after a restart perhaps.
  void PrepareWrite(size_t, size_t, const IOOptions&, IODebugContext*) override {}

 private:
  FaultyFileSystem& owner_;
  const std::string path_;
  const std::shared_ptr<File> file_;
  const std::unique_ptr<rocksdb::FSWritableFile> target_;
};

class FaultyFileSystem::Directory final : public rocksdb::FSDirectory {
 public:
  Directory(FaultyFileSystem* owner, std::string path, std::unique_ptr<rocksdb::FSDirectory> target)
      : owner_(*owner), path_(std::move(path)), target_(std::move(target)) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return owner_.SyncFolder(path_); }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override { return target_->Close(options, debug); }

 private:
  FaultyFileSystem& owner_;
  const std::string path_;
  const std::unique_ptr<rocksdb::FSDirectory> target_;
};

IOStatus FaultyFileSystem::NewWritableFile(const std::string& path, const FileOptions& options,
                                           std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* debug) {
  const absl::MutexLock lock(&mu_);
  if (IOStatus status = Step(); !status.ok()) return status;
  const bool is_new = !fs::exists(path);
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = target()->NewWritableFile(path, options, &file, debug);
  if (!status.ok()) return status;
  if (is_new) changes_[FolderOf(path)].push_back({.kind = Change::kMade, .path = path});
  const auto state = std::make_shared<File>();
  files_[path] = state;
  *result = std::make_unique<WritableFile>(this, path, state, std::move(file));
  return status;
}

IOStatus FaultyFileSystem::NewDirectory(const std::string& path, const IOOptions& options,
                                        std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  IOStatus status = target()->NewDirectory(path, options, &directory, debug);
  if (status.ok()) *result = std::make_unique<Directory>(this, FolderOf(path + "/x"), std::move(directory));
  return status;
}

IOStatus FaultyFileSystem::Append(const std::string& path, File& file, const Slice& data,
                                  rocksdb::FSWritableFile* target, const IOOptions& options, IODebugContext* debug) {
  const absl::MutexLock lock(&mu_);
  if (IOStatus status = Step(); !status.ok()) return status;
  const bool limited = space_ != kEndless && path.ends_with(space_of_);
  const size_t size = limited ? std::min<size_t>(data.size(), static_cast<size_t>(space_)) : data.size();
  if (size > 0) {
    IOStatus status = target->Append(Slice(data.data(), size), options, debug);
    if (!status.ok()) return status;
  }
  file.size += size;
  if (limited) space_ -= static_cast<int64_t>(size);
  return size == data.size() ? IOStatus::OK() : NoSpace(path);
}

IOStatus FaultyFileSystem::Sync(const std::string& path, File& file) {
  const absl::MutexLock lock(&mu_);
  if (path.ends_with(".log")) {
    ++syncs_;
    mu_.Await(absl::Condition(
        +[](bool* hold) { return !*hold; }, &hold_syncs_));
  }
  if (IOStatus status = Step(); !status.ok()) return status;
  if (fail_syncs_ && path.ends_with(".log")) return NoSpace(path);
  file.synced = file.size;
  return IOStatus::OK();
}

IOStatus FaultyFileSystem::SyncFolder(const std::string& path) {
  const absl::MutexLock lock(&mu_);
  if (IOStatus status = Step(); !status.ok()) return status;
  for (const Change& change : changes_[path]) {
    if (!change.saved.empty()) fs::remove(change.saved);
  }
  changes_.erase(path);
  return IOStatus::OK();
}

void FaultyFileSystem::Undo(const Change& change) {
  std::error_code gone;  // with its folder, which someone renamed
  if (change.kind == Change::kMade) {
    fs::remove(change.path, gone);
    Forget(change.path);
  }
  if (change.kind == Change::kRenamed) {
    fs::rename(change.path, change.from, gone);
    if (auto file = Forget(change.path)) files_[change.from] = std::move(file);
  }
  if (change.saved.empty()) return;
  fs::rename(change.saved, change.path, gone);
  if (change.replaced != nullptr) files_[change.path] = change.replaced;
}

void FaultyFileSystem::Restart(base::RandomStream& random) {
  const absl::MutexLock lock(&mu_);
  for (auto& [folder, changes] : changes_) {
    const size_t kept = random.Below(changes.size() + 1);
    for (size_t i = changes.size(); i-- > kept;) Undo(changes[i]);
  }
  changes_.clear();
  std::set<const File*> cut;  // a file of two names is cut once
  for (const auto& [path, file] : files_) {
    if (file->size == file->synced || !cut.insert(file.get()).second || !fs::exists(path)) continue;
    const uint64_t unsynced = file->size - file->synced;
    const uint64_t way = random.Below(3);
    fs::resize_file(path, file->synced + (way == 0 ? 0 : way == 1 ? unsynced : random.Below(unsynced + 1)));
  }
  files_.clear();
  for (const auto& entry : fs::directory_iterator(saved_)) fs::remove(entry);
  changes_left_ = kEndless;
  lost_power_ = false;
}

FaultyEnv::FaultyEnv(const fs::path& saved)
    : files_(std::make_shared<FaultyFileSystem>(saved)), env_(std::make_unique<Env>(files_)) {}
FaultyEnv::~FaultyEnv() = default;
void FaultyEnv::LosePowerAfter(int64_t changes) { files_->LosePowerAfter(changes); }
bool FaultyEnv::lost_power() const { return files_->lost_power(); }
void FaultyEnv::Restart(base::RandomStream& random) { files_->Restart(random); }
void FaultyEnv::SetSpace(int64_t bytes, const std::string& of) { files_->SetSpace(bytes, of); }
void FaultyEnv::SetEndlessSpace() { files_->SetSpace(kEndless, ""); }
void FaultyEnv::FailSyncs(bool fail) { files_->FailSyncs(fail); }
void FaultyEnv::HoldSyncs() { files_->HoldSyncs(true); }
void FaultyEnv::ReleaseSyncs() { files_->HoldSyncs(false); }
int64_t FaultyEnv::syncs() const { return files_->syncs(); }

}  // namespace vickrey::log
