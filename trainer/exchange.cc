#include "trainer/exchange.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bucketize.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <tuple>

#include "trainer/parallel/shard.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {

using vickrey::storage::v1::CheckpointFile;

namespace {

using TableGradients = std::vector<torch::Network::TableGradient>;

// Makes the table's gradient of what each rank has of it.
absl::Status PutTogether(const std::vector<at::Tensor>& members, const std::vector<at::Tensor>& gradients,
                         torch::Network::TableGradient* table) {
  return torch::CatchTorch([&] {
    table->members = at::cat(members);
    table->gradients = at::cat(gradients);
  });
}

}  // namespace

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

absl::Status AddUp(Workers* workers, StepSums* sums) {
  double numbers[] = {sums->objective, static_cast<double>(sums->candidates), sums->squares,
                      sums->interrupted ? 1.0 : 0.0, sums->checkpoint_due ? 1.0 : 0.0};
  at::Tensor shared = at::from_blob(numbers, {std::size(numbers)}, at::kDouble);
  RETURN_IF_ERROR(workers->Sum(&shared));
  *sums = {.objective = numbers[0],
           .candidates = static_cast<int64_t>(numbers[1]),
           .squares = numbers[2],
           .interrupted = numbers[3] > 0,
           .checkpoint_due = numbers[4] > 0};
  return absl::OkStatus();
}

absl::Status AddUpGradients(const at::Tensor& dense_gradient, Workers* workers, TableGradients* tables) {
  const c10::AutoGradMode no_gradient(false);
  at::Tensor gradient = dense_gradient;
  RETURN_IF_ERROR(workers->Sum(&gradient));
  for (auto& table : *tables) {
    ASSIGN_OR_RETURN(const std::vector<at::Tensor> members, workers->Gather(table.members));
    ASSIGN_OR_RETURN(const std::vector<at::Tensor> gradients, workers->Gather(table.gradients));
    RETURN_IF_ERROR(PutTogether(members, gradients, &table));
  }
  return absl::OkStatus();
}

absl::Status ScatterGradients(const torch::Network& network, Workers* workers, TableGradients* tables) {
  const c10::AutoGradMode no_gradient(false);
  at::Tensor gradient = network.dense_gradient();
  RETURN_IF_ERROR(workers->ReduceScatter(&gradient));
  for (auto& table : *tables) {
    const int64_t rows = network.tables().at(table.parameter).size(0);
    std::vector<at::Tensor> members, gradients;
    RETURN_IF_ERROR(torch::CatchTorch([&] {
      // By their owner, in their order otherwise: each sum is taken as in one process that had all of them.
      std::vector<int64_t> ends;
      for (int r = 0; r + 1 < workers->size(); ++r) ends.push_back(Shard::Of(rows, r, workers->size()).end);
      const at::Tensor bounds = at::tensor(ends, table.members.options());
      const at::Tensor owners = at::bucketize(table.members, bounds, /*out_int32=*/false, /*right=*/true);
      const at::Tensor order = std::get<1>(owners.sort(/*stable=*/true, /*dim=*/0, /*descending=*/false));
      const at::Tensor counts = owners.bincount({}, workers->size()).cpu();
      const at::IntArrayRef of_ranks(counts.data_ptr<int64_t>(), workers->size());
      members = table.members.index_select(0, order).split_with_sizes(of_ranks);
      gradients = table.gradients.index_select(0, order).split_with_sizes(of_ranks);
    }));
    ASSIGN_OR_RETURN(members, workers->AllToAll(members));
    ASSIGN_OR_RETURN(gradients, workers->AllToAll(gradients));
    RETURN_IF_ERROR(PutTogether(members, gradients, &table));
  }
  return absl::OkStatus();
}

absl::Status ShareParameters(const torch::Network& network, const std::vector<Optimizer::Rows>& changed,
                             Workers* workers) {
  const c10::AutoGradMode no_gradient(false);
  at::Tensor dense = network.dense();
  RETURN_IF_ERROR(workers->AllGather(&dense));
  for (const Optimizer::Rows& own : changed) {
    at::Tensor arena = network.tables().at(own.parameter);
    at::Tensor values;
    RETURN_IF_ERROR(torch::CatchTorch([&] { values = arena.index_select(0, own.rows); }));
    ASSIGN_OR_RETURN(const std::vector<at::Tensor> rows, workers->Gather(own.rows));
    ASSIGN_OR_RETURN(const std::vector<at::Tensor> of_rows, workers->Gather(values));
    RETURN_IF_ERROR(torch::CatchTorch([&] {
      for (int r = 0; r < workers->size(); ++r) {
        if (r != workers->rank()) arena.index_copy_(0, rows[r], of_rows[r]);
      }
    }));
  }
  return absl::OkStatus();
}

absl::StatusOr<NamedTensors> GatherParts(const NamedTensors& parts, Workers* workers) {
  const c10::AutoGradMode no_gradient(false);
  NamedTensors whole;
  for (const auto& [name, part] : parts) {
    // By way of memory, where rank 0 needs them anyway: its GPU may have no room for the whole.
    std::vector<at::Tensor> to;
    RETURN_IF_ERROR(torch::CatchTorch([&, &part = part] {
      const at::Tensor own = part.cpu();
      to.assign(workers->size(), own.slice(0, 0, 0));
      to[0] = own;
    }));
    ASSIGN_OR_RETURN(const std::vector<at::Tensor> all, workers->AllToAll(to));
    if (workers->rank() != 0) continue;
    RETURN_IF_ERROR(torch::CatchTorch([&, &name = name] { whole[name] = at::cat(all); }));
  }
  return whole;
}

absl::Status ScatterParts(const NamedTensors& whole, const NamedTensors& parts, Workers* workers) {
  const c10::AutoGradMode no_gradient(false);
  for (const auto& [name, part] : parts) {
    std::vector<at::Tensor> to;
    RETURN_IF_ERROR(torch::CatchTorch([&, &name = name, &part = part] {
      if (workers->rank() != 0) {
        to.assign(workers->size(), at::empty_like(part, at::kCPU).slice(0, 0, 0));
        return;
      }
      const at::Tensor& all = whole.at(name);
      for (int r = 0; r < workers->size(); ++r) {
        const Shard shard = Shard::Of(all.size(0), r, workers->size());
        to.push_back(all.slice(0, shard.begin, shard.end));
      }
    }));
    ASSIGN_OR_RETURN(const std::vector<at::Tensor> from, workers->AllToAll(to));
    RETURN_IF_ERROR(torch::CatchTorch([&, &part = part] { part.copy_(from[0]); }));
  }
  return absl::OkStatus();
}

absl::Status TakeFromMain(std::vector<double>* numbers, Workers* workers) {
  at::Tensor shared = at::from_blob(numbers->data(), {static_cast<int64_t>(numbers->size())}, at::kDouble);
  return workers->Broadcast(&shared);
}

}  // namespace vickrey::trainer
