#include "trainer/fit.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "trainer/data/loader.h"
#include "trainer/epoch_report.h"
#include "trainer/evaluate.h"
#include "trainer/events/event_writer.h"
#include "trainer/exchange.h"
#include "trainer/loss/loss.h"
#include "trainer/optim/optimizer.h"
#include "trainer/run/checkpoint.h"
#include "trainer/step.h"
#include "vickrey/base/files.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {
namespace {

using vickrey::storage::v1::CheckpointFile;

constexpr char kBest[] = "best-";   // files of weights
constexpr double kExplosion = 1e4;  // times what is usual
constexpr double kUsualDecay = .99;
constexpr int kEventsOfAnEpoch = 20;
constexpr size_t kTimedSteps = 1000;

// One run of Fit: evaluate, checkpoint, step, log.
class Run {
 public:
  Run(const Selection& train, const Selection& validation, const Labels& labels, const FitOptions& options,
      const Loss& loss, Workers* workers, torch::Network* network)
      : validation_(validation),
        options_(options),
        workers_(*workers),
        network_(*network),
        plan_{.auctions = train.auctions(), .batch_auctions = options.optimizer.batch_auctions(), .seed = options.seed},
        steps_(plan_.steps_per_epoch() * options.optimizer.epochs()),
        warm_steps_(IsRankLoss(options.loss) ? std::llround(options.loss.warm_phase() * static_cast<double>(steps_))
                                             : 0),
        train_(train),
        labels_(labels),
        stepper_(
            {
                .seed = options.seed,
                .optimizer = options.optimizer,
                .zero1 = options.parallel.communication() == "zero1",
                .bfloat16 = options.bfloat16,
            },
            loss, workers, network) {}

  absl::StatusOr<Fitted> Train() {
    RETURN_IF_ERROR(Resume());
    Loader loader(train_, labels_, plan_, StepLoaderOptions(state_.step(), steps_, workers_, network_));
    while (state_.step() < steps_ && !IsDone()) {
      const absl::Time start = absl::Now();
      ASSIGN_OR_RETURN(std::unique_ptr<TrainBatch> batch, loader.Next());
      RETURN_IF_ERROR(Step(batch.get()));
      loader.Recycle(std::move(batch));
      Time(absl::Now() - start);
      if (state_.step() % plan_.steps_per_epoch() == 0) {
        RETURN_IF_ERROR(EndEpoch());
        RETURN_IF_ERROR(Checkpoint());
        checkpoint_due_ = false;
      }
      if (interrupted_) {
        RETURN_IF_ERROR(CheckFinite());
        RETURN_IF_ERROR(Checkpoint());
        return absl::CancelledError(absl::StrCat("interrupted by a signal after step ", state_.step(), " of ",
                                                 options_.name, "; the same command goes on from there"));
      }
      if (checkpoint_due_ && (IsMain() || stepper_.sharded())) {
        RETURN_IF_ERROR(CheckFinite());
        RETURN_IF_ERROR(Checkpoint());
      }
    }
    if (progress_ != nullptr) progress_->Finish();
    return Result(loader.seconds_waited());
  }

 private:
  bool IsMain() const { return workers_.rank() == 0; }
  bool IsDone() const {
    return options_.evaluation.patience() > 0 && state_.epochs_without_gain() >= options_.evaluation.patience();
  }

  // What a checkpoint keeps, `state` being the optimizer's.
  NamedTensors Tensors(const NamedTensors& state) const {
    NamedTensors all = {{"dense", network_.dense()}};
    for (const auto& [name, table] : network_.tables()) all[name] = table;
    for (const auto& [name, tensor] : state) all[absl::StrCat("optimizer.", name)] = tensor;
    return all;
  }

