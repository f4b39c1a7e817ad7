#include "server/artifact_root.h"

#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "vickrey/base/quoted.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"
#include "vickrey/model/artifact.h"

namespace vickrey::server {
namespace {

namespace fs = std::filesystem;

// What is on its way out lies beside the names: no name holds an @.
constexpr char kDeleted[] = "@deleted";

absl::StatusOr<fs::path> Canonical(const fs::path& root) {
  std::error_code error;
  const fs::path canonical = fs::canonical(root, error);
  if (error) return absl::NotFoundError(absl::StrCat("the artifact root ", root.string(), " is not there"));
  return canonical;
}

const model::ArtifactFile* FindFile(const std::string& name) {
  const auto* const found =
      std::ranges::find(model::kArtifactFiles, std::string_view(name), &model::ArtifactFile::name);
  return found == std::end(model::kArtifactFiles) ? nullptr : found;
}

std::string FileNames() {
  return absl::StrJoin(model::kArtifactFiles, ", ", [](std::string* out, const auto& file) { out->append(file.name); });
}

}  // namespace

absl::Status CheckFolderName(const char* field, const std::string& name) {
  if (model::IsFolderName(name)) return absl::OkStatus();
  return base::InvalidField(
      field, absl::StrCat(base::Quoted(name), " is not 1 to 128 characters of [A-Za-z0-9._:-], or is . or .."));
}

absl::StatusOr<fs::path> ArtifactRoot::FolderOf(const std::string& path) const {
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  if (parts.size() != 2 || !model::IsFolderName(parts[0]) || !model::IsFolderName(parts[1])) {
    return base::InvalidField(
        "path", absl::StrCat(base::Quoted(path), " is not NAME/VERSION, a folder under the artifact root"));
  }
  ASSIGN_OR_RETURN(const fs::path root, Canonical(root_));
  std::error_code error;
  const fs::path folder = fs::canonical(root / parts[0] / parts[1], error);
  if (error) return absl::NotFoundError(absl::StrCat("path: there is no ", path, " under the artifact root"));
  const auto [end, rest] = std::mismatch(root.begin(), root.end(), folder.begin(), folder.end());
  if (end != root.end()) {
    return base::InvalidField("path", absl::StrCat(base::Quoted(path), " leads out of the artifact root"));
  }
  for (const auto& file : fs::directory_iterator(folder, error)) {
    if (file.is_symlink(error)) {
      return base::InvalidField("path",
                                absl::StrCat(base::Quoted(path), " holds a link, ", file.path().filename().string(),
                                             ", which may lead out of the artifact root"));
    }
  }
  return folder;
}

bool ArtifactRoot::Has(const std::string& name, const std::string& version) const {
  std::error_code error;
  return fs::exists(fs::symlink_status(root_ / name / version, error));
}

absl::StatusOr<fs::path> ArtifactRoot::ParentOf(const char* field, const std::string& name) const {
  ASSIGN_OR_RETURN(const fs::path root, Canonical(root_));
  std::error_code error;
  const auto status = fs::symlink_status(root / name, error);
  if (fs::exists(status) && !fs::is_directory(status)) {
    return base::InvalidField(field, absl::StrCat(base::Quoted(name), " is not a folder under the artifact root"));
  }
  return root / name;
}

absl::Status ArtifactRoot::Delete(const std::string& name, const std::string& version) const {
  RETURN_IF_ERROR(CheckFolderName("name", name));
  RETURN_IF_ERROR(CheckFolderName("version", version));
  ASSIGN_OR_RETURN(const fs::path parent, ParentOf("name", name));
  const fs::path folder = parent / version;
  std::error_code error;
  const auto status = fs::symlink_status(folder, error);
  if (!fs::exists(status)) {
    return absl::NotFoundError(absl::StrCat("there is no ", name, "/", version, " under the artifact root"));
  }
  if (!fs::is_directory(status)) {
    return base::InvalidField("version",
                              absl::StrCat(base::Quoted(version), " is not a folder under the artifact root"));
  }
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string file = entry.path().filename().string();
    if (FindFile(file) == nullptr || !fs::is_regular_file(entry.symlink_status(error))) {
      return base::InvalidField("version", absl::StrCat(name, "/", version, " is no artifact: it holds ",
                                                        base::Quoted(file), "; only artifacts are deleted"));
    }
  }
  if (error) return base::InvalidField("version", absl::StrCat(base::Quoted(version), " cannot be listed"));
  std::string aside = (parent.parent_path() / absl::StrCat(".", kDeleted, ".tmp-XXXXXX")).string();
  if (mkdtemp(aside.data()) == nullptr) return base::FileError("make", aside);
  if (std::rename(folder.c_str(), aside.c_str()) != 0) {  // over an empty folder
    absl::Status failed = base::FileError("delete", folder);
    fs::remove(aside, error);
    return failed;
  }
  fs::remove_all(aside, error);  // what stays behind is hidden, and goes at the next start
  return absl::OkStatus();
}

