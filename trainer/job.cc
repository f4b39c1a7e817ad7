#include "trainer/job.h"

#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer/evaluate.h"
#include "trainer/export.h"
#include "trainer/fit.h"
#include "trainer/guarantee.h"
#include "trainer/loss/loss.h"
#include "trainer/parallel/environment.h"
#include "trainer/prepare.h"
#include "trainer/run/run_folder.h"
#include "trainer/setup.h"
#include "trainer/teacher.h"
#include "vickrey/base/files.h"
#include "vickrey/base/json.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::TrainConfig;
using vickrey::v1::TrainLine;

constexpr size_t kMostVersion = 129;  // bytes, with the end

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
    ASSIGN_OR_RETURN(data_, EncodeData(config_, db, snapshot_id_, setup_.root));
    // Wrong networks are refused before hours of training.
    ASSIGN_OR_RETURN(const auto network, StartNetwork(config_, *data_, setup_.device));
    if (config_.loss().labels() == "teacher") {
      RETURN_IF_ERROR(
          UnderModel("teacher.model", LayoutOf(config_.teacher().model(), *data_->dataset().schema()).status()));
    }
    RETURN_IF_ERROR(FindLabels(db));
    ASSIGN_OR_RETURN(const std::string run, OpenRun());
    RETURN_IF_ERROR(FillFromData(data_->Train(), *labels_, base_rate_given_, config_.mutable_loss()));
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

  // The folder of this run, the same in all processes.
  absl::StatusOr<std::string> OpenRun() {
    TrainConfig config = Effective();
    config.clear_version();
    if (setup_.workers->size() == 1) config.clear_parallel();  // one process trains the same whatever it says
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
    const auto data = EncodeData(seen, db, snapshot_id_, setup_.root);
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
    ASSIGN_OR_RETURN(const Judgement judgement, Judge(Sample(part, config_.evaluation().auctions()), *best_, *labels_,
                                                      multiplier, /*intervals=*/true));
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
  ASSIGN_OR_RETURN(const at::Device device, DeviceFor(job.config, environment.local_rank, environment.size));
  ASSIGN_OR_RETURN(const auto workers,
                   Workers::FromEnvironment({.device = device, .timeout = absl::Seconds(job.config.peer_seconds())}));
  const Setup setup = {.root = root, .device = device, .workers = workers.get()};
  ASSIGN_OR_RETURN(TrainLine line, Job(std::move(job), snapshot_id, setup).Run(db));
  if (!setup.is_main()) return std::nullopt;
  return line;
}

}  // namespace vickrey::trainer
