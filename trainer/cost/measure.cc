#include "trainer/cost/measure.h"

#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "trainer/cost/machine.h"
#include "trainer/data/loader.h"
#include "trainer/export.h"
#include "trainer/loss/loss.h"
#include "trainer/parallel/environment.h"
#include "trainer/prepare.h"
#include "trainer/step.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"
#include "vickrey/torch/flop_counter.h"

namespace vickrey::trainer::cost {
namespace {

using vickrey::config::v1::TrainConfig;
using vickrey::v1::CostLine;

constexpr double kShare = 1e-3;  // of the learning rate
constexpr double kPasses = 3;    // products of a step, in forward passes: the backward pass has two for each
constexpr double kMostSteps = 1e6;

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// Rows of tables that a batch reads, and the numbers in them.
struct Reads {
  double rows = 0, values = 0;
};
Reads ReadsOf(const torch::BatchTensors& batch) {
  Reads sum;
  for (const torch::SideTensors* side : {&batch.context, &batch.ads}) {
    for (const torch::Lookup& lookup : side->lookups) {
      const auto rows = static_cast<double>(lookup.members.numel());
      sum.rows += rows;
      sum.values += rows * static_cast<double>(lookup.arena->width);
    }
  }
  return sum;
}

// One process of a measurement.
class Measurement {
 public:
  Measurement(const Grouping& data, const Labels& labels, const TrainConfig& config, const Loss& loss, Workers* workers,
              torch::Network* network, const MeasureOptions& options)
      : options_(options),
        workers_(*workers),
        network_(*network),
        plan_{.auctions = data.Train().auctions(),
              .batch_auctions = config.optimizer().batch_auctions(),
              .seed = config.seed()},
        point_(PointAt(config.loss(), 0)),
        dropout_(config.optimizer().dropout()),
        stepper_({.seed = config.seed(),
                  .optimizer = config.optimizer(),
                  .zero1 = config.parallel().communication() == "zero1",
                  .bfloat16 = config.precision() == "bfloat16"},
                 loss, workers, network),
        // As Fit's.
        loader_(
            data.Train(), labels, plan_,
            {.end_step = INT64_MAX,
             .rank = workers->rank(),
             .ranks = workers->size(),
             .depth = network->dense().is_cpu() ? kLoadedAhead : kLoadedAheadOfGpu,
             .threads = network->dense().is_cpu() ? 1 : kGpuLoaders,
             .prepare = [network](TrainBatch* batch) { batch->tensors = network->Prepare(batch->chunk.features); }}) {}

  absl::Status Run(CostLine* line) {
    RETURN_IF_ERROR(torch::CatchTorch([&] { stepper_.NewOptimizer(); }));
    ASSIGN_OR_RETURN(const int64_t steps, WarmUp());
    RETURN_IF_ERROR(Wait());
    const double cpu_before = CpuSeconds(), waited_before = loader_.seconds_waited();
    const Workers::Traffic traffic_before = workers_.traffic();
    double seconds = 0;
    int64_t candidates = 0, all_steps = 0;
    std::vector<double> rates, step_seconds;
    for (int r = 0; r < options_.repeats; ++r) {
      ASSIGN_OR_RETURN(const CostLine::Repeat repeat, Repeat(steps));
      rates.push_back(static_cast<double>(repeat.candidates()) / repeat.seconds());
      step_seconds.push_back(repeat.seconds() / static_cast<double>(steps));
      seconds += repeat.seconds(), candidates += repeat.candidates(), all_steps += steps;
      *line->add_repeats() = repeat;
    }
    const auto count = static_cast<double>(all_steps);
    line->set_candidates_per_step(static_cast<double>(candidates) / count);
    line->set_rows_per_candidate(reads_.rows);
    line->set_embedding_values_per_candidate(reads_.values);
    line->set_candidates_per_second(Median(rates));
    line->set_step_seconds(Median(step_seconds));
    line->set_waiting_share((loader_.seconds_waited() - waited_before) / seconds);
    const Workers::Traffic& traffic = workers_.traffic();
    line->set_communication_share(absl::ToDoubleSeconds(traffic.time - traffic_before.time) / seconds);
    line->set_communication_bytes_per_step(static_cast<double>(traffic.bytes - traffic_before.bytes) / count);
    line->set_communication_calls_per_step(static_cast<double>(traffic.calls - traffic_before.calls) / count);
    line->set_flops_per_candidate(flops_);
    line->set_flops_per_second(flops_ * line->candidates_per_second());
    line->set_optimizer_bytes(stepper_.optimizer().state_bytes());
    return OfAll((CpuSeconds() - cpu_before) / seconds, line);
  }

