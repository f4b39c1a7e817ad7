#include "vickrey/model/artifact.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "vickrey/base/files.h"
#include "vickrey/base/json.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"
#include "vickrey/features/statistics.h"

namespace vickrey::model {
namespace {

using vickrey::storage::v1::ModelFile;

constexpr const char* kSums = kArtifactFiles[0].name.data();
constexpr const char* kModel = kArtifactFiles[1].name.data();
constexpr const char* kWeights = kArtifactFiles[2].name.data();
constexpr size_t kMaxSumsBytes = kArtifactFiles[0].max_bytes, kMaxModelBytes = kArtifactFiles[1].max_bytes;
// At most, of the header of the weights: for metadata and blanks, and for the entry of a tensor, whose name is short.
constexpr size_t kHeaderBytes = size_t{1} << 20, kEntryBytes = 1024;

// A line of SHA256SUMS.
std::string SumLine(std::string_view hex, const char* name) { return absl::StrCat(std::string(hex), "  ", name, "\n"); }

std::string SumOf(std::string_view bytes, const char* name) { return SumLine(base::Sha256Hex(bytes), name); }

size_t MaxHeaderBytesOf(const Layout& layout) { return kHeaderBytes + kEntryBytes * layout.tensors.size(); }

size_t MaxBytesOf(const Layout& layout) {
  size_t bytes = MaxHeaderBytesOf(layout);
  for (const TensorSpec& tensor : layout.tensors) bytes += static_cast<size_t>(CountOf(tensor.shape)) * sizeof(float);
  return bytes;
}

// Writes the weights, the largest of the files, piece by piece; their sum.
absl::StatusOr<std::string> WriteWeights(const std::filesystem::path& file, const TensorViews& weights) {
  ASSIGN_OR_RETURN(const auto publisher, base::FilePublisher::Create(file));
  base::Sha256 sha;
  RETURN_IF_ERROR(WriteTensors(weights, [&](std::string_view piece) {
    sha.Update(piece);
    return publisher->Write(piece);
  }));
  RETURN_IF_ERROR(publisher->Publish());
  return absl::BytesToHexString(sha.Digest());
}

// Looks for the format among the keys of the outermost map, and no further.
class FormatFinder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  int64_t format() const { return format_; }

  bool null() override { return Other(); }
  bool boolean(bool) override { return Other(); }
  bool number_integer(number_integer_t value) override { return Number(value); }
  bool number_unsigned(number_unsigned_t value) override { return Number(static_cast<int64_t>(value)); }
  bool number_float(number_float_t, const string_t&) override { return Other(); }
  bool string(string_t&) override { return Other(); }
  bool binary(binary_t&) override { return Other(); }
  bool start_object(size_t) override { return Open(); }
  bool key(string_t& key) override {
    at_format_ = depth_ == 1 && key == "format";
    return true;
  }
  bool end_object() override { return --depth_ > 0; }
  bool start_array(size_t) override { return Open(); }
  bool end_array() override { return --depth_ > 0; }
  bool parse_error(size_t, const std::string&, const nlohmann::json::exception&) override { return false; }

 private:
  bool Open() {
    ++depth_;
    return Other();
  }
  bool Number(int64_t value) {
    if (at_format_) format_ = value;
    return !at_format_;
  }
  bool Other() {
    at_format_ = false;
    return true;
  }

  int64_t format_ = kArtifactFormat;
  int depth_ = 0;
  bool at_format_ = false;
};

// The format that a model.json says it is of, read before all that an unknown one may hold; the known one where it does
// not say.
int64_t FormatOf(const std::string& text) {
  FormatFinder finder;
  nlohmann::json::sax_parse(text, &finder);
  return finder.format();
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
  const auto& statistics = artifact->file.statistics();
  if (const auto checked = features::CheckStatistics(*artifact->schema, statistics); !checked.ok()) {
    return DataLoss(checked);
  }
  auto layout = MakeLayout(artifact->file.spec(), *artifact->schema);
  if (!layout.ok()) return DataLoss(layout.status());
  artifact->layout = *std::move(layout);
  return absl::OkStatus();
}

// The artifacts directly under a folder, the first few: those of a name, where the folder of a version was meant.
std::vector<std::string> VersionsUnder(const std::filesystem::path& folder) {
  std::vector<std::string> versions;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (std::filesystem::exists(entry.path() / kSums, error)) versions.push_back(entry.path().filename().string());
  }
  std::sort(versions.begin(), versions.end());
  if (versions.size() > 10) versions.resize(10);
  return versions;
}

}  // namespace

