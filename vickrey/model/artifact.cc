#include "vickrey/model/artifact.h"

#include <cmath>
#include <cstdint>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "vickrey/base/files.h"
#include "vickrey/base/json.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"

namespace vickrey::model {
namespace {

using vickrey::storage::v1::ModelFile;

constexpr char kModel[] = "model.json";
constexpr char kWeights[] = "weights.safetensors";
constexpr char kSums[] = "SHA256SUMS";
constexpr size_t kMaxHeaderBytes = size_t{1} << 24;  // of the weights

// A line of SHA256SUMS.
std::string SumOf(std::string_view bytes, const char* name) {
  return absl::StrCat(base::Sha256Hex(bytes), "  ", name, "\n");
}

// The contents of SHA256SUMS.
std::string SumsOf(std::string_view model, std::string_view weights) {
  return SumOf(model, kModel) + SumOf(weights, kWeights);
}

size_t MaxBytesOf(const Layout& layout) {
  size_t bytes = kMaxHeaderBytes;
  for (const TensorSpec& tensor : layout.tensors) bytes += static_cast<size_t>(CountOf(tensor.shape)) * sizeof(float);
  return bytes;
}

// The format that a model.json says it is of, read before all that an unknown one may hold; the known one where it does
// not say.
int64_t FormatOf(const std::string& text) {
  const auto parsed = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object() || !parsed.contains("format") || !parsed["format"].is_number_integer())
    return kArtifactFormat;
  return parsed["format"].get<int64_t>();
}

// What is damaged, whatever the code that a part of it gave.
absl::Status DataLoss(const absl::Status& status) { return absl::DataLossError(status.message()); }

absl::Status CheckFile(const ModelFile& file) {
  if (file.format() != kArtifactFormat) return absl::DataLossError("format: is missing");
  if (!IsFolderName(file.name()) || !IsFolderName(file.version())) {
    return absl::DataLossError("name and version must be 1 to 128 characters of [A-Za-z0-9._:-], and not . or ..");
  }
  const double c = file.calibration().multiplier();
  if (!(std::isfinite(c) && c > 0) || !std::isfinite(file.calibration().logit_offset())) {
    return absl::DataLossError("the calibration must be a finite multiplier greater than 0 and a finite offset");
  }
  return absl::OkStatus();
}

absl::Status Check(Artifact* artifact) {
  RETURN_IF_ERROR(CheckFile(artifact->file));
  auto schema = features::Schema::Create(artifact->file.schema());
  if (!schema.ok()) return DataLoss(schema.status());
  artifact->schema = *std::move(schema);
  auto layout = MakeLayout(artifact->file.spec(), *artifact->schema);
  if (!layout.ok()) return DataLoss(layout.status());
  artifact->layout = *std::move(layout);
  return absl::OkStatus();
}

}  // namespace

bool IsFolderName(std::string_view text) { return features::IsId(text) && text != "." && text != ".."; }

absl::StatusOr<Artifact> LoadArtifact(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return absl::NotFoundError(absl::StrCat("there is no artifact folder ", folder.string()));
  }
  const auto annotate = [&](const absl::Status& status, const char* name) {
    return base::Annotate(status, absl::StrCat("artifact ", (folder / name).string()));
  };
  const auto read = [&](const char* name, size_t max_bytes) -> absl::StatusOr<std::string> {
    std::error_code error;
    if (std::filesystem::exists(folder / name, error) && !std::filesystem::is_regular_file(folder / name, error)) {
      return absl::DataLossError(absl::StrCat("artifact ", (folder / name).string(), ": is not a file"));
    }
    auto bytes = base::ReadFile(folder / name, max_bytes);
    if (bytes.status().code() == absl::StatusCode::kNotFound) {
      return absl::DataLossError(absl::StrCat("artifact ", folder.string(), ": has no ", name));
    }
    return bytes;
  };
  const auto changed = [&] {
    return annotate(absl::DataLossError("does not match the files beside it: one of them was changed or cut"), kSums);
  };
  ASSIGN_OR_RETURN(const std::string sums, read(kSums, 4096));
  ASSIGN_OR_RETURN(const std::string model, read(kModel, size_t{1} << 30));
  if (!absl::StartsWith(sums, SumOf(model, kModel))) return changed();
  Artifact artifact;
  if (const int64_t format = FormatOf(model); format != kArtifactFormat) {
    return annotate(absl::UnimplementedError(
                        absl::StrCat("format ", format, " is not known; this version reads format ", kArtifactFormat)),
                    kModel);
  }
  if (const absl::Status parsed = base::FromJson(model, &artifact.file); !parsed.ok()) {
    return annotate(DataLoss(parsed), kModel);
  }
  RETURN_IF_ERROR(annotate(Check(&artifact), kModel));
  // Not a byte more than the network can need is read.
  auto bytes = read(kWeights, MaxBytesOf(artifact.layout));
  if (absl::IsResourceExhausted(bytes.status())) return annotate(DataLoss(bytes.status()), kWeights);
  RETURN_IF_ERROR(bytes);
  artifact.bytes = std::make_shared<const std::string>(*std::move(bytes));
  if (sums != SumsOf(model, *artifact.bytes)) return changed();
  auto tensors = ParseTensors(*artifact.bytes);
  if (!tensors.ok()) return annotate(tensors.status(), kWeights);
  artifact.weights = *std::move(tensors);
  RETURN_IF_ERROR(annotate(CheckTensors(artifact.layout, artifact.weights), kWeights));
  artifact.sha256 = base::Sha256Hex(sums);
  return artifact;
}

absl::StatusOr<WrittenArtifact> WriteArtifact(const std::filesystem::path& root, ModelFile file,
                                              const TensorFile& weights) {
  for (const auto& [field, value] : {std::pair("name", &file.name()), std::pair("version", &file.version())}) {
    if (!IsFolderName(*value)) {
      return base::InvalidField(field, absl::StrCat("'", *value, "' is not 1 to 128 characters of [A-Za-z0-9._:-]"));
    }
  }
  file.set_format(kArtifactFormat);
  const std::filesystem::path folder = root / file.name() / file.version();
  ASSIGN_OR_RETURN(const auto publisher, base::FolderPublisher::Create(folder));
  const std::string model = base::ToJson(file) + "\n";
  const std::string bytes = SerializeTensors(weights);
  const std::string sums = SumsOf(model, bytes);
  RETURN_IF_ERROR(base::WriteFileAtomically(publisher->path() / kModel, model));
  RETURN_IF_ERROR(base::WriteFileAtomically(publisher->path() / kWeights, bytes));
  RETURN_IF_ERROR(base::WriteFileAtomically(publisher->path() / kSums, sums));
  RETURN_IF_ERROR(publisher->Publish());
  return WrittenArtifact{folder, base::Sha256Hex(sums)};
}

std::string NextVersion(const std::filesystem::path& root, std::string_view name) {
  int64_t last = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root / name, error)) {
    int64_t version = 0;
    if (absl::SimpleAtoi(entry.path().filename().string(), &version)) last = std::max(last, version);
  }
  return absl::StrCat(last + 1);
}

}  // namespace vickrey::model
