#ifndef SERVER_UPLOAD_FOLDER_H_
#define SERVER_UPLOAD_FOLDER_H_

#include <filesystem>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/base/file_lock.h"
#include "vickrey/base/files.h"

namespace vickrey::server {

// Where an upload is put together: a hidden folder under an artifact root, which servers may share.
//
//   ROOT/.@upload.tmp-XXXXXX/lock                    held as long as its server lives
//   ROOT/.@upload.tmp-XXXXXX/.artifact.tmp-XXXXXX/   the files; renamed to ROOT/NAME/VERSION in the end
//
// Destroyed, it leaves nothing behind but what was published. What a server that was killed leaves is told from what
// another one is at by its lock, which the operating system gives up.
//
// Not thread-safe.
class UploadFolder {
 public:
  // Errors are those of base::FileError.
  static absl::StatusOr<std::unique_ptr<UploadFolder>> Create(const std::filesystem::path& root);
  ~UploadFolder();
  UploadFolder(const UploadFolder&) = delete;
  UploadFolder& operator=(const UploadFolder&) = delete;

  // Where to write the files.
  const std::filesystem::path& path() const { return files_->path(); }

  // Renames them, synced, to `target` under the root. ALREADY_EXISTS: it is there; theirs stays.
  absl::Status PublishAs(const std::filesystem::path& target) { return files_->PublishAs(target); }

  // Deletes under `root` those whose server has ended.
  static void RemoveAbandoned(const std::filesystem::path& root);

 private:
  UploadFolder(std::filesystem::path folder, std::unique_ptr<base::FileLock> lock,
               std::unique_ptr<base::FolderPublisher> files)
      : folder_(std::move(folder)), lock_(std::move(lock)), files_(std::move(files)) {}

  const std::filesystem::path folder_;
  const std::unique_ptr<base::FileLock> lock_;
  std::unique_ptr<base::FolderPublisher> files_;
};

}  // namespace vickrey::server

#endif  // SERVER_UPLOAD_FOLDER_H_
