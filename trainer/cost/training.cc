#include "trainer/cost/training.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "trainer/exchange.h"
#include "trainer/export.h"
#include "trainer/parallel/environment.h"
#include "trainer/prepare.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/status.h"
#include "vickrey/model/layout.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer::cost {
namespace {

using vickrey::config::v1::TrainConfig;

// Of a rule of optimizers, for so many values in so many rows.
double StateValues(const std::string& rule, double values, double rows) {
  if (rule == "adam" || rule == "adamw") return 2 * values;
  return rule == "rowwise_adagrad" ? rows : 0;
}

// Of parameters and the optimizer's state, of one process.
int64_t LeastBytes(const model::Layout& layout, const TrainConfig& config, int processes) {
  const std::set<std::string> tables = model::TableTensors(layout);
  double all = 0, state = 0;
  for (const model::TensorSpec& tensor : layout.tensors) {
    double values = 1;
    for (const int64_t size : tensor.shape) values *= static_cast<double>(size);
    all += values;
    state += tables.contains(tensor.name)
                 ? StateValues(config.optimizer().tables(), values, static_cast<double>(tensor.shape.front()))
                 : StateValues(config.optimizer().dense(), values, 0);
  }
  if (config.parallel().communication() == "zero1") state /= processes;
  return static_cast<int64_t>(sizeof(float) * (all + state));
}

absl::Status CheckBatch(const TrainConfig& config, const Grouping& data, int processes) {
  const int64_t auctions = data.Train().auctions(), batch = config.optimizer().batch_auctions();
  if (batch > auctions) {
    return base::InvalidField("optimizer.batch_auctions",
                              absl::StrCat(batch, " is more than the ", auctions, " auctions to train on"));
  }
  if (batch < processes) {
    return base::InvalidField("optimizer.batch_auctions",
                              absl::StrCat(batch, " is less than the ", processes, " processes that share a step"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Training>> Training::Create(JobConfig job, const std::filesystem::path& db,
                                                           const std::string& snapshot_id,
                                                           const std::filesystem::path& root) {
  std::unique_ptr<Training> made(new Training(std::move(job.config)));
  TrainConfig& config = made->config_;
  at::set_num_threads(config.threads());
  ASSIGN_OR_RETURN(const Environment environment, Environment::Read());
  ASSIGN_OR_RETURN(const at::Device device, DeviceFor(config, environment.local_rank, environment.size));
  ASSIGN_OR_RETURN(made->workers_,
                   Workers::FromEnvironment({.device = device, .timeout = absl::Seconds(config.peer_seconds())}));
  ASSIGN_OR_RETURN(made->data_, EncodeData(config, db, snapshot_id, root));
  const Selection train = made->data_->Train();
  RETURN_IF_ERROR(CheckBatch(config, *made->data_, made->workers_->size()));
  auto layout = LayoutOf(config.model(), *made->data_->dataset().schema());
  RETURN_IF_ERROR(UnderModel("model", layout.status()));
  made->least_bytes_ = LeastBytes(*layout, config, made->workers_->size());
  made->labels_ = config.loss().labels() == "truth" ? Labels::Truths() : Labels::Clicks();
  RETURN_IF_ERROR(made->labels_->CheckAny(train));
  RETURN_IF_ERROR(FillFromData(train, *made->labels_, job.base_rate_given, config.mutable_loss()));
  ASSIGN_OR_RETURN(made->loss_, MakeLoss(config.loss()));
  made->plan_ = {
      .auctions = train.auctions(), .batch_auctions = config.optimizer().batch_auctions(), .seed = config.seed()};
  return made;
}

absl::Status Training::Start() {
  ASSIGN_OR_RETURN(network_, StartNetwork(config_, *data_, device()));
  stepper_ = std::make_unique<Stepper>(StepOptions{.seed = config_.seed(),
                                                   .optimizer = config_.optimizer(),
                                                   .zero1 = config_.parallel().communication() == "zero1",
                                                   .bfloat16 = config_.precision() == "bfloat16"},
                                       *loss_, workers_.get(), network_.get());
  RETURN_IF_ERROR(torch::CatchTorch([&] { stepper_->NewOptimizer(); }));
  loader_ =
      std::make_unique<Loader>(data_->Train(), *labels_, plan_, StepLoaderOptions(0, INT64_MAX, *workers_, *network_));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Training::Step(double share, double progress,
                                       absl::FunctionRef<absl::Status(const TrainBatch&)> look) {
  RETURN_IF_ERROR(base::CheckInterrupt());
  ASSIGN_OR_RETURN(std::unique_ptr<TrainBatch> batch, loader_->Next());
  RETURN_IF_ERROR(look(*batch));
  StepSums sums;
  RETURN_IF_ERROR(
      stepper_->Differentiate(step_, plan_.SizeOf(step_), PointAt(config_.loss(), progress), batch.get(), &sums));
  if (workers_->size() > 1) RETURN_IF_ERROR(AddUp(workers_.get(), &sums));
  bool finite = std::isfinite(sums.objective);
  if (finite) {
    ASSIGN_OR_RETURN(finite, stepper_->Apply(sums, share));
  }
  if (!finite) {
    return absl::InternalError(absl::StrCat("step ", step_ + 1, " has an objective or a gradient that is not finite"));
  }
  loader_->Recycle(std::move(batch));
  ++step_;
  return sums.candidates;
}

absl::Status Training::Wait() const {
  return torch::CatchTorch([&] {
    if (network_->dense().numel() > 0) network_->dense().select(0, 0).item<float>();
  });
}

}  // namespace vickrey::trainer::cost
