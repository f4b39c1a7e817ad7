// The folder that a server reads models from, and what it changes there: artifacts that are uploaded or deleted.
#ifndef SERVER_ARTIFACT_ROOT_H_
#define SERVER_ARTIFACT_ROOT_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/upload_folder.h"
#include "vickrey/base/files.h"
#include "vickrey/model/model.h"
#include "vickrey/v1/model_service.pb.h"

namespace vickrey::server {

// INVALID_ARGUMENT naming the field for a name or version that is not a folder of its own.
absl::Status CheckFolderName(const char* field, const std::string& name);

// NAME/VERSION folders under a root. Whatever is asked, nothing outside the root is read, written or deleted; links
// that lead out of it are refused.
//
// Thread-safe; what two callers do to the same version at a time may fail, but leaves no half of it.
class ArtifactRoot {
 public:
  explicit ArtifactRoot(std::filesystem::path root) : root_(std::move(root)) {}

  // The folder of NAME/VERSION. INVALID_ARGUMENT naming `path`, NOT_FOUND: there is none.
  absl::StatusOr<std::filesystem::path> FolderOf(const std::string& path) const;

  // Whether there is anything of this name and version.
  bool Has(const std::string& name, const std::string& version) const;

  // Deletes the folder of a version: first, in one step, its name, then the files; those who have them mapped keep
  // them. NOT_FOUND: there is none; INVALID_ARGUMENT: it is not a folder of its own but a link, or holds a file that no
  // artifact has, as a trainer's data sets beside the artifacts do. Nothing is deleted then.
  absl::Status Delete(const std::string& name, const std::string& version) const;

  // Deletes what uploads and deletions of servers that were killed have left; what other servers are at stays.
  void RemoveUnfinished() const;

 private:
  friend class Upload;

  // ROOT/NAME, whether it is there or not. INVALID_ARGUMENT naming `field` where it is a link or a file.
  absl::StatusOr<std::filesystem::path> ParentOf(const char* field, const std::string& name) const;

  const std::filesystem::path root_;
};

// An artifact that arrives in pieces:
//   1. Begin makes a hidden folder under the root;
//   2. Write takes pieces of its files, the pieces of a file one after the other;
//   3. Load checks and warms the whole, as a server does that reads it from the root;
//   4. Publish makes it visible under the root, in one step.
// Destroyed before step 4 it leaves nothing behind. A process that is killed leaves the hidden folder, until
// RemoveUnfinished.
//
// Not thread-safe.
class Upload {
 public:
  // INVALID_ARGUMENT naming the field. `max_bytes`: of all files together. `root` must outlive it.
  static absl::StatusOr<std::unique_ptr<Upload>> Begin(const ArtifactRoot& root,
                                                       const vickrey::v1::UploadModelRequest::Header& header,
                                                       int64_t max_bytes);

  // INVALID_ARGUMENT naming the field; RESOURCE_EXHAUSTED: it is too large, or the disk is full.
  absl::Status Write(const vickrey::v1::UploadModelRequest::Chunk& chunk);

  // INVALID_ARGUMENT: a file is missing, the artifact does not pass its checks or its warm-up, or is another version.
  absl::StatusOr<std::shared_ptr<const model::Model>> Load();

  // False where the same artifact was there before. ALREADY_EXISTS: another one is.
  absl::StatusOr<bool> Publish(const model::Model& model);

  const std::string& name() const { return header_.name(); }
  const std::string& version() const { return header_.version(); }

 private:
  Upload(const ArtifactRoot& root, vickrey::v1::UploadModelRequest::Header header, int64_t max_bytes,
         std::unique_ptr<UploadFolder> folder)
      : root_(root), header_(std::move(header)), max_bytes_(max_bytes), folder_(std::move(folder)) {}
  absl::Status EndFile();

  const ArtifactRoot& root_;
  const vickrey::v1::UploadModelRequest::Header header_;
  const int64_t max_bytes_;
  const std::unique_ptr<UploadFolder> folder_;
  std::set<std::string> files_;  // that have begun
  std::string file_;             // that is being written; empty: none
  std::unique_ptr<base::FilePublisher> writing_;
  int64_t bytes_ = 0;  // of all files
  size_t file_bytes_ = 0;
};

}  // namespace vickrey::server

#endif  // SERVER_ARTIFACT_ROOT_H_
