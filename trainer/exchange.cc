#include "trainer/exchange.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {

using vickrey::storage::v1::CheckpointFile;

absl::Status ShareState(const NamedTensors& tensors, Workers* workers, CheckpointFile* state) {
  std::string bytes = state->SerializeAsString();
  auto size = static_cast<int64_t>(bytes.size());
  at::Tensor length = at::from_blob(&size, {1}, at::kLong);
  RETURN_IF_ERROR(workers->Broadcast(&length));
  bytes.resize(static_cast<size_t>(size));
  at::Tensor text = at::from_blob(bytes.data(), {size}, at::kByte);
  if (size > 0) RETURN_IF_ERROR(workers->Broadcast(&text));
  if (!state->ParseFromString(bytes)) return absl::DataLossError("the state that rank 0 sent does not parse");
  if (state->step() == 0) return absl::OkStatus();
  const c10::AutoGradMode no_gradient(false);
  for (const auto& [name, tensor] : tensors) {
    absl::Status shared;
    RETURN_IF_ERROR(torch::CatchTorch([&, &to = tensor] {
      at::Tensor from = to.contiguous();
      shared = workers->Broadcast(&from);
      if (!from.is_same(to)) to.copy_(from);
    }));
    RETURN_IF_ERROR(shared);
  }
  return absl::OkStatus();
}

absl::Status FindWhole(int64_t auctions, Workers* workers, LossBatch* part) {
  part->whole_auctions = static_cast<double>(auctions);
  part->whole_labelled =
      static_cast<double>(std::ranges::count_if(part->labels, [](double label) { return !std::isnan(label); }));
  at::Tensor labelled = at::from_blob(&part->whole_labelled, {1}, at::kDouble);
  return workers->Sum(&labelled);
}

absl::Status AddUp(const at::Tensor& dense_gradient, Workers* workers, StepSums* sums,
                   std::vector<torch::Network::TableGradient>* tables) {
  const c10::AutoGradMode no_gradient(false);
  at::Tensor gradient = dense_gradient;
  RETURN_IF_ERROR(workers->Sum(&gradient));
  double numbers[] = {sums->objective, sums->interrupted ? 1.0 : 0.0, static_cast<double>(sums->candidates)};
  at::Tensor shared = at::from_blob(numbers, {3}, at::kDouble);
  RETURN_IF_ERROR(workers->Sum(&shared));
  *sums = {.objective = numbers[0], .candidates = static_cast<int64_t>(numbers[2]), .interrupted = numbers[1] > 0};
  for (auto& table : *tables) {
    ASSIGN_OR_RETURN(const std::vector<at::Tensor> members, workers->Gather(table.members));
    ASSIGN_OR_RETURN(const std::vector<at::Tensor> gradients, workers->Gather(table.gradients));
    RETURN_IF_ERROR(torch::CatchTorch([&] {
      table.members = at::cat(members);
      table.gradients = at::cat(gradients);
    }));
  }
  return absl::OkStatus();
}

absl::Status TakeFromMain(std::vector<double>* numbers, Workers* workers) {
  at::Tensor shared = at::from_blob(numbers->data(), {static_cast<int64_t>(numbers->size())}, at::kDouble);
  return workers->Broadcast(&shared);
}

}  // namespace vickrey::trainer