  // Where the last checkpoint left off, the same in all processes.
  absl::Status Resume() {
    RETURN_IF_ERROR(torch::CatchTorch([&] { stepper_.NewOptimizer(); }));
    NamedTensors whole;  // the optimizer's state
    if (IsMain()) {
      base::RemoveUnpublished(options_.run);
      base::RemoveUnpublished(options_.run / "checkpoints");
      RETURN_IF_ERROR(torch::CatchTorch(
          [&] { whole = stepper_.sharded() ? stepper_.optimizer().EmptyWhole() : stepper_.optimizer().state(); }));
      ASSIGN_OR_RETURN(auto found, ReadCheckpoint(options_.run, options_.key, Tensors(whole)));
      if (found.has_value()) state_ = *std::move(found);
      DeleteOldWeights();
    }
    if (workers_.size() > 1) {
      RETURN_IF_ERROR(
          ShareState(Tensors(stepper_.sharded() ? NamedTensors() : stepper_.optimizer().state()), &workers_, &state_));
    }
    if (state_.step() > 0) {
      if (stepper_.sharded()) RETURN_IF_ERROR(ScatterParts(whole, stepper_.optimizer().state(), &workers_));
      RETURN_IF_ERROR(
          stepper_.optimizer().set_steps({state_.optimizer_steps().begin(), state_.optimizer_steps().end()}));
    }
    last_checkpoint_ = absl::Now();
    first_step_ = state_.step();
    if (!IsMain()) return absl::OkStatus();
    progress_ = std::make_unique<base::Progress>(absl::StrCat("train ", options_.name), "steps", steps_);
    progress_->Skip(state_.step());
    if (state_.step() > 0) base::Note(absl::StrCat("training ", options_.name, " goes on from step ", state_.step()));
    ASSIGN_OR_RETURN(
        events_, EventWriter::Create(options_.run, state_.step() > 0 ? std::optional(state_.step()) : std::nullopt));
    return absl::OkStatus();
  }

  absl::Status Step(TrainBatch* batch) {
    const int64_t step = state_.step();
    const Workers::Traffic before = workers_.traffic();
    const bool warm = step < warm_steps_;
    const int64_t phase_begin = warm ? 0 : warm_steps_;
    const int64_t phase_steps = warm ? warm_steps_ : steps_ - warm_steps_;
    Point point = PointAt(options_.loss, static_cast<double>(step - phase_begin) / static_cast<double>(phase_steps));
    if (warm) point.alpha = 1;
    const double share = LearningRateAt(options_.optimizer, step - phase_begin, phase_steps);
    if (step == phase_begin) {
      if (step > 0) RETURN_IF_ERROR(torch::CatchTorch([&] { stepper_.NewOptimizer(); }));
      state_.set_usual_objective(0);
    }
    StepSums sums;
    RETURN_IF_ERROR(stepper_.Differentiate(step, plan_.SizeOf(step), point, batch, &sums));
    sums.interrupted = !base::CheckInterrupt().ok();
    sums.checkpoint_due = IsMain() && absl::Now() - last_checkpoint_ >= absl::Seconds(options_.checkpoint.seconds());
    if (workers_.size() > 1) RETURN_IF_ERROR(AddUp(&workers_, &sums));
    interrupted_ = sums.interrupted;
    checkpoint_due_ = sums.checkpoint_due;
    const double objective = sums.objective;
    const double usual = state_.usual_objective();
    const bool explodes = usual > 0 && std::isfinite(objective) && std::abs(objective) > kExplosion * usual + 1;
    bool finite = std::isfinite(objective) && !explodes;
    if (finite) {
      ASSIGN_OR_RETURN(finite, stepper_.Apply(sums, share));
    }
    if (!finite) {
      return Exploded(step, absl::StrCat("has the objective ", objective,
                                         std::isfinite(objective) && !explodes ? " and a gradient that is not finite"
                                         : explodes                            ? ", which explodes"
                                                                               : ""));
    }
    state_.set_usual_objective(usual + (usual == 0 ? 1 : 1 - kUsualDecay) * (std::abs(objective) - usual));
    state_.set_epoch_sum(state_.epoch_sum() + objective);
    state_.set_step(step + 1);
    candidates_ += sums.candidates;
    traffic_.bytes += workers_.traffic().bytes - before.bytes;
    traffic_.time += workers_.traffic().time - before.time;
    return Log(objective, share * options_.optimizer.learning_rate());
  }

  void Time(absl::Duration step) {
    train_time_ += step;
    const double seconds = absl::ToDoubleSeconds(step);
    if (step_seconds_.size() < kTimedSteps) {
      step_seconds_.push_back(seconds);
    } else {
      step_seconds_[static_cast<size_t>(state_.step()) % kTimedSteps] = seconds;
    }
  }

