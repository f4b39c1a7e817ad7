#include "trainer/job.h"

#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer/data/encode.h"
#include "trainer/evaluate.h"
#include "trainer/export.h"
#include "trainer/fit.h"
#include "trainer/guarantee.h"
#include "trainer/loss/loss.h"
#include "trainer/parallel/environment.h"
#include "trainer/run/run_folder.h"
#include "trainer/setup.h"
#include "trainer/teacher.h"
#include "vickrey/base/files.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/json.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/torch_scorer.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::DataConfig;
using vickrey::config::v1::LossConfig;
using vickrey::config::v1::ModelConfig;
using vickrey::config::v1::TrainConfig;
using vickrey::v1::TrainLine;

constexpr double kMicro = 1e6;
constexpr double kLeastOmega = 0.01, kMostOmega = 10;  // a log of equal scores has a law too
constexpr size_t kMostVersion = 129;                   // bytes, with the end

// 1 / mean target of the training set, which rids the loss of the currency.
absl::StatusOr<double> ScaleOf(const Selection& train, const Labels& source) {
  double sum = 0;
  int64_t count = 0;
  std::vector<double> labels;
  RETURN_IF_ERROR(ForEachChunk(train, [&](const Chunk& chunk) -> absl::Status {
    RETURN_IF_ERROR(base::CheckInterrupt());
    RETURN_IF_ERROR(source.Of(chunk, &labels));
    for (size_t i = 0; i < labels.size(); ++i) {
      if (std::isnan(labels[i])) continue;
      sum += static_cast<double>(chunk.bids_micros[i]) / kMicro * labels[i];
      ++count;
    }
    return absl::OkStatus();
  }));
  return sum > 0 ? static_cast<double>(count) / sum : 1;
}

// The law of the competing score that known_market assumes: log-normal, by the moments of the logarithm of the greatest
// b q among the others of the auction; where labels are clicks, of b times the mean click.
absl::Status FitCompetition(const Selection& train, const Labels& source, LossConfig* loss) {
  const double rate = loss->labels() == "click" ? loss->base_rate() : 0;
  double sum = 0, squares = 0;
  int64_t count = 0;
  std::vector<double> labels;
  RETURN_IF_ERROR(ForEachChunk(train, [&](const Chunk& chunk) -> absl::Status {
    RETURN_IF_ERROR(base::CheckInterrupt());
    RETURN_IF_ERROR(source.Of(chunk, &labels));
    const auto score = [&](int64_t i) {
      return static_cast<double>(chunk.bids_micros[i]) / kMicro * (rate > 0 ? rate : labels[i]);
    };
    for (int64_t a = 0; a < chunk.auctions(); ++a) {
      const int64_t begin = chunk.features.offsets[a], end = chunk.features.offsets[a + 1];
      for (int64_t i = begin; i < end; ++i) {
        double greatest = 0;
        for (int64_t j = begin; j < end; ++j) {
          if (j != i && score(j) > greatest) greatest = score(j);  // not of a masked one
        }
        if (greatest == 0) continue;
        sum += std::log(greatest);
        squares += std::log(greatest) * std::log(greatest);
        ++count;
      }
    }
    return absl::OkStatus();
  }));
  const double mean = count > 0 ? sum / static_cast<double>(count) : 0;
  const double variance = count > 0 ? squares / static_cast<double>(count) - mean * mean : 1;
  loss->set_mu(mean);
  loss->set_omega(std::clamp(std::sqrt(std::max(variance, 0.0)), kLeastOmega, kMostOmega));
  return absl::OkStatus();
}

// The error of a network as one of the configuration: its field `hidden`, say, is PREFIX.hidden.
absl::Status Under(const std::string& prefix, const absl::Status& status) {
  const auto field = base::FieldOf(status);
  if (field.has_value() && field->starts_with("schema.")) {  // a field of the schema that the network cannot take
    return base::AboutField(absl::InvalidArgumentError(absl::StrCat("data.", status.message())), "data." + *field);
  }
  const bool of_model = field.has_value() && ModelConfig::descriptor()->FindFieldByName(*field) != nullptr;
  if (!of_model) return status;
  return base::AboutField(absl::InvalidArgumentError(absl::StrCat(prefix, ".", status.message())),
                          prefix + "." + *field);
}

