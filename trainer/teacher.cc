#include "trainer/teacher.h"

#include <cmath>
#include <map>
#include <span>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "trainer/export.h"
#include "trainer/fit.h"
#include "vickrey/base/config.h"
#include "vickrey/base/files.h"
#include "vickrey/base/json.h"
#include "vickrey/base/random.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"
#include "vickrey/model/tensors.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::LossConfig;
using vickrey::config::v1::TrainConfig;

constexpr char kFile[] = "labels.safetensors";
constexpr char kTensor[] = "teacher";
constexpr int kKeyDigits = 12;
constexpr int kLabelFormat = 1;  // part of the key: raise it where labels come out otherwise than before

// What a fold's teacher minimises: the log loss of clicks.
LossConfig TeacherLoss() {
  LossConfig loss;
  loss.set_loss("logloss");
  base::FinishConfig("teacher", &loss).IgnoreError();  // nothing in it can be wrong
  return loss;
}

std::string KeyOf(const TrainConfig& config, const Dataset& data, const std::string& snapshot_id) {
  const std::string text =
      absl::StrCat(kLabelFormat, "\n", config.seed(), "\n", config.threads(), "\n", base::ToJson(config.teacher()),
                   "\n", base::ToJson(config.data()), "\n", base::ToJson(data.schema->proto()), "\n", snapshot_id);
  return base::Sha256Hex(text).substr(0, kKeyDigits);
}

// Mean squared error of labels against clicks where these are known.
class Brier {
 public:
  void Add(double label, float click) {
    if (std::isnan(click)) return;
    sum_ += (label - click) * (label - click);
    ++count_;
  }
  double Mean() const { return count_ > 0 ? sum_ / static_cast<double>(count_) : 0; }

 private:
  double sum_ = 0;
  int64_t count_ = 0;
};

class Teacher {
 public:
  Teacher(const TrainConfig& config, const Dataset& data, std::string snapshot_id, std::filesystem::path root)
      : config_(config), data_(data), snapshot_id_(std::move(snapshot_id)), root_(std::move(root)) {
    result_.report.set_name(absl::StrCat("teacher-", KeyOf(config, data, snapshot_id_)));
    result_.report.set_folds(config.teacher().cross_fit());
    folder_ = root_ / "labels" / result_.report.name() / snapshot_id_;
    result_.report.set_labels((folder_ / kFile).string());
  }

  absl::StatusOr<TeacherLabels> Label() {
    std::error_code error;
    if (std::filesystem::exists(folder_ / kFile, error)) {
      result_.report.set_reused(true);
      RETURN_IF_ERROR(base::Annotate(Read(), (folder_ / kFile).string()));
      return std::move(result_);
    }
    RETURN_IF_ERROR(Train());
    // As the file holds them, so that a student of found labels is that of fresh ones, to the bit.
    for (double& label : result_.labels) label = static_cast<float>(label);
    RETURN_IF_ERROR(Write());
    return std::move(result_);
  }

 private:
  int FoldOf(int64_t auction) const {
    base::RandomStream random(config_.seed(), base::StreamId("teacher.folds"), static_cast<uint64_t>(auction));
    return static_cast<int>(random.Below(static_cast<uint64_t>(config_.teacher().cross_fit())));
  }

  // Of what a fold's teacher trains on, and nothing else.
  double ClickRateOf(const std::vector<int64_t>& auctions) const {
    double rates = 0;
    for (const int64_t a : auctions) rates += data_.ClickRate({a, a + 1});
    return rates / static_cast<double>(auctions.size());
  }

  absl::Status Train() {
    const int folds = config_.teacher().cross_fit();
    result_.labels.assign(data_.candidates(), 0);
    std::string digests;
    for (int fold = 0; fold < folds; ++fold) {
      ASSIGN_OR_RETURN(const std::string sha256, TrainFold(fold));
      absl::StrAppend(&digests, sha256, "\n");
    }
    result_.report.set_sha256(base::Sha256Hex(digests));
    Brier held_out;
    for (int64_t i = 0; i < data_.features.offsets[data_.train.end]; ++i)
      held_out.Add(result_.labels[i], data_.clicks[i]);
    result_.report.set_brier_in_sample(in_sample_.Mean());
    result_.report.set_brier_held_out(held_out.Mean());
    return absl::OkStatus();
  }

