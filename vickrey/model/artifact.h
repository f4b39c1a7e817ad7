// The artifact of a trained model: a folder NAME/VERSION with model.json (storage/v1/artifact.proto),
// weights.safetensors and SHA256SUMS, which `sha256sum -c` reads too. Nothing in it can run code.
#ifndef VICKREY_MODEL_ARTIFACT_H_
#define VICKREY_MODEL_ARTIFACT_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "vickrey/base/mapped_file.h"
#include "vickrey/features/schema.h"
#include "vickrey/model/layout.h"
#include "vickrey/model/tensors.h"
#include "vickrey/storage/v1/artifact.pb.h"

namespace vickrey::model {

inline constexpr int kArtifactFormat = 1;

// The files of an artifact, and how large each may be; of the weights the network says it.
struct ArtifactFile {
  std::string_view name;
  size_t max_bytes;
};
inline constexpr ArtifactFile kArtifactFiles[] = {
    {"SHA256SUMS", 4096},
    {"model.json", size_t{1} << 25},  // parsed it takes many times as much
    {"weights.safetensors", SIZE_MAX}};

// Whether a name or a version is an id and a folder of its own: not "." or "..".
bool IsFolderName(std::string_view text);

// An artifact that passed every check. Its weights are not copied: they lie in the mapped file, which must outlive
// whoever reads them there, and take memory as far as they are read.
struct Artifact {
  vickrey::storage::v1::ModelFile file;
  std::shared_ptr<const features::Schema> schema;
  Layout layout;
  std::shared_ptr<const base::MappedFile> mapped;  // of the weights
  TensorViews weights;                             // in `mapped`
  std::string sha256;  // of SHA256SUMS, 64 hexadecimal digits: equal digests predict the same bits
};

// Reads and checks an artifact: sums, format, names, schema, architecture, every tensor's name, shape and values. Of a
// file nothing is parsed before its sum is known to be right. The files must not be changed in place from then on
// (base/mapped_file.h); a published artifact never is.
// NOT_FOUND if there is no such folder; DATA_LOSS, or UNIMPLEMENTED for a format of a later version, naming the file
// and what is wrong with it.
absl::StatusOr<Artifact> LoadArtifact(const std::filesystem::path& folder);

// Where an artifact was written, and its digest.
struct WrittenArtifact {
  std::filesystem::path folder;
  std::string sha256;
};

// Writes `root`/NAME/VERSION, visible and on disk in one step and without another copy of the weights; `file.format` is
// set. ALREADY_EXISTS if the version is there, RESOURCE_EXHAUSTED if the disk is full; nothing is changed then.
// INVALID_ARGUMENT for a name or a version that is not an id.
absl::StatusOr<WrittenArtifact> WriteArtifact(const std::filesystem::path& root, vickrey::storage::v1::ModelFile file,
                                              const TensorViews& weights);

// The whole number after the greatest one among the versions of `name` under `root`; "1" if there is none.
std::string NextVersion(const std::filesystem::path& root, std::string_view name);

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_ARTIFACT_H_