// The device that the configuration names; a process of several has a GPU of its own.
absl::StatusOr<at::Device> Resolve(const TrainConfig& config, int local_rank, int processes) {
  const std::string cuda = processes > 1 ? absl::StrCat("cuda:", local_rank) : "cuda";
  at::Device device = at::kCPU;
  if (config.device() != "cpu") {
    const auto found = torch::DeviceOf(cuda);
    if (found.ok()) device = *found;
    if (!found.ok() && config.device() == "cuda") return found.status();
    if (!found.ok() && processes > 1 && torch::DeviceOf("cuda").ok()) {
      return base::InvalidField("device", absl::StrCat("'auto' finds GPUs, but none for process ", local_rank,
                                                       " of this host; start as many as there are GPUs, or give cpu"));
    }
  }
  if (config.precision() == "bfloat16" && device.is_cpu()) {
    return base::InvalidField("precision", "'bfloat16' needs a GPU; on a CPU only 'float32' is allowed");
  }
  return device;
}

class Job {
 public:
  Job(JobConfig job, std::string snapshot_id, const Setup& setup)
      : config_(std::move(job.config)),
        base_rate_given_(job.base_rate_given),
        snapshot_id_(std::move(snapshot_id)),
        setup_(setup) {}

  absl::StatusOr<TrainLine> Run(const std::filesystem::path& db) {
    // What depends on the data, base_rate and scale, is null here; the artifact has it.
    if (!base_rate_given_) config_.mutable_loss()->clear_base_rate();
    if (setup_.is_main()) {
      base::WriteToStderr(absl::StrCat("{\"config\":", base::ToJson(Effective()), "}\n"));
    }
    RETURN_IF_ERROR(CheckVersion());
    std::error_code error;
    if (std::filesystem::equivalent(setup_.root, db, error)) {
      return base::InvalidField("--out", absl::StrCat("'", setup_.root.string(), "' is the log's folder"));
    }
    RETURN_IF_ERROR(base::MakeFolders(setup_.root));
    ASSIGN_OR_RETURN(data_, Encode(db, config_.data()));
    // Wrong networks are refused before hours of training.
    ASSIGN_OR_RETURN(const auto network, MakeNetworks());
    RETURN_IF_ERROR(FindLabels(db));
    ASSIGN_OR_RETURN(const std::string run, OpenRun());
    RETURN_IF_ERROR(FillFromData());
    ASSIGN_OR_RETURN(const Fitted fitted,
                     Fit(data_->Train(), data_->Validation(), *labels_, Options(run), setup_.workers, network.get()));
    if (!setup_.is_main()) return std::move(line_);
    *line_.mutable_speed() = fitted.speed;
    ASSIGN_OR_RETURN(best_, ReadNetwork(config_.model(), *data_->dataset().schema(), fitted.weights, setup_.device));
    RETURN_IF_ERROR(JudgePart("validation.", data_->Validation(), fitted.multiplier));
    RETURN_IF_ERROR(JudgePart("test.", data_->Test(), fitted.multiplier));
    RETURN_IF_ERROR(Guarantee(fitted.multiplier));
    RETURN_IF_ERROR(Write(fitted));
    line_.mutable_metrics()->insert(metrics_.begin(), metrics_.end());
    RETURN_IF_ERROR(run_->Finish());
    return std::move(line_);
  }

 private:
  // What is read of the configuration, so that it can be given again.
  TrainConfig Effective() const {
    TrainConfig config = config_;
    ClearUnread(config.mutable_loss());
    return config;
  }

  // A version that is there already is refused before training, too, unless it is that of a run that was interrupted
  // when all but its last note was written.
  absl::Status CheckVersion() const {
    std::error_code error;
    const auto folder = setup_.root / config_.name() / config_.version();
    const auto run = setup_.root / "runs" / config_.name() / config_.version();
    if (!config_.has_version() || !std::filesystem::exists(folder, error) || IsInterrupted(run)) {
      return absl::OkStatus();
    }
    return base::AboutField(absl::AlreadyExistsError(absl::StrCat("version: ", folder.string(), " exists already")),
                            "version");
  }

