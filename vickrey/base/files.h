// Files and folders that other processes may be reading: what becomes visible is whole and on disk.
#ifndef VICKREY_BASE_FILES_H_
#define VICKREY_BASE_FILES_H_

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vickrey::base {

// The status of the last failed system call (errno) on a file: "cannot ACTION FILE: reason". A file that is not there
// is NOT_FOUND, one that is there ALREADY_EXISTS, no permission PERMISSION_DENIED, a full disk RESOURCE_EXHAUSTED,
// anything else UNAVAILABLE.
absl::Status FileError(std::string_view action, const std::filesystem::path& file);

// The whole file. RESOURCE_EXHAUSTED if it is larger than `max_bytes`.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& file, size_t max_bytes = size_t{1} << 30);

// Writes all of `bytes` at an offset of an open file. Errors as FileError, naming `file`.
absl::Status WriteAt(int fd, int64_t offset, std::string_view bytes, const std::filesystem::path& file);

// Puts `contents` in the place of `file`, which a reader sees either as it was or whole; on disk when this returns.
// On failure `file` is as it was.
absl::Status WriteFileAtomically(const std::filesystem::path& file, std::string_view contents);

// Makes a folder and its missing parents, each on disk before the next. One that is there already is good.
absl::Status MakeFolders(const std::filesystem::path& folder);

// Deletes what publishers (below) that were killed left aside in a folder: of all targets, or of the one with this
// name. REQUIRES: nobody publishes there meanwhile; a lock says so.
void RemoveUnpublished(const std::filesystem::path& folder, std::string_view name = {});

// A file that is written aside, for what is too large to hold, and becomes visible, whole and on disk, in one rename:
//   1. Create makes an empty file beside the target, named .TARGET.tmp-XXXXXX;
//   2. the owner calls Write, or writes to fd();
//   3. Publish syncs it and puts it in the place of the target, which a reader sees either as it was or whole.
// Destroyed before a successful Publish it removes what was written, and the target is as it was.
//
// Not thread-safe.
class FilePublisher {
 public:
  static absl::StatusOr<std::unique_ptr<FilePublisher>> Create(const std::filesystem::path& target);
  ~FilePublisher();
  FilePublisher(const FilePublisher&) = delete;
  FilePublisher& operator=(const FilePublisher&) = delete;

  // Open for writing; closed by the publisher.
  int fd() const { return fd_; }

  // Appends all of `bytes`. After an error, a full disk say, the file can only be destroyed.
  absl::Status Write(std::string_view bytes);

  // If the very last sync, of the folder, fails, the file is visible and may not survive a power loss. Publishing twice
  // is FAILED_PRECONDITION.
  absl::Status Publish();

 private:
  FilePublisher(std::filesystem::path target, std::string aside, int fd);

  const std::filesystem::path target_;
  const std::string aside_;
  const int fd_;
  bool published_ = false;
};

// A folder that is filled aside and becomes visible, whole and on disk, in one rename:
//   1. Create makes an empty folder beside the target, named .TARGET.tmp-XXXXXX;
//   2. the owner writes files below path();
//   3. Publish syncs every file and folder, and renames it to the target.
// Destroyed before a successful Publish it removes what was written. After a crash the folder aside stays behind until
// RemoveUnpublished; its name begins with a dot, which readers of such folders skip.
//
// Not thread-safe.
class FolderPublisher {
 public:
  // ALREADY_EXISTS if the target exists. Missing parent folders are made.
  static absl::StatusOr<std::unique_ptr<FolderPublisher>> Create(const std::filesystem::path& target);
  ~FolderPublisher();
  FolderPublisher(const FolderPublisher&) = delete;
  FolderPublisher& operator=(const FolderPublisher&) = delete;

  // Where to write.
  const std::filesystem::path& path() const { return aside_; }

  // ALREADY_EXISTS if someone else published the target meanwhile: theirs stays, this one can only be destroyed.
  // Publishing twice is FAILED_PRECONDITION. On any other failure nothing is visible and Publish can be tried again,
  // but for one: if the very last sync, of the parent folder, fails, the target is visible and may not survive a power
  // loss.
  absl::Status Publish() { return PublishAs(target_); }
  // The same under another name beside the target, for a name that depends on the contents.
  absl::Status PublishAs(const std::filesystem::path& target);

 private:
  FolderPublisher(std::filesystem::path target, std::filesystem::path aside);

  const std::filesystem::path target_;
  const std::filesystem::path aside_;
  bool published_ = false;
};

}  // namespace vickrey::base

#endif  // VICKREY_BASE_FILES_H_