void ArtifactRoot::RemoveUnfinished() const {
  UploadFolder::RemoveAbandoned(root_);
  base::RemoveUnpublished(root_, kDeleted);  // another server that is at it wants the same
}

absl::StatusOr<std::unique_ptr<Upload>> Upload::Begin(const ArtifactRoot& root,
                                                      const vickrey::v1::UploadModelRequest::Header& header,
                                                      int64_t max_bytes) {
  RETURN_IF_ERROR(CheckFolderName("header.name", header.name()));
  RETURN_IF_ERROR(CheckFolderName("header.version", header.version()));
  RETURN_IF_ERROR(root.ParentOf("header.name", header.name()));
  auto folder = UploadFolder::Create(root.root_);
  if (absl::IsPermissionDenied(folder.status())) {  // which would be taken for what the caller may do
    return absl::FailedPreconditionError(absl::StrCat("the server takes no uploads: ", folder.status().message()));
  }
  RETURN_IF_ERROR(folder);
  return std::unique_ptr<Upload>(new Upload(root, header, max_bytes, *std::move(folder)));
}

absl::Status Upload::Write(const vickrey::v1::UploadModelRequest::Chunk& chunk) {
  const model::ArtifactFile* const file = FindFile(chunk.file());
  if (file == nullptr) {
    return base::InvalidField("chunk.file", absl::StrCat(base::Quoted(chunk.file()), " is not one of ", FileNames()));
  }
  if (chunk.file() != file_) {
    RETURN_IF_ERROR(EndFile());
    if (!files_.insert(chunk.file()).second) {
      return base::InvalidField("chunk.file",
                                absl::StrCat(base::Quoted(chunk.file()), " has ended, another file followed"));
    }
    ASSIGN_OR_RETURN(writing_, base::FilePublisher::Create(folder_->path() / chunk.file()));
    file_ = chunk.file();
    file_bytes_ = 0;
  }
  file_bytes_ += chunk.data().size();
  bytes_ += static_cast<int64_t>(chunk.data().size());
  if (file_bytes_ > file->max_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(file_, " is larger than ", file->max_bytes, " bytes"));
  }
  if (bytes_ > max_bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the artifact is larger than ", max_bytes_, " bytes, the most that this server takes"));
  }
  return writing_->Write(chunk.data());
}

absl::Status Upload::EndFile() {
  if (writing_ != nullptr) RETURN_IF_ERROR(writing_->Publish());
  writing_ = nullptr;
  file_.clear();
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const model::Model>> Upload::Load() {
  RETURN_IF_ERROR(EndFile());
  for (const model::ArtifactFile& file : model::kArtifactFiles) {
    if (!files_.contains(std::string(file.name))) {
      return base::InvalidField("chunk.file", absl::StrCat(std::string(file.name), " is missing"));
    }
  }
  auto loaded = model::Model::Load(folder_->path());
  if (absl::IsResourceExhausted(loaded.status())) return loaded.status();
  if (!loaded.ok()) {
    // Where it lies for now is of no use to who sent it.
    std::string why(loaded.status().message());
    if (const size_t at = why.find(folder_->path().string()); at != std::string::npos) {
      why.replace(at, folder_->path().string().size(), name() + "/" + version());
    }
    return absl::InvalidArgumentError(why);
  }
  if ((*loaded)->name() != name() || (*loaded)->version() != version()) {
    return base::InvalidField(
        "header", absl::StrCat(name(), "@", version(), " is not what the artifact says it is, ", (*loaded)->ref()));
  }
  return loaded;
}

absl::StatusOr<bool> Upload::Publish(const model::Model& model) {
  ASSIGN_OR_RETURN(const fs::path parent, root_.ParentOf("header.name", name()));
  std::error_code error;
  const bool is_new = !fs::exists(parent, error);
  RETURN_IF_ERROR(base::MakeFolders(parent));
  const fs::path target = parent / version();
  const absl::Status published =
      root_.Has(name(), version()) ? absl::AlreadyExistsError("") : folder_->PublishAs(target);
  if (published.ok()) return true;
  if (is_new) fs::remove(parent, error);
  if (!absl::IsAlreadyExists(published)) return published;
  const auto sums = base::ReadFile(target / model::kArtifactFiles[0].name, model::kArtifactFiles[0].max_bytes);
  if (sums.ok() && base::Sha256Hex(*sums) == model.sha256()) return false;
  return absl::AlreadyExistsError(absl::StrCat("header.version: ", name(), "/", version(), " is there with the digest ",
                                               sums.ok() ? base::Sha256Hex(*sums) : "of none",
                                               "; what was sent is another artifact: ", model.sha256()));
}

}  // namespace vickrey::server