 private:
  // As Fit has them (fit.cc).
  static constexpr int kLoadedAhead = 4, kGpuLoaders = 4, kLoadedAheadOfGpu = 2 * kGpuLoaders;

  // Until what was asked of the device is done.
  absl::Status Wait() const {
    return torch::CatchTorch([&] {
      if (network_.dense().numel() > 0) network_.dense().select(0, 0).item<float>();
    });
  }

  // How many steps make a repeat, alike in all processes.
  absl::StatusOr<int64_t> WarmUp() {
    double seconds = 0;
    for (int i = 0; i < options_.warmup; ++i) {
      const absl::Time begin = absl::Now();
      RETURN_IF_ERROR(Step(/*first=*/i == 0).status());
      RETURN_IF_ERROR(Wait());
      seconds = absl::ToDoubleSeconds(absl::Now() - begin);  // the last has nothing to set up
    }
    std::vector<double> steps = {std::clamp(std::round(options_.seconds / std::max(seconds, 1e-9)), 1.0, kMostSteps)};
    if (workers_.size() > 1) RETURN_IF_ERROR(TakeFromMain(&steps, &workers_));
    return static_cast<int64_t>(steps[0]);
  }

  absl::StatusOr<CostLine::Repeat> Repeat(int64_t steps) {
    CostLine::Repeat repeat;
    repeat.set_steps(steps);
    int64_t candidates = 0;
    const absl::Time begin = absl::Now();
    for (int64_t i = 0; i < steps; ++i) {
      ASSIGN_OR_RETURN(const int64_t of_step, Step(/*first=*/false));
      candidates += of_step;
    }
    RETURN_IF_ERROR(Wait());
    repeat.set_seconds(absl::ToDoubleSeconds(absl::Now() - begin));
    repeat.set_candidates(candidates);
    return repeat;
  }

  // How many candidates it was of.
  absl::StatusOr<int64_t> Step(bool first) {
    RETURN_IF_ERROR(base::CheckInterrupt());
    ASSIGN_OR_RETURN(std::unique_ptr<TrainBatch> batch, loader_.Next());
    if (first) RETURN_IF_ERROR(Count(*batch));
    StepSums sums;
    RETURN_IF_ERROR(stepper_.Differentiate(step_, plan_.SizeOf(step_), point_, batch.get(), &sums));
    if (workers_.size() > 1) RETURN_IF_ERROR(AddUp(&workers_, &sums));
    bool finite = std::isfinite(sums.objective);
    if (finite) {
      ASSIGN_OR_RETURN(finite, stepper_.Apply(sums, kShare));
    }
    if (!finite)
      return absl::InternalError(
          absl::StrCat("step ", step_ + 1, " has an objective or a gradient that is not finite"));
    loader_.Recycle(std::move(batch));
    ++step_;
    return sums.candidates;
  }

  // What a candidate takes of products and tables.
  absl::Status Count(const TrainBatch& batch) {
    const auto candidates = static_cast<double>(batch.chunk.candidates());
    const Reads reads = ReadsOf(*batch.tensors);
    reads_ = {.rows = reads.rows / candidates, .values = reads.values / candidates};
    return torch::CatchTorch([&] {
      const torch::FlopCounter counter;
      network_.Evaluate(*batch.tensors, dropout_);
      flops_ = kPasses * counter.flops() / candidates;
    });
  }