  // Trains on the other folds, labels this one and its share of what comes after; the artifact's digest.
  absl::StatusOr<std::string> TrainFold(int fold) {
    FitOptions options{.name = absl::StrCat("teacher/", fold + 1),
                       .seed = config_.seed(),
                       .optimizer = config_.teacher().optimizer(),
                       .loss = TeacherLoss(),
                       .by_welfare = false};
    for (int64_t a = data_.train.begin; a < data_.train.end; ++a) {
      if (FoldOf(a) != fold) options.auctions.push_back(a);
    }
    if (options.auctions.empty()) {
      return base::InvalidField("teacher.cross_fit",
                                absl::StrCat("fold ", fold + 1, " of ", config_.teacher().cross_fit(),
                                             " has nothing to train on: too few auctions"));
    }
    ASSIGN_OR_RETURN(const auto network, NewNetwork(config_.teacher().model(), data_, ClickRateOf(options.auctions),
                                                    config_.seed() + static_cast<uint64_t>(fold)));
    ASSIGN_OR_RETURN(const Fitted fitted, Fit(data_, LoggedLabels(data_, Labels::kClick), options, network.get()));
    ASSIGN_OR_RETURN(const auto best, WithWeights(config_.teacher().model(), data_, fitted.weights));
    ASSIGN_OR_RETURN(const std::vector<float> logits, LogitsOf(data_, {0, data_.auctions()}, *best));
    AddLabels(fold, ProbabilitiesOf(logits, fitted.multiplier));
    Export out{.name = result_.report.name(),
               .version = absl::StrCat(fold + 1),
               .model = config_.teacher().model(),
               .config = &config_,
               .multiplier = fitted.multiplier};
    out.provenance.set_snapshot_id(snapshot_id_);
    out.provenance.set_loss("logloss");
    out.provenance.set_labels("click");
    out.provenance.set_seed(config_.seed());
    const auto written = WriteModel(root_, data_, fitted.weights, std::move(out));
    // A job that was interrupted before its labels were written left the same artifact.
    if (absl::IsAlreadyExists(written.status())) {
      ASSIGN_OR_RETURN(const model::Artifact there,
                       model::LoadArtifact(root_ / result_.report.name() / absl::StrCat(fold + 1)));
      return there.sha256;
    }
    RETURN_IF_ERROR(written);
    return written->sha256;
  }

  void AddLabels(int fold, const std::vector<double>& probabilities) {
    for (int64_t a = 0; a < data_.auctions(); ++a) {
      const bool training = a < data_.train.end;
      const bool own = training && FoldOf(a) == fold;
      for (int64_t i = data_.features.offsets[a]; i < data_.features.offsets[a + 1]; ++i) {
        if (own) result_.labels[i] = probabilities[i];
        if (!training) result_.labels[i] += probabilities[i] / config_.teacher().cross_fit();
        if (training && !own) in_sample_.Add(probabilities[i], data_.clicks[i]);
      }
    }
  }

  absl::Status Write() const {
    model::TensorFile file;
    file.tensors[kTensor] = {.shape = {data_.candidates()}, .values = {result_.labels.begin(), result_.labels.end()}};
    file.metadata = {{"sha256", result_.report.sha256()},
                     {"brier_in_sample", absl::StrFormat("%.17g", result_.report.brier_in_sample())},
                     {"brier_held_out", absl::StrFormat("%.17g", result_.report.brier_held_out())}};
    file.metadata["labels_sha256"] = DigestOf(file.tensors[kTensor].values);
    const auto publisher = base::FolderPublisher::Create(folder_);
    absl::Status published = publisher.status();
    if (published.ok()) {
      RETURN_IF_ERROR(base::WriteFileAtomically((*publisher)->path() / kFile, model::SerializeTensors(file)));
      published = (*publisher)->Publish();
    }
    if (!absl::IsAlreadyExists(published)) return published;
    std::error_code error;  // another job wrote the same meanwhile
    if (std::filesystem::exists(folder_ / kFile, error)) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat(folder_.string(), " is there without its file ", kFile, "; delete it"));
  }

  static std::string DigestOf(std::span<const float> values) {
    return base::Sha256Hex({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
  }

  absl::Status Read() {
    ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(folder_ / kFile, size_t{1} << 40));
    ASSIGN_OR_RETURN(const model::TensorViews file, model::ParseTensors(bytes));
    const auto found = file.tensors.find(kTensor);
    if (found == file.tensors.end() || static_cast<int64_t>(found->second.values.size()) != data_.candidates()) {
      return absl::DataLossError(absl::StrCat("does not hold ", data_.candidates(), " labels; delete it"));
    }
    for (const float label : found->second.values) {
      if (!(label >= 0 && label <= 1)) return absl::DataLossError("holds a label outside [0, 1]; delete it");
    }
    std::map<std::string, std::string> metadata = file.metadata;
    if (metadata["labels_sha256"] != DigestOf(found->second.values)) {
      return absl::DataLossError("was changed since it was written; delete it");
    }
    result_.labels.assign(found->second.values.begin(), found->second.values.end());
    result_.report.set_sha256(metadata["sha256"]);
    double brier = 0;
    if (absl::SimpleAtod(metadata["brier_in_sample"], &brier)) result_.report.set_brier_in_sample(brier);
    if (absl::SimpleAtod(metadata["brier_held_out"], &brier)) result_.report.set_brier_held_out(brier);
    return absl::OkStatus();
  }

  const TrainConfig& config_;
  const Dataset& data_;
  const std::string snapshot_id_;
  const std::filesystem::path root_;
  std::filesystem::path folder_;
  TeacherLabels result_;
  Brier in_sample_;
};

}  // namespace

absl::Status CheckLabels(const Dataset& data, const std::vector<double>& labels, const std::string& name) {
  for (int64_t i = 0; i < data.features.offsets[data.train.end]; ++i) {
    if (!std::isnan(labels[i])) return absl::OkStatus();
  }
  return base::InvalidField("loss.labels", absl::StrCat("no auction of the training set has '", name, "' labels"));
}

absl::StatusOr<TeacherLabels> LabelByTeacher(const TrainConfig& config, const Dataset& data,
                                             const std::string& snapshot_id, const std::filesystem::path& root) {
  RETURN_IF_ERROR(base::Annotate(CheckLabels(data, LoggedLabels(data, Labels::kClick), "click"), "teacher"));
  return Teacher(config, data, snapshot_id, root).Label();
}

}  // namespace vickrey::trainer