  // The error of a step, from 0, of which `what` is said.
  absl::Status Exploded(int64_t step, const std::string& what) const {
    const int64_t of_epoch = plan_.steps_per_epoch();
    const std::filesystem::path last = LastCheckpoint(options_.run);
    return absl::InternalError(absl::StrCat(
        "training ", options_.name, ": step ", step + 1, " (batch ", step % of_epoch + 1, " of epoch ",
        step / of_epoch + 1, ") ", what, "; the last checkpoint before it is ", last.empty() ? "none" : last.string(),
        "; a lower optimizer.learning_rate or optimizer.clip_norm may help"));
  }

  absl::Status Log(double objective, double learning_rate) {
    if (!IsMain()) return absl::OkStatus();
    progress_->Show("objective", objective);
    progress_->Update(state_.step());
    const int64_t every = std::max<int64_t>(1, plan_.steps_per_epoch() / kEventsOfAnEpoch);
    if (state_.step() % every != 0) return absl::OkStatus();
    const EventWriter::Scalar scalars[] = {{"train/objective", objective}, {"train/learning_rate", learning_rate}};
    return events_->Write(state_.step(), scalars);
  }

  absl::Status EndEpoch() {
    vickrey::v1::Epoch report;
    report.set_model(options_.name);
    report.set_epoch(static_cast<int32_t>(state_.step() / plan_.steps_per_epoch()));
    report.set_epochs(options_.optimizer.epochs());
    report.set_train_value(state_.epoch_sum() / static_cast<double>(plan_.steps_per_epoch()));
    state_.set_epoch_sum(0);
    RETURN_IF_ERROR(CheckFinite());
    RETURN_IF_ERROR(Evaluate(&report));
    if (IsMain()) Report(report);
    return absl::OkStatus();
  }

  absl::Status Evaluate(vickrey::v1::Epoch* report) {
    double score = static_cast<double>(report->epoch());  // without a validation set the last is the best
    double multiplier = 1;
    std::vector<EventWriter::Scalar> scalars = {{"train/epoch_objective", report->train_value()}};
    if (validation_.auctions() > 0) {
      ASSIGN_OR_RETURN(const Judgement judgement,
                       Judge(Sample(validation_, options_.evaluation.auctions()), network_, labels_, std::nullopt));
      multiplier = judgement.multiplier;
      const vickrey::v1::MetricsLine& metrics = judgement.metrics;
      if (metrics.has_logloss()) report->set_validation_logloss(metrics.logloss());
      if (metrics.has_welfare()) {
        report->set_validation_welfare(metrics.welfare());
        report->set_reference(metrics.reference());
        if (IsMain()) progress_->Show("welfare", metrics.welfare());
      }
      const auto chosen = ScoreOf(options_.evaluation.metric(), judgement);
      const auto other = ScoreOf("logloss", judgement);
      if (chosen.has_value() || other.has_value()) score = chosen.has_value() ? *chosen : *other;
      for (const auto& [name, value] : judgement.by_name) {
        if (name != "auctions") scalars.push_back({absl::StrCat("validation/", name), value});
      }
    }
    if (IsMain()) RETURN_IF_ERROR(events_->Write(state_.step(), scalars));
    if (workers_.size() > 1) {
      // Hosts whose processors differ may differ in a last bit; which epoch is the best, and the last, they may not.
      std::vector<double> judged = {score, multiplier};
      RETURN_IF_ERROR(TakeFromMain(&judged, &workers_));
      score = judged[0], multiplier = judged[1];
    }
    // What a rank loss has not trained yet is a log-loss model: no candidate, unless there is no other.
    const bool eligible = state_.step() > warm_steps_ || report->epoch() == options_.optimizer.epochs();
    if (!eligible) return absl::OkStatus();
    if (state_.has_best() && !(score > state_.best().score())) {
      state_.set_epochs_without_gain(state_.epochs_without_gain() + 1);
      return absl::OkStatus();
    }
    report->set_best(true);
    state_.set_epochs_without_gain(0);
    auto& best = *state_.mutable_best();
    best.set_epoch(report->epoch());
    best.set_score(score);
    best.set_multiplier(multiplier);
    best.set_weights(absl::StrCat(kBest, report->epoch(), ".safetensors"));
    return IsMain() ? WriteBest() : absl::OkStatus();
  }

  absl::Status WriteBest() const {
    model::TensorFile weights;
    RETURN_IF_ERROR(torch::CatchTorch([&] { weights = network_.Copy(); }));
    ASSIGN_OR_RETURN(const auto file, base::FilePublisher::Create(options_.run / state_.best().weights()));
    RETURN_IF_ERROR(
        model::WriteTensors(model::ViewOf(weights), [&](std::string_view bytes) { return file->Write(bytes); }));
    return file->Publish();
  }