  // What is of all processes: sums, and the greatest.
  absl::Status OfAll(double cores, CostLine* line) {
    const auto device_peak = DevicePeakBytes(network_.dense().device());
    double numbers[] = {cores, static_cast<double>(HostPeakBytes()), static_cast<double>(device_peak.value_or(0))};
    const at::Tensor own = at::from_blob(numbers, {1, 3}, at::kDouble);
    std::vector<at::Tensor> all = {own};
    if (workers_.size() > 1) {
      ASSIGN_OR_RETURN(all, workers_.Gather(own));
    }
    double sum = 0, host = 0, gpu = 0;
    for (const at::Tensor& one : all) {
      const double* values = one.data_ptr<double>();
      sum += values[0], host = std::max(host, values[1]), gpu = std::max(gpu, values[2]);
    }
    line->set_cores_used(sum);
    line->set_host_peak_bytes(static_cast<int64_t>(host));
    if (device_peak.has_value()) line->set_device_peak_bytes(static_cast<int64_t>(gpu));
    return absl::OkStatus();
  }

  const MeasureOptions& options_;
  Workers& workers_;
  const torch::Network& network_;
  const BatchPlan plan_;
  const Point point_;
  const double dropout_;
  Stepper stepper_;
  Loader loader_;
  int64_t step_ = 0;
  double flops_ = 0;  // a candidate
  Reads reads_;       // a candidate
};

// What product rate all processes reach at once.
absl::StatusOr<double> ProductRate(const at::Device& device, bool bfloat16, Workers* workers) {
  RETURN_IF_ERROR(workers->Barrier());
  ASSIGN_OR_RETURN(double rate, torch::CatchTorch([&] { return ProductFlopsPerSecond(device, bfloat16); }));
  at::Tensor shared = at::from_blob(&rate, {1}, at::kDouble);
  RETURN_IF_ERROR(workers->Sum(&shared));
  return rate;
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

absl::StatusOr<std::optional<CostLine>> Measure(JobConfig job, const std::filesystem::path& db,
                                                const std::string& snapshot_id, const std::filesystem::path& root,
                                                const MeasureOptions& options) {
  TrainConfig& config = job.config;
  at::set_num_threads(config.threads());
  ASSIGN_OR_RETURN(const Environment environment, Environment::Read());
  ASSIGN_OR_RETURN(const at::Device device, DeviceFor(config, environment.local_rank, environment.size));
  ASSIGN_OR_RETURN(const auto workers,
                   Workers::FromEnvironment({.device = device, .timeout = absl::Seconds(config.peer_seconds())}));
  ASSIGN_OR_RETURN(const auto data, EncodeData(config, db, snapshot_id, root));
  RETURN_IF_ERROR(CheckBatch(config, *data, workers->size()));
  RETURN_IF_ERROR(UnderModel("model", CheckModel(config.model(), *data->dataset().schema())));
  const Labels labels = config.loss().labels() == "truth" ? Labels::Truths() : Labels::Clicks();
  RETURN_IF_ERROR(labels.CheckAny(data->Train()));
  RETURN_IF_ERROR(FillFromData(data->Train(), labels, job.base_rate_given, config.mutable_loss()));
  ASSIGN_OR_RETURN(const auto loss, MakeLoss(config.loss()));

  CostLine line;
  line.set_device(device.is_cpu() ? "cpu" : "cuda");
  line.set_device_name(NameOf(device));
  line.set_processes(workers->size());
  if (workers->size() > 1) line.set_communication(config.parallel().communication());
  line.set_threads(config.threads());
  line.set_precision(config.precision());
  line.set_batch_auctions(config.optimizer().batch_auctions());
  if (!options.plan) {
    if (options.memory_mib.has_value()) RETURN_IF_ERROR(LimitMemory(*options.memory_mib));
    ASSIGN_OR_RETURN(const double rate, ProductRate(device, config.precision() == "bfloat16", workers.get()));
    ForgetHostPeak();
    ASSIGN_OR_RETURN(const auto network, StartNetwork(config, *data, device));
    line.set_dense_parameters(network->dense().numel());
    int64_t of_tables = 0;
    for (const auto& [name, table] : network->tables()) of_tables += table.numel();
    line.set_table_parameters(of_tables);
    line.set_parameters(network->dense().numel() + of_tables);
    RETURN_IF_ERROR(Measurement(*data, labels, config, *loss, workers.get(), network.get(), options).Run(&line));
    line.set_product_flops_per_second(rate);
    line.set_model_flop_utilisation(line.flops_per_second() / rate);
  }
  if (workers->rank() != 0) return std::nullopt;
  return line;
}

}  // namespace vickrey::trainer::cost
