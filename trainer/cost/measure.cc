#include "trainer/cost/measure.h"

#include <ATen/ops/from_blob.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "trainer/cost/machine.h"
#include "trainer/data/loader.h"
#include "trainer/exchange.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/autocast.h"
#include "vickrey/torch/exceptions.h"
#include "vickrey/torch/flop_counter.h"

namespace vickrey::trainer::cost {
namespace {

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
  Measurement(Training* training, const MeasureOptions& options) : options_(options), training_(*training) {}

  absl::Status Run(CostLine* line) {
    ASSIGN_OR_RETURN(const int64_t steps, WarmUp());
    Workers& workers = training_.workers();
    const double cpu_before = CpuSeconds(), waited_before = training_.seconds_waited();
    const Workers::Traffic traffic_before = workers.traffic();
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
    line->set_waiting_share((training_.seconds_waited() - waited_before) / seconds);
    const Workers::Traffic& traffic = workers.traffic();
    line->set_communication_share(absl::ToDoubleSeconds(traffic.time - traffic_before.time) / seconds);
    line->set_communication_bytes_per_step(static_cast<double>(traffic.bytes - traffic_before.bytes) / count);
    line->set_communication_calls_per_step(static_cast<double>(traffic.calls - traffic_before.calls) / count);
    line->set_flops_per_candidate(flops_);
    line->set_flops_per_second(flops_ * line->candidates_per_second());
    line->set_optimizer_bytes(training_.optimizer().state_bytes());
    return OfAll((CpuSeconds() - cpu_before) / seconds, line);
  }

 private:
  // How many steps make a repeat, alike in all processes.
  absl::StatusOr<int64_t> WarmUp() {
    double seconds = 0;
    for (int i = 0; i < options_.warmup; ++i) {
      const absl::Time begin = absl::Now();
      const auto look = [&](const TrainBatch& batch) { return i == 0 ? Count(batch) : absl::OkStatus(); };
      RETURN_IF_ERROR(training_.Step(kShare, 0, look).status());
      RETURN_IF_ERROR(training_.Wait());
      seconds = absl::ToDoubleSeconds(absl::Now() - begin);  // the last has nothing to set up
    }
    std::vector<double> steps = {std::clamp(std::round(options_.seconds / std::max(seconds, 1e-9)), 1.0, kMostSteps)};
    if (training_.workers().size() > 1) RETURN_IF_ERROR(TakeFromMain(&steps, &training_.workers()));
    return static_cast<int64_t>(steps[0]);
  }

  absl::StatusOr<CostLine::Repeat> Repeat(int64_t steps) {
    CostLine::Repeat repeat;
    repeat.set_steps(steps);
    int64_t candidates = 0;
    const absl::Time begin = absl::Now();
    for (int64_t i = 0; i < steps; ++i) {
      ASSIGN_OR_RETURN(const int64_t of_step, training_.Step(kShare, 0));
      candidates += of_step;
    }
    RETURN_IF_ERROR(training_.Wait());
    repeat.set_seconds(absl::ToDoubleSeconds(absl::Now() - begin));
    repeat.set_candidates(candidates);
    return repeat;
  }

  // What a candidate takes of products and tables.
  absl::Status Count(const TrainBatch& batch) {
    const auto candidates = static_cast<double>(batch.chunk.candidates());
    const Reads reads = ReadsOf(*batch.tensors);
    reads_ = {.rows = reads.rows / candidates, .values = reads.values / candidates};
    return torch::CatchTorch([&] {
      // As a step does, but that nothing is kept for a backward pass: it is in no peak of memory.
      const c10::AutoGradMode no_gradient(false);
      const torch::Autocast autocast(training_.config().precision() == "bfloat16");
      const torch::FlopCounter counter;
      training_.network().Evaluate(*batch.tensors, training_.config().optimizer().dropout());
      flops_ = kPasses * counter.flops() / candidates;
    });
  }

  // What is of all processes: sums, and the greatest.
  absl::Status OfAll(double cores, CostLine* line) {
    const auto device_peak = DevicePeakBytes(training_.device());
    double numbers[] = {cores, static_cast<double>(HostPeakBytes()), static_cast<double>(device_peak.value_or(0))};
    const at::Tensor own = at::from_blob(numbers, {1, std::size(numbers)}, at::kDouble);
    std::vector<at::Tensor> all = {own};
    if (training_.workers().size() > 1) {
      ASSIGN_OR_RETURN(all, training_.workers().Gather(own));
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
  Training& training_;
  double flops_ = 0;  // a candidate
  Reads reads_;       // a candidate
};

// What product rate all processes reach at once.
absl::StatusOr<double> ProductRate(Training* training) {
  RETURN_IF_ERROR(training->workers().Barrier());
  const bool bfloat16 = training->config().precision() == "bfloat16";
  ASSIGN_OR_RETURN(double rate, torch::CatchTorch([&] { return ProductFlopsPerSecond(training->device(), bfloat16); }));
  at::Tensor shared = at::from_blob(&rate, {1}, at::kDouble);
  RETURN_IF_ERROR(training->workers().Sum(&shared));
  return rate;
}

}  // namespace

CostLine Describe(Training* training) {
  const auto& config = training->config();
  const int processes = training->workers().size();
  CostLine line;
  line.set_device(training->device().is_cpu() ? "cpu" : "cuda");
  line.set_device_name(NameOf(training->device()));
  line.set_processes(processes);
  if (processes > 1) line.set_communication(config.parallel().communication());
  line.set_threads(config.threads());
  line.set_precision(config.precision());
  line.set_batch_auctions(config.optimizer().batch_auctions());
  return line;
}

absl::StatusOr<std::optional<CostLine>> Measure(Training* training, const MeasureOptions& options) {
  CostLine line = Describe(training);
  ASSIGN_OR_RETURN(const double rate, ProductRate(training));
  ForgetPeaks(training->device());
  RETURN_IF_ERROR(training->Start());
  const torch::Network& network = training->network();
  int64_t of_tables = 0;
  for (const auto& [name, table] : network.tables()) of_tables += table.numel();
  line.set_dense_parameters(network.dense().numel());
  line.set_table_parameters(of_tables);
  line.set_parameters(network.dense().numel() + of_tables);
  RETURN_IF_ERROR(Measurement(training, options).Run(&line));
  line.set_product_flops_per_second(rate);
  line.set_model_flop_utilisation(line.flops_per_second() / rate);
  if (training->workers().rank() != 0) return std::nullopt;
  return line;
}

}  // namespace vickrey::trainer::cost
