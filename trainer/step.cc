#include "trainer/step.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>

#include <utility>
#include <vector>

#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/autocast.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {
namespace {

constexpr int kGpuLoaders = 4;  // threads; a CPU computes long enough for one to keep up

}  // namespace

Loader::Options StepLoaderOptions(int64_t first, int64_t end, const Workers& workers, const torch::Network& network) {
  const bool gpu = !network.dense().is_cpu();
  return {.first_step = first,
          .end_step = end,
          .rank = workers.rank(),
          .ranks = workers.size(),
          .depth = gpu ? 2 * kGpuLoaders : 4,
          .threads = gpu ? kGpuLoaders : 1,
          .prepare = [&network](TrainBatch* batch) { batch->tensors = network.Prepare(batch->chunk.features); }};
}

Stepper::Stepper(StepOptions options, const Loss& loss, Workers* workers, torch::Network* network)
    : options_(std::move(options)),
      loss_(loss),
      workers_(*workers),
      network_(*network),
      sharded_(options_.zero1 && workers->size() > 1) {}

void Stepper::NewOptimizer() {
  optimizer_.reset();  // not two of them in memory
  const Optimizer::Part part =
      sharded_ ? Optimizer::Part{.rank = workers_.rank(), .ranks = workers_.size()} : Optimizer::Part{};
  optimizer_ = std::make_unique<Optimizer>(options_.optimizer, network_, part);
}

absl::Status Stepper::Differentiate(int64_t step, int64_t auctions, const Point& point, TrainBatch* batch,
                                    StepSums* sums) {
  if (workers_.size() > 1) RETURN_IF_ERROR(FindWhole(auctions, &workers_, &batch->loss));
  std::vector<torch::Network::TableGradient> tables;
  sums->candidates = batch->chunk.candidates();
  RETURN_IF_ERROR(torch::CatchTorch([&] { sums->objective = Backward(step, *batch, point, &tables); }));
  if (workers_.size() > 1) {
    RETURN_IF_ERROR(sharded_ ? ScatterGradients(network_, &workers_, &tables)
                             : AddUpGradients(network_.dense_gradient(), &workers_, &tables));
  }
  RETURN_IF_ERROR(torch::CatchTorch([&] { squares_ = optimizer_->Prepare(tables); }));
  sums->squares = squares_;
  return absl::OkStatus();
}

absl::StatusOr<bool> Stepper::Apply(const StepSums& sums, double share) {
  ASSIGN_OR_RETURN(const bool finite,
                   torch::CatchTorch([&] { return optimizer_->Apply(sharded_ ? sums.squares : squares_, share); }));
  if (finite && sharded_) RETURN_IF_ERROR(ShareParameters(network_, optimizer_->changed(), &workers_));
  return finite;
}

double Stepper::Backward(int64_t step, const TrainBatch& batch, const Point& point,
                         std::vector<torch::Network::TableGradient>* tables) {
  if (options_.optimizer.dropout() > 0) {
    base::RandomStream random(options_.seed + static_cast<uint64_t>(workers_.rank()), base::StreamId("train.dropout"),
                              static_cast<uint64_t>(step));
    at::manual_seed(random.Bits());
  }
  const auto evaluation = [&] {
    const torch::Autocast autocast(options_.bfloat16);
    return network_.Evaluate(*batch.tensors, options_.optimizer.dropout());
  }();
  const at::Tensor objective = loss_.Value(evaluation.outputs(), batch.loss, point);
  objective.backward();
  *tables = evaluation.TableGradients();
  return objective.item<double>();
}

}  // namespace vickrey::trainer
