#include "trainer/run/checkpoint.h"

#include <ATen/ops/from_blob.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "vickrey/base/files.h"
#include "vickrey/base/mapped_file.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/sealed_json.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"
#include "vickrey/model/tensors.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {
namespace {

using vickrey::storage::v1::CheckpointFile;

constexpr int kCheckpointFormat = 2;
constexpr char kFolder[] = "checkpoints", kState[] = "state.json", kTensors[] = "tensors.safetensors";
constexpr char kDamaged[] = ".damaged";  // behind the step
constexpr size_t kMostBytes = size_t{1} << 42;

// Step and folder of each, the oldest first.
std::vector<std::pair<int64_t, std::filesystem::path>> List(const std::filesystem::path& run) {
  std::vector<std::pair<int64_t, std::filesystem::path>> all;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run / kFolder, error)) {
    int64_t step = 0;
    if (absl::SimpleAtoi(entry.path().filename().string(), &step)) all.emplace_back(step, entry.path());
  }
  std::sort(all.begin(), all.end());
  return all;
}

// Hands the file to `publisher`; its digest.
absl::StatusOr<std::string> WriteTensorFile(const NamedTensors& tensors, base::FilePublisher* publisher) {
  const c10::AutoGradMode no_gradient(false);
  NamedTensors held;
  model::TensorViews views;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor& values = held[name] = tensor.detach().to(at::kCPU).contiguous();
    views.tensors[name] = {.shape = values.sizes().vec(),
                           .values = {values.data_ptr<float>(), static_cast<size_t>(values.numel())}};
  }
  base::Sha256 digest;
  RETURN_IF_ERROR(model::WriteTensors(views, [&](std::string_view bytes) {
    digest.Update(bytes);
    return publisher->Write(bytes);
  }));
  return absl::BytesToHexString(digest.Digest());
}

absl::Status Copy(const model::TensorViews& file, const NamedTensors& tensors) {
  if (file.tensors.size() != tensors.size()) return absl::DataLossError("it holds other tensors");
  for (const auto& [name, tensor] : tensors) {
    const auto found = file.tensors.find(name);
    if (found == file.tensors.end() || at::IntArrayRef(found->second.shape) != tensor.sizes()) {
      return absl::DataLossError(absl::StrCat("it has no tensor ", name, " of the network's shape"));
    }
  }
  return torch::CatchTorch([&] {
    const c10::AutoGradMode no_gradient(false);
    for (const auto& [name, tensor] : tensors) {
      const model::TensorView& view = file.tensors.at(name);
      tensor.copy_(at::from_blob(const_cast<float*>(view.values.data()), view.shape));
    }
  });
}

absl::StatusOr<CheckpointFile> Read(const std::filesystem::path& folder, const std::string& key,
                                    const NamedTensors& tensors) {
  CheckpointFile state;
  RETURN_IF_ERROR(base::ReadSealed(folder / kState, &state));
  if (state.format() != kCheckpointFormat) return absl::DataLossError("it is of another format");
  if (state.key() != key) return absl::DataLossError("it is of another run");
  ASSIGN_OR_RETURN(const auto file, base::MappedFile::Open(folder / kTensors, kMostBytes));
  if (base::Sha256Hex(file->bytes()) != state.tensors_sha256()) {
    return absl::DataLossError(absl::StrCat("it has a ", kTensors, " that was changed since it was written"));
  }
  ASSIGN_OR_RETURN(const model::TensorViews views, model::ParseTensors(file->bytes()));
  RETURN_IF_ERROR(Copy(views, tensors));
  file->Release(file->bytes());
  return state;
}

}  // namespace

absl::Status WriteCheckpoint(const std::filesystem::path& run, CheckpointFile state, const NamedTensors& tensors,
                             int keep) {
  auto publisher = base::FolderPublisher::Create(run / kFolder / absl::StrCat(state.step()));
  if (absl::IsAlreadyExists(publisher.status())) return absl::OkStatus();
  RETURN_IF_ERROR(publisher);
  const std::filesystem::path& aside = (*publisher)->path();
  {
    ASSIGN_OR_RETURN(const auto file, base::FilePublisher::Create(aside / kTensors));
    absl::StatusOr<std::string> digest = absl::UnknownError("");
    RETURN_IF_ERROR(torch::CatchTorch([&] { digest = WriteTensorFile(tensors, file.get()); }));
    RETURN_IF_ERROR(digest);
    RETURN_IF_ERROR(file->Publish());
    state.set_tensors_sha256(*digest);
  }
  state.set_format(kCheckpointFormat);
  RETURN_IF_ERROR(base::WriteSealed(aside / kState, state));
  RETURN_IF_ERROR((*publisher)->Publish());
  const auto all = List(run);
  for (size_t i = 0; i + static_cast<size_t>(keep) < all.size(); ++i) {
    std::error_code error;
    std::filesystem::remove_all(all[i].second, error);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<CheckpointFile>> ReadCheckpoint(const std::filesystem::path& run, const std::string& key,
                                                             const NamedTensors& tensors) {
  auto all = List(run);
  std::reverse(all.begin(), all.end());
  for (const auto& [step, folder] : all) {
    absl::StatusOr<CheckpointFile> state = Read(folder, key, tensors);
    if (state.ok()) return *std::move(state);
    // Were it left among the others, it would pass for newer than those that are written from here on.
    const std::filesystem::path aside = run / kFolder / absl::StrCat(step, kDamaged);
    std::error_code error;
    std::filesystem::remove_all(aside, error);
    std::filesystem::rename(folder, aside, error);
    if (error) {
      return absl::UnavailableError(absl::StrCat("the checkpoint ", folder.string(), ", which cannot be used (",
                                                 std::string(state.status().message()),
                                                 "), cannot be renamed: ", error.message()));
    }
    base::Note(absl::StrCat("the checkpoint ", folder.string(), " is passed over, and is ", aside.filename().string(),
                            " now: ", std::string(state.status().message())));
  }
  return std::nullopt;
}

std::set<std::string> WeightsOfCheckpoints(const std::filesystem::path& run) {
  std::set<std::string> names;
  for (const auto& [step, folder] : List(run)) {
    CheckpointFile state;
    if (base::ReadSealed(folder / kState, &state).ok() && state.has_best()) names.insert(state.best().weights());
  }
  return names;
}

std::filesystem::path LastCheckpoint(const std::filesystem::path& run) {
  const auto all = List(run);
  return all.empty() ? std::filesystem::path() : all.back().second;
}

}  // namespace vickrey::trainer