bool IsFolderName(std::string_view text) { return features::IsId(text) && text != "." && text != ".."; }

absl::StatusOr<Artifact> LoadArtifact(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return absl::NotFoundError(absl::StrCat("there is no artifact folder ", folder.string()));
  }
  if (!std::filesystem::exists(folder / kSums, error)) {
    if (const auto versions = VersionsUnder(folder); !versions.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(folder.string(), " holds the versions ",
                                                     absl::StrJoin(versions, ", "),
                                                     " of a model; name one, NAME/VERSION"));
    }
  }
  const auto annotate = [&](const absl::Status& status, const char* name) {
    return base::Annotate(status, absl::StrCat("artifact ", (folder / name).string()));
  };
  // What `open` makes of one of the files.
  const auto with = [&](const char* name, auto open) -> decltype(open(folder)) {
    std::error_code error;
    if (std::filesystem::exists(folder / name, error) && !std::filesystem::is_regular_file(folder / name, error)) {
      return absl::DataLossError(absl::StrCat("artifact ", (folder / name).string(), ": is not a file"));
    }
    auto opened = open(folder / name);
    if (opened.status().code() == absl::StatusCode::kNotFound) {
      return absl::DataLossError(absl::StrCat("artifact ", folder.string(), ": has no ", name));
    }
    return opened;
  };
  const auto read = [&](const char* name, size_t max_bytes) {
    return with(name, [max_bytes](const std::filesystem::path& file) { return base::ReadFile(file, max_bytes); });
  };
  const auto changed = [&](const char* name) {
    return annotate(
        absl::DataLossError(absl::StrCat("does not match ", name, " beside it: one of them was changed or cut")),
        kSums);
  };
  ASSIGN_OR_RETURN(const std::string sums, read(kSums, kMaxSumsBytes));
  ASSIGN_OR_RETURN(const std::string model, read(kModel, kMaxModelBytes));
  const std::string model_sum = SumOf(model, kModel);
  if (!absl::StartsWith(sums, model_sum)) return changed(kModel);
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
  auto mapped = with(kWeights, [max_bytes = MaxBytesOf(artifact.layout)](const std::filesystem::path& file) {
    return base::MappedFile::Open(file, max_bytes);
  });
  if (absl::IsResourceExhausted(mapped.status())) return annotate(DataLoss(mapped.status()), kWeights);
  RETURN_IF_ERROR(mapped);
  artifact.mapped = *std::move(mapped);
  if (sums != model_sum + SumOf(artifact.mapped->bytes(), kWeights)) return changed(kWeights);
  auto tensors = ParseTensors(artifact.mapped->bytes(), MaxHeaderBytesOf(artifact.layout));
  if (!tensors.ok()) return annotate(tensors.status(), kWeights);
  artifact.weights = *std::move(tensors);
  RETURN_IF_ERROR(annotate(CheckTensors(artifact.layout, artifact.weights), kWeights));
  artifact.sha256 = base::Sha256Hex(sums);
  return artifact;
}

absl::StatusOr<WrittenArtifact> WriteArtifact(const std::filesystem::path& root, ModelFile file,
                                              const TensorViews& weights) {
  for (const auto& [field, value] : {std::pair("name", &file.name()), std::pair("version", &file.version())}) {
    if (!IsFolderName(*value)) {
      return base::InvalidField(field, absl::StrCat("'", *value, "' is not 1 to 128 characters of [A-Za-z0-9._:-]"));
    }
  }
  file.set_format(kArtifactFormat);
  const std::filesystem::path folder = root / file.name() / file.version();
  ASSIGN_OR_RETURN(const auto publisher, base::FolderPublisher::Create(folder));
  const std::string model = base::ToJson(file) + "\n";
  if (model.size() > kMaxModelBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(kModel, " has ", model.size(), " bytes; at most ", kMaxModelBytes, " can be read again"));
  }
  RETURN_IF_ERROR(base::WriteFileAtomically(publisher->path() / kModel, model));
  ASSIGN_OR_RETURN(const std::string sum, WriteWeights(publisher->path() / kWeights, weights));
  const std::string sums = SumOf(model, kModel) + SumLine(sum, kWeights);
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