  absl::StatusOr<std::unique_ptr<Grouping>> Encode(const std::filesystem::path& db, const DataConfig& data) const {
    ASSIGN_OR_RETURN(auto dataset, EncodeSnapshot(db, snapshot_id_, data, config_.seed(), setup_.root));
    const int folds = config_.loss().labels() == "teacher" ? config_.teacher().cross_fit() : 1;
    ASSIGN_OR_RETURN(Grouping grouping, Grouping::Make(std::move(dataset), folds, config_.seed()));
    if (grouping.Train().auctions() == 0) {
      return base::InvalidField("data.train", absl::StrCat(config_.data().train(), " of ",
                                                           grouping.dataset().auctions(), " auctions are none"));
    }
    return std::make_unique<Grouping>(std::move(grouping));
  }

  absl::StatusOr<std::unique_ptr<torch::Network>> MakeNetworks() const {
    const features::Schema& schema = *data_->dataset().schema();
    auto network = NewNetwork(config_.model(), schema, data_->Train().totals().ClickRate(), config_.seed(),
                              {.outputs = OutputsOf(config_.loss()), .device = setup_.device});
    RETURN_IF_ERROR(Under("model", network.status()));
    if (config_.loss().labels() == "teacher") {
      RETURN_IF_ERROR(Under("teacher.model", CheckModel(config_.teacher().model(), schema)));
    }
    return network;
  }

  // The folder of this run, the same in all processes.
  absl::StatusOr<std::string> OpenRun() {
    TrainConfig config = Effective();
    config.clear_version();
    // The dataset's name is a digest of its schema and all, the teacher's one of everything that it is a function of.
    key_ = base::Sha256Hex(absl::StrCat(base::ToJson(config), "\n", data_->dataset().folder().filename().string(), "\n",
                                        line_.teacher().name(), "\n", setup_.workers->size(), "\n",
                                        setup_.device.is_cpu() ? "cpu" : "cuda"));
    char version[kMostVersion] = {};
    if (setup_.is_main()) {
      ASSIGN_OR_RETURN(run_, RunFolder::Open(setup_.root, config_.name(), config_.version(), key_));
      std::copy_n(run_->version().data(), std::min(run_->version().size(), kMostVersion - 1), version);
    }
    at::Tensor shared = at::from_blob(version, {kMostVersion}, at::kByte);
    RETURN_IF_ERROR(setup_.workers->Broadcast(&shared));
    config_.set_version(version);
    return (setup_.root / "runs" / config_.name() / config_.version()).string();
  }

  absl::StatusOr<TeacherLabels> TeachersLabels(const std::filesystem::path& db) const {
    if (!config_.teacher().has_schema()) return LabelByTeacher(config_, *data_, snapshot_id_, setup_);
    // The same auctions, seen by the teacher's features.
    TrainConfig seen = config_;
    seen.mutable_data()->set_schema(config_.teacher().schema());
    const auto data = Encode(db, seen.data());
    RETURN_IF_ERROR(base::Annotate(data.status(), "teacher.schema"));
    return LabelByTeacher(seen, **data, snapshot_id_, setup_);
  }

  absl::Status FindLabels(const std::filesystem::path& db) {
    if (config_.loss().labels() == "teacher") {
      ASSIGN_OR_RETURN(TeacherLabels teacher, TeachersLabels(db));
      labels_ = std::move(teacher.labels);
      *line_.mutable_teacher() = std::move(teacher.report);
      return absl::OkStatus();
    }
    labels_ = config_.loss().labels() == "click" ? Labels::Clicks() : Labels::Truths();
    return labels_->CheckAny(data_->Train());
  }

  absl::Status FillFromData() {
    LossConfig& loss = *config_.mutable_loss();
    const double rate = data_->Train().totals().ClickRate();
    if (!base_rate_given_) loss.set_base_rate(rate > 0 ? rate : 1);
    if (Reads(loss, "scale") && !loss.has_scale()) {
      ASSIGN_OR_RETURN(const double scale, ScaleOf(data_->Train(), *labels_));
      loss.set_scale(scale);
    }
    if (loss.loss() == "known_market" && !loss.has_mu()) return FitCompetition(data_->Train(), *labels_, &loss);
    return absl::OkStatus();
  }