  // Steps along finite gradients lead to weights that are not finite only where they overflow: what is saved, or
  // judged, is looked at as a whole.
  absl::Status CheckFinite() const {
    double sum = 0;
    RETURN_IF_ERROR(torch::CatchTorch([&] {
      sum = network_.dense().sum(at::kDouble).item<double>();
      for (const auto& [name, table] : network_.tables()) sum += table.sum(at::kDouble).item<double>();
    }));
    return std::isfinite(sum) ? absl::OkStatus() : Exploded(state_.step() - 1, "left weights that are not finite");
  }

  // Where the optimizer's state is in parts, all processes have to call it. REQUIRES: CheckFinite.
  absl::Status Checkpoint() {
    last_checkpoint_ = absl::Now();
    NamedTensors whole = stepper_.optimizer().state();
    if (stepper_.sharded()) {
      ASSIGN_OR_RETURN(whole, GatherParts(whole, &workers_));
    }
    if (!IsMain()) return absl::OkStatus();
    CheckpointFile state = state_;
    state.set_key(options_.key);
    for (const auto& [name, steps] : stepper_.optimizer().steps()) (*state.mutable_optimizer_steps())[name] = steps;
    RETURN_IF_ERROR(WriteCheckpoint(options_.run, std::move(state), Tensors(whole), options_.checkpoint.keep()));
    DeleteOldWeights();
    return absl::OkStatus();
  }

  // Those that no checkpoint names, and that are not the best now.
  void DeleteOldWeights() const {
    const std::set<std::string> named = WeightsOfCheckpoints(options_.run);
    std::vector<std::filesystem::path> old;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(options_.run, error)) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with(kBest) || named.contains(name) || name == state_.best().weights()) continue;
      old.push_back(entry.path());
    }
    for (const auto& path : old) std::filesystem::remove(path, error);
  }

  Fitted Result(double seconds_waited) const {
    Fitted fitted = {.weights = options_.run / state_.best().weights(),
                     .multiplier = state_.best().multiplier(),
                     .epoch = state_.best().epoch()};
    auto& speed = fitted.speed;
    speed.set_device(network_.dense().is_cpu() ? "cpu" : "cuda");
    speed.set_processes(workers_.size());
    speed.set_steps(state_.step() - first_step_);
    const double seconds = absl::ToDoubleSeconds(train_time_);
    speed.set_seconds(seconds);
    speed.set_waiting_seconds(seconds_waited);
    if (workers_.size() > 1) speed.set_communication(stepper_.sharded() ? "zero1" : "ddp");
    speed.set_communication_seconds(absl::ToDoubleSeconds(traffic_.time));
    speed.set_communication_bytes(traffic_.bytes);
    speed.set_optimizer_bytes(stepper_.optimizer().state_bytes());
    if (seconds > 0) speed.set_candidates_per_second(static_cast<double>(candidates_) / seconds);
    std::vector<double> sorted = step_seconds_;
    std::sort(sorted.begin(), sorted.end());
    if (!sorted.empty()) speed.set_median_step_seconds(sorted[sorted.size() / 2]);
    return fitted;
  }

  const Selection& validation_;
  const FitOptions& options_;
  Workers& workers_;
  torch::Network& network_;
  const BatchPlan plan_;
  const int64_t steps_, warm_steps_;
  const Selection& train_;
  const Labels& labels_;
  Stepper stepper_;
  CheckpointFile state_;                               // where training is
  bool interrupted_ = false, checkpoint_due_ = false;  // as all processes know since the last step
  absl::Time last_checkpoint_;
  std::unique_ptr<base::Progress> progress_;  // of rank 0, as the events
  std::unique_ptr<EventWriter> events_;
  // For the report on speed.
  int64_t first_step_ = 0, candidates_ = 0;
  absl::Duration train_time_;
  Workers::Traffic traffic_;  // of steps
  std::vector<double> step_seconds_;
};

}  // namespace

absl::StatusOr<Fitted> Fit(const Selection& train, const Selection& validation, const Labels& labels,
                           const FitOptions& options, Workers* workers, torch::Network* network) {
  ASSIGN_OR_RETURN(const auto loss, MakeLoss(options.loss));
  return Run(train, validation, labels, options, *loss, workers, network).Train();
}

}  // namespace vickrey::trainer
