#include "vickrey/base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "vickrey/base/status.h"

namespace vickrey::base {
namespace {

namespace fs = std::filesystem;

// In the names of what is written aside, before random characters.
constexpr char kAside[] = ".tmp-";
constexpr size_t kRandom = 6;

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::StatusCode::kNotFound;
    case EEXIST:
    case ENOTEMPTY:
      return absl::StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

absl::Status FileErrorOf(int error, std::string_view action, const fs::path& file) {
  return {CodeOf(error), absl::StrCat("cannot ", absl::string_view(action.data(), action.size()), " ", file.string(),
                                      ": ", std::generic_category().message(error))};
}

absl::Status Sync(const fs::path& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return FileError("open", path);
  const absl::Cleanup close_it = [fd] { close(fd); };
  if (fsync(fd) != 0) return FileError("sync", path);
  return absl::OkStatus();
}

absl::Status SyncFolder(const fs::path& folder) { return Sync(folder, O_RDONLY | O_DIRECTORY); }

fs::path ParentOf(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

// Syncs all files and folders below `folder`, and itself.
absl::Status SyncTree(const fs::path& folder) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->is_symlink(error)) continue;
    if (it->is_directory(error)) {
      RETURN_IF_ERROR(SyncFolder(it->path()));
    } else if (it->is_regular_file(error)) {
      RETURN_IF_ERROR(Sync(it->path(), O_RDONLY));
    }
  }
  if (error) return FileErrorOf(error.value(), "list", folder);
  return SyncFolder(folder);
}

// Renames a folder to a name that nothing has. File systems without that promise (NFS) refuse it with EINVAL; plain
// rename then refuses a folder that is not empty, which a published one is not.
bool RenameToNew(const fs::path& from, const fs::path& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  return errno == EINVAL && std::rename(from.c_str(), to.c_str()) == 0;
}

// A template for mkstemp and mkdtemp: a hidden name beside `target`.
std::string TemplateBeside(const fs::path& target) {
  return (ParentOf(target) / absl::StrCat(".", target.filename().string(), kAside, std::string(kRandom, 'X'))).string();
}

}  // namespace

absl::Status FileError(std::string_view action, const fs::path& file) { return FileErrorOf(errno, action, file); }

absl::StatusOr<std::string> ReadFile(const fs::path& file, size_t max_bytes) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileError("open", file);
  const absl::Cleanup close_it = [fd] { close(fd); };
  std::string contents;
  std::vector<char> buffer(1 << 16);
  while (true) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError("read", file);
    if (got == 0) return contents;
    contents.append(buffer.data(), static_cast<size_t>(got));
    if (contents.size() > max_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(file.string(), " is larger than ", max_bytes, " bytes"));
    }
  }
}

absl::Status WriteAt(int fd, int64_t offset, std::string_view bytes, const std::filesystem::path& file) {
  while (!bytes.empty()) {
    const ssize_t wrote = pwrite(fd, bytes.data(), bytes.size(), offset);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return FileError("write", file);
    bytes.remove_prefix(static_cast<size_t>(wrote));
    offset += wrote;
  }
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const fs::path& file, std::string_view contents) {
  ASSIGN_OR_RETURN(const auto publisher, FilePublisher::Create(file));
  RETURN_IF_ERROR(publisher->Write(contents));
  return publisher->Publish();
}

FilePublisher::FilePublisher(fs::path target, std::string aside, int fd)
    : target_(std::move(target)), aside_(std::move(aside)), fd_(fd) {}

absl::StatusOr<std::unique_ptr<FilePublisher>> FilePublisher::Create(const fs::path& target) {
  std::string aside = TemplateBeside(target);
  const int fd = mkostemp(aside.data(), O_CLOEXEC);
  if (fd < 0) return FileError("make a file beside", target);
  return std::unique_ptr<FilePublisher>(new FilePublisher(target, std::move(aside), fd));
}

FilePublisher::~FilePublisher() {
  close(fd_);
  if (!published_) unlink(aside_.c_str());
}

absl::Status FilePublisher::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError("write", target_);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status FilePublisher::Publish() {
  if (published_) return absl::FailedPreconditionError(absl::StrCat(target_.string(), " is published already"));
  if (fchmod(fd_, 0644) != 0) return FileError("set the permissions of", target_);
  if (fsync(fd_) != 0) return FileError("sync", target_);
  if (std::rename(aside_.c_str(), target_.c_str()) != 0) return FileError("replace", target_);
  published_ = true;
  return SyncFolder(ParentOf(target_));
}

absl::Status MakeFolders(const fs::path& folder) {
  std::error_code error;
  if (fs::path parent = ParentOf(folder); !fs::exists(folder, error) && parent != folder) {
    RETURN_IF_ERROR(MakeFolders(parent));
  }
  if (mkdir(folder.c_str(), 0777) == 0) return SyncFolder(ParentOf(folder));
  if (errno != EEXIST) return FileError("make", folder);
  if (fs::is_directory(folder, error)) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat("cannot make ", folder.string(), ": it is there, and no folder"));
}

void RemoveUnpublished(const fs::path& folder, std::string_view name) {
  std::error_code error;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string of = entry.path().filename().string();
    const size_t aside = of.rfind(kAside);
    if (of[0] != '.' || aside == std::string::npos || aside + sizeof(kAside) - 1 + kRandom != of.size()) continue;
    if (name.empty() || name == std::string_view(of).substr(1, aside - 1)) found.push_back(entry.path());
  }
  for (const fs::path& path : found) fs::remove_all(path, error);
}

FolderPublisher::FolderPublisher(fs::path target, fs::path aside)
    : target_(std::move(target)), aside_(std::move(aside)) {}

absl::StatusOr<std::unique_ptr<FolderPublisher>> FolderPublisher::Create(const fs::path& target) {
  fs::path clean = target.lexically_normal();
  if (!clean.has_filename()) clean = clean.parent_path();
  if (clean.filename().empty() || clean.filename() == "." || clean.filename() == "..") {
    return absl::InvalidArgumentError(absl::StrCat("'", target.string(), "' does not name a folder to make"));
  }
  std::error_code error;
  if (fs::exists(fs::symlink_status(clean, error))) {
    return absl::AlreadyExistsError(absl::StrCat(clean.string(), " exists already"));
  }
  RETURN_IF_ERROR(MakeFolders(ParentOf(clean)));
  std::string aside = TemplateBeside(clean);
  if (mkdtemp(aside.data()) == nullptr) return FileError("make a folder beside", clean);
  if (chmod(aside.c_str(), 0755) != 0) return FileError("set the permissions of", aside);
  return std::unique_ptr<FolderPublisher>(new FolderPublisher(clean, aside));
}

FolderPublisher::~FolderPublisher() {
  std::error_code ignored;  // nobody to tell; what stays behind is hidden
  if (!published_) fs::remove_all(aside_, ignored);
}

absl::Status FolderPublisher::PublishAs(const fs::path& target) {
  if (published_) return absl::FailedPreconditionError(absl::StrCat(aside_.string(), " is published already"));
  RETURN_IF_ERROR(SyncTree(aside_));
  if (!RenameToNew(aside_, target)) return FileError("publish", target);
  published_ = true;
  return SyncFolder(ParentOf(target));
}

}  // namespace vickrey::base