  FitOptions Options(const std::string& run) const {
    return {.name = config_.name(),
            .seed = config_.seed(),
            .optimizer = config_.optimizer(),
            .loss = config_.loss(),
            .evaluation = config_.evaluation(),
            .checkpoint = config_.checkpoint(),
            .parallel = config_.parallel(),
            .bfloat16 = config_.precision() == "bfloat16",
            .run = run,
            .key = key_};
  }

  absl::Status JudgePart(const std::string& prefix, const Selection& part, double multiplier) {
    if (part.auctions() == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(const Judgement judgement,
                     Judge(Sample(part, config_.evaluation().auctions()), *best_, multiplier, /*intervals=*/true));
    for (const auto& [name, value] : judgement.by_name) metrics_[prefix + name] = value;
    for (const auto& [name, half] : judgement.half_widths) {
      auto& interval = (*line_.mutable_intervals())[prefix + name];
      interval.set_low(judgement.by_name.at(name) - half);
      interval.set_high(judgement.by_name.at(name) + half);
    }
    return absl::OkStatus();
  }

  absl::Status Guarantee(double multiplier) {
    const Selection test = data_->Test();
    if (!line_.has_teacher() || test.auctions() == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(const trainer::Guarantee guarantee, GuaranteeOf(Sample(test, config_.evaluation().auctions()),
                                                                     *best_, multiplier, *labels_, config_.loss()));
    line_.set_eps(guarantee.eps);
    line_.set_g4(std::string(guarantee.verdict));
    if (guarantee.eps_b.has_value()) line_.set_eps_b(*guarantee.eps_b);
    if (guarantee.bound.has_value()) line_.set_g4_bound(*guarantee.bound);
    return absl::OkStatus();
  }

  absl::Status Write(const Fitted& fitted) {
    metrics_["epoch"] = fitted.epoch;
    const TrainConfig effective = Effective();
    Export out{.name = config_.name(),
               .version = config_.version(),
               .model = config_.model(),
               .config = &effective,
               .multiplier = fitted.multiplier,
               .metrics = metrics_};
    out.provenance.set_snapshot_id(snapshot_id_);
    out.provenance.set_loss(config_.loss().loss());
    out.provenance.set_labels(config_.loss().labels());
    out.provenance.set_seed(config_.seed());
    out.provenance.set_teacher_sha256(line_.teacher().sha256());
    auto written = WriteModel(setup_.root, data_->dataset(), fitted.weights, std::move(out));
    // This run was killed after it had written it: nobody else takes the version of a run.
    if (absl::IsAlreadyExists(written.status())) {
      const std::filesystem::path folder = setup_.root / config_.name() / config_.version();
      ASSIGN_OR_RETURN(const model::Artifact there, model::LoadArtifact(folder));
      written = model::WrittenArtifact{.folder = folder, .sha256 = there.sha256};
    }
    RETURN_IF_ERROR(written);
    line_.set_artifact(written->folder.string());
    line_.set_version(config_.version());
    line_.set_sha256(written->sha256);
    return absl::OkStatus();
  }

  TrainConfig config_;
  const bool base_rate_given_;
  const std::string snapshot_id_;
  const Setup& setup_;
  std::unique_ptr<Grouping> data_;
  std::string key_;
  std::unique_ptr<RunFolder> run_;  // of rank 0
  std::optional<Labels> labels_;
  std::unique_ptr<torch::Network> best_;
  std::map<std::string, double> metrics_;
  TrainLine line_;
};

}  // namespace

absl::StatusOr<std::optional<TrainLine>> RunJob(JobConfig job, const std::filesystem::path& db,
                                                const std::string& snapshot_id, const std::filesystem::path& root) {
  at::set_num_threads(job.config.threads());
  ASSIGN_OR_RETURN(const Environment environment, Environment::Read());
  ASSIGN_OR_RETURN(const at::Device device, Resolve(job.config, environment.local_rank, environment.size));
  ASSIGN_OR_RETURN(const auto workers,
                   Workers::FromEnvironment({.device = device, .timeout = absl::Seconds(job.config.peer_seconds())}));
  const Setup setup = {.root = root, .device = device, .workers = workers.get()};
  ASSIGN_OR_RETURN(TrainLine line, Job(std::move(job), snapshot_id, setup).Run(db));
  if (!setup.is_main()) return std::nullopt;
  return line;
}

}  // namespace vickrey::trainer
