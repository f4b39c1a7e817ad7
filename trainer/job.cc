#include "trainer/job.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer/data/dataset.h"
#include "trainer/export.h"
#include "trainer/fit.h"
#include "trainer/guarantee.h"
#include "trainer/teacher.h"
#include "vickrey/base/files.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::LossConfig;
using vickrey::config::v1::TrainConfig;
using vickrey::v1::MetricsLine;
using vickrey::v1::TrainLine;

constexpr double kMicro = 1e6;
constexpr double kLeastOmega = 0.01, kMostOmega = 10;  // a log of equal scores has a law too

// 1 / mean target of the training set, which rids the loss of the currency.
double ScaleOf(const Dataset& data, const std::vector<double>& labels) {
  double sum = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < data.features.offsets[data.train.end]; ++i) {
    if (std::isnan(labels[i])) continue;
    sum += static_cast<double>(data.bids_micros[i]) / kMicro * labels[i];
    ++count;
  }
  return sum > 0 ? static_cast<double>(count) / sum : 1;
}

// The law of the competing score that known_market assumes: log-normal, by the moments of the logarithm of the greatest
// b q among the others of the auction; where labels are clicks, of b times the mean click.
void FitCompetition(const Dataset& data, const std::vector<double>& labels, LossConfig* loss) {
  const double rate = loss->labels() == "click" ? loss->base_rate() : 0;
  double sum = 0, squares = 0;
  int64_t count = 0;
  for (int64_t a = 0; a < data.train.end; ++a) {
    const int64_t begin = data.features.offsets[a], end = data.features.offsets[a + 1];
    const auto score = [&](int64_t i) {
      return static_cast<double>(data.bids_micros[i]) / kMicro * (rate > 0 ? rate : labels[i]);
    };
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
  const double mean = count > 0 ? sum / static_cast<double>(count) : 0;
  const double variance = count > 0 ? squares / static_cast<double>(count) - mean * mean : 1;
  loss->set_mu(mean);
  loss->set_omega(std::clamp(std::sqrt(std::max(variance, 0.0)), kLeastOmega, kMostOmega));
}

void AddMetrics(const std::string& prefix, const MetricsLine& m, std::map<std::string, double>* metrics) {
  const auto add = [&](const char* name, bool has, double value) {
    if (has) (*metrics)[prefix + name] = value;
  };
  add("auctions", true, static_cast<double>(m.auctions()));
  add("logloss", m.has_logloss(), m.logloss());
  add("normalized_entropy", m.has_normalized_entropy(), m.normalized_entropy());
  add("auc", m.has_auc(), m.auc());
  add("auction_auc", m.has_auction_auc(), m.auction_auc());
  add("calibration", m.has_calibration(), m.calibration());
  add("winner_calibration", m.has_winner_calibration(), m.winner_calibration());
  add("welfare", m.has_welfare(), m.welfare());
  add("oracle_welfare", m.has_oracle_welfare(), m.oracle_welfare());
  add("regret", m.has_regret(), m.regret());
  add("revenue", m.has_revenue(), m.revenue());
}

// The error of a network as one of the configuration: its field `hidden`, say, is PREFIX.hidden.
absl::Status Under(const std::string& prefix, const absl::Status& status) {
  const auto field = base::FieldOf(status);
  if (field.has_value() && field->starts_with("schema.")) {  // a field of the schema that the network cannot take
    return base::AboutField(absl::InvalidArgumentError(absl::StrCat("data.", status.message())), "data." + *field);
  }
  if (field != "hidden" && field != "architecture" && field != "cross_layers" && field != "cross_rank") return status;
  return base::AboutField(absl::InvalidArgumentError(absl::StrCat(prefix, ".", status.message())),
                          prefix + "." + *field);
}

class Job {
 public:
  Job(JobConfig job, std::string snapshot_id, std::filesystem::path root)
      : config_(std::move(job.config)),
        base_rate_given_(job.base_rate_given),
        snapshot_id_(std::move(snapshot_id)),
        root_(std::move(root)) {}

  absl::StatusOr<TrainLine> Run(const std::filesystem::path& db) {
    // What depends on the data, base_rate and scale, is null here; the artifact has it.
    if (!base_rate_given_) config_.mutable_loss()->clear_base_rate();
    std::fputs(absl::StrCat("{\"config\":", base::ToJson(Effective()), "}\n").c_str(), stderr);
    at::set_num_threads(config_.threads());
    RETURN_IF_ERROR(ChooseVersion());
    std::error_code error;
    std::filesystem::create_directories(root_, error);
    if (error) {
      return absl::UnavailableError(absl::StrCat("cannot make the folder ", root_.string(), ": ", error.message()));
    }
    ASSIGN_OR_RETURN(data_, LoadDataset(db, snapshot_id_, config_.data(), config_.seed()));
    // Wrong networks are refused before hours of training.
    auto network =
        NewNetwork(config_.model(), *data_, data_->ClickRate(data_->train), config_.seed(), OutputsOf(config_.loss()));
    RETURN_IF_ERROR(Under("model", network.status()));
    network_ = *std::move(network);
    if (config_.loss().labels() == "teacher") {
      RETURN_IF_ERROR(Under("teacher.model", NewNetwork(config_.teacher().model(), *data_, 0, 0).status()));
    }
    RETURN_IF_ERROR(FindLabels(db));
    FillFromData();
    ASSIGN_OR_RETURN(const Fitted fitted, Fit(*data_, labels_, Options(), network_.get()));
    ASSIGN_OR_RETURN(network_, WithWeights(config_.model(), *data_, fitted.weights));
    RETURN_IF_ERROR(Judge("validation.", data_->validation, fitted.multiplier));
    RETURN_IF_ERROR(Judge("test.", data_->test, fitted.multiplier));
    RETURN_IF_ERROR(Guarantee(fitted.multiplier));
    RETURN_IF_ERROR(Write(fitted));
    line_.mutable_metrics()->insert(metrics_.begin(), metrics_.end());
    return std::move(line_);
  }

 private:
  // What is read of the configuration, so that it can be given again.
  TrainConfig Effective() const {
    TrainConfig config = config_;
    ClearUnread(config.mutable_loss());
    return config;
  }

  // A version that is there already is refused before training, too.
  absl::Status ChooseVersion() {
    if (!config_.has_version()) {
      config_.set_version(model::NextVersion(root_, config_.name()));
    } else if (const auto folder = root_ / config_.name() / config_.version(); std::filesystem::exists(folder)) {
      return base::AboutField(absl::AlreadyExistsError(absl::StrCat("version: ", folder.string(), " exists already")),
                              "version");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<TeacherLabels> TeachersLabels(const std::filesystem::path& db) const {
    if (!config_.teacher().has_schema()) return LabelByTeacher(config_, *data_, snapshot_id_, root_);
    // The same auctions, seen by the teacher's features.
    TrainConfig seen = config_;
    seen.mutable_data()->set_schema(config_.teacher().schema());
    const auto data = LoadDataset(db, snapshot_id_, seen.data(), config_.seed());
    RETURN_IF_ERROR(base::Annotate(data.status(), "teacher.schema"));
    return LabelByTeacher(seen, **data, snapshot_id_, root_);
  }

  absl::Status FindLabels(const std::filesystem::path& db) {
    if (config_.loss().labels() == "teacher") {
      ASSIGN_OR_RETURN(TeacherLabels teacher, TeachersLabels(db));
      labels_ = std::move(teacher.labels);
      *line_.mutable_teacher() = std::move(teacher.report);
    } else {
      labels_ = LoggedLabels(*data_, LabelsOf(config_.loss().labels()));
    }
    return CheckLabels(*data_, labels_, config_.loss().labels());
  }

  void FillFromData() {
    const double rate = data_->ClickRate(data_->train);
    if (!base_rate_given_) config_.mutable_loss()->set_base_rate(rate > 0 ? rate : 1);
    if (!config_.loss().has_scale()) config_.mutable_loss()->set_scale(ScaleOf(*data_, labels_));
    if (config_.loss().loss() == "known_market" && !config_.loss().has_mu()) {
      FitCompetition(*data_, labels_, config_.mutable_loss());
    }
  }

  FitOptions Options() const {
    FitOptions options{
        .name = config_.name(), .seed = config_.seed(), .optimizer = config_.optimizer(), .loss = config_.loss()};
    for (int64_t a = data_->train.begin; a < data_->train.end; ++a) options.auctions.push_back(a);
    return options;
  }

  absl::Status Judge(const std::string& prefix, const base::IndexRange& range, double multiplier) {
    if (range.end == range.begin) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::vector<float> logits, LogitsOf(*data_, range, *network_));
    ASSIGN_OR_RETURN(const MetricsLine metrics, trainer::Judge(*data_, range, ProbabilitiesOf(logits, multiplier)));
    AddMetrics(prefix, metrics, &metrics_);
    return absl::OkStatus();
  }

  absl::Status Guarantee(double multiplier) {
    if (!line_.has_teacher() || data_->test.end == data_->test.begin) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::vector<float> logits, LogitsOf(*data_, data_->test, *network_));
    ASSIGN_OR_RETURN(const trainer::Guarantee guarantee,
                     GuaranteeOf(*data_, data_->test, logits, multiplier, labels_, config_.loss()));
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
    ASSIGN_OR_RETURN(const model::WrittenArtifact written, WriteModel(root_, *data_, fitted.weights, std::move(out)));
    line_.set_artifact(written.folder.string());
    line_.set_version(config_.version());
    line_.set_sha256(written.sha256);
    return absl::OkStatus();
  }

  TrainConfig config_;
  const bool base_rate_given_;
  const std::string snapshot_id_;
  const std::filesystem::path root_;
  std::unique_ptr<Dataset> data_;
  std::vector<double> labels_;
  std::unique_ptr<torch::Network> network_;
  std::map<std::string, double> metrics_;
  TrainLine line_;
};

}  // namespace

absl::StatusOr<TrainLine> RunJob(JobConfig job, const std::filesystem::path& db, const std::string& snapshot_id,
                                 const std::filesystem::path& root) {
  return Job(std::move(job), snapshot_id, root).Run(db);
}

}  // namespace vickrey::trainer
