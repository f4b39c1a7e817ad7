// `vickrey eval loss`: the objectives that training minimises, on JSON lines, in double.
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer/loss/loss.h"
#include "vickrey/base/config.h"
#include "vickrey/base/finite.h"
#include "vickrey/base/limits.h"
#include "vickrey/base/tool.h"
#include "vickrey/torch/exceptions.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::LossConfig;
using vickrey::v1::LossInputLine;
using vickrey::v1::LossLine;
using vickrey::v1::LossSummaryLine;

constexpr double kMaxLogit = 1e9;
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// One auction, checked.
struct Input {
  LossBatch batch;                              // labels as configured
  std::vector<double> logits, no_click_logits;  // the latter of a loss with two outputs
  std::vector<double> clicks, teacher, truth;   // empty where unknown
  // Of candidate i, as a model with one output has it.
  double LogitOf(size_t i) const { return no_click_logits.empty() ? logits[i] : logits[i] - no_click_logits[i]; }
};

// log(bid x sigmoid(logit)): the order of eCPM, without its underflow.
double LogScore(double bid, double logit) {
  return std::log(bid) + (std::min(logit, 0.0) - std::log1p(std::exp(-std::abs(logit))));
}

absl::Status CheckLength(const char* field, int has, int needs) {
  if (has == needs) return absl::OkStatus();
  return base::InvalidField(field, absl::StrCat("has ", has, " entries; bids has ", needs));
}

absl::Status CheckProbabilities(const char* field, const std::vector<double>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (!(values[i] >= 0 && values[i] <= 1)) {
      return base::InvalidField(absl::StrCat(field, "[", i, "]"),
                                absl::StrCat(base::ShortestDecimal(values[i]), " is not a probability in [0, 1]"));
    }
  }
  return absl::OkStatus();
}

// 0 or 1; kUnknown for null.
absl::StatusOr<std::vector<double>> ClicksOf(const google::protobuf::ListValue& list) {
  std::vector<double> clicks;
  for (int i = 0; i < list.values_size(); ++i) {
    const auto& value = list.values(i);
    const bool known = value.has_number_value();
    if (!value.has_null_value() && !(known && (value.number_value() == 0 || value.number_value() == 1))) {
      return base::InvalidField(
          absl::StrCat("clicks[", i, "]"),
          absl::StrCat(value.has_number_value() ? base::ShortestDecimal(value.number_value()) + " " : "",
                       "is not 0, 1 or null"));
    }
    clicks.push_back(known ? value.number_value() : kUnknown);
  }
  return clicks;
}

absl::Status CheckLogits(const char* field, const google::protobuf::RepeatedField<double>& logits) {
  for (int i = 0; i < logits.size(); ++i) {
    if (std::abs(logits[i]) <= kMaxLogit) continue;
    return base::InvalidField(absl::StrCat(field, "[", i, "]"),
                              absl::StrCat(base::ShortestDecimal(logits[i]), " is out of range; -", kMaxLogit, " to ",
                                           kMaxLogit, " are allowed"));
  }
  return absl::OkStatus();
}

absl::Status CheckNumbers(const LossInputLine& line) {
  for (int i = 0; i < line.bids_size(); ++i) {
    if (!(line.bids(i) > 0) || std::isinf(line.bids(i))) {
      return base::InvalidField(absl::StrCat("bids[", i, "]"), absl::StrCat(base::ShortestDecimal(line.bids(i)),
                                                                            " is not a finite number greater than 0"));
    }
  }
  if (line.has_weight() && (!(line.weight() > 0) || std::isinf(line.weight()))) {
    return base::InvalidField(
        "weight", absl::StrCat(base::ShortestDecimal(line.weight()), " is not a finite number greater than 0"));
  }
  RETURN_IF_ERROR(CheckLogits("logits", line.logits()));
  return CheckLogits("no_click_logits", line.no_click_logits());
}

absl::StatusOr<Input> Read(const LossInputLine& line, const std::string& labels, int outputs) {
  const int n = line.bids_size();
  if (n < 1 || n > base::kMaxCandidates) {
    return base::InvalidField("bids", absl::StrCat("has ", n, " entries; 1 to ", base::kMaxCandidates, " are allowed"));
  }
  RETURN_IF_ERROR(CheckLength("logits", line.logits_size(), n));
  if (line.no_click_logits_size() > 0) {
    if (outputs == 1) return base::InvalidField("no_click_logits", "are not read by a loss with one output");
    RETURN_IF_ERROR(CheckLength("no_click_logits", line.no_click_logits_size(), n));
  }
  if (line.clicks().values_size() > 0) RETURN_IF_ERROR(CheckLength("clicks", line.clicks().values_size(), n));
  if (line.teacher_size() > 0) RETURN_IF_ERROR(CheckLength("teacher", line.teacher_size(), n));
  if (line.truth_size() > 0) RETURN_IF_ERROR(CheckLength("truth", line.truth_size(), n));
  RETURN_IF_ERROR(CheckNumbers(line));
  Input input;
  input.logits.assign(line.logits().begin(), line.logits().end());
  input.no_click_logits.assign(line.no_click_logits().begin(), line.no_click_logits().end());
  if (outputs == 2) input.no_click_logits.resize(n, 0);
  input.teacher.assign(line.teacher().begin(), line.teacher().end());
  input.truth.assign(line.truth().begin(), line.truth().end());
  ASSIGN_OR_RETURN(input.clicks, ClicksOf(line.clicks()));
  RETURN_IF_ERROR(CheckProbabilities("teacher", input.teacher));
  RETURN_IF_ERROR(CheckProbabilities("truth", input.truth));
  input.batch.offsets = {0, n};
  if (line.has_weight()) input.batch.weights = {line.weight()};
  input.batch.bids.assign(line.bids().begin(), line.bids().end());
  input.batch.labels = labels == "click" ? input.clicks : labels == "teacher" ? input.teacher : input.truth;
  if (input.batch.labels.empty() && labels != "click") {
    return base::InvalidField(labels, absl::StrCat("is required: the configuration's labels are '", labels, "'"));
  }
  if (input.batch.labels.empty()) input.batch.labels.assign(n, kUnknown);
  return input;
}

void SetJudgement(const Input& input, LossLine* line) {
  const auto known = [](const std::vector<double>& values) {
    bool all = !values.empty();
    for (const double x : values) all = all && !std::isnan(x);
    return all;
  };
  const bool probabilities = known(input.truth) || known(input.teacher);
  const std::vector<double>& q = known(input.truth) ? input.truth : known(input.teacher) ? input.teacher : input.clicks;
  if (!known(q)) return;
  const std::vector<double>& bids = input.batch.bids;
  std::vector<double> scores;
  for (size_t i = 0; i < bids.size(); ++i) scores.push_back(LogScore(bids[i], input.LogitOf(i)));
  double misordering = 0, oracle = 0;
  for (size_t i = 0; i < q.size(); ++i) {
    oracle = std::max(oracle, bids[i] * q[i]);
    for (size_t j = 0; j < q.size(); ++j) {
      const double more = bids[i] * q[i] - bids[j] * q[j];
      if (more > 0 && scores[i] <= scores[j]) misordering += more;
    }
  }
  line->set_misordering(misordering);
  const size_t top = std::max_element(scores.begin(), scores.end()) - scores.begin();  // ties to the lower index
  if (probabilities) line->set_regret(oracle - bids[top] * q[top]);
}

// Computes lines and sums up.
class Evaluation {
 public:
  static absl::StatusOr<std::unique_ptr<Evaluation>> Create(const LossConfig& config) {
    std::unique_ptr<Evaluation> evaluation(new Evaluation(config));
    ASSIGN_OR_RETURN(evaluation->loss_, MakeLoss(config));
    LossConfig bound = config;
    bound.set_loss("welfare_rank");
    bound.set_pairs("all");
    if (config.loss() != "welfare_rank") bound.set_weight("positive");  // which such a loss does not read
    ASSIGN_OR_RETURN(evaluation->bound_, MakeLoss(bound));
    return evaluation;
  }

  absl::StatusOr<LossLine> Add(const LossInputLine& in) {
    ASSIGN_OR_RETURN(Input input, Read(in, config_.labels(), loss_->outputs()));
    LossLine line;
    line.set_auction_id(in.auction_id());
    RETURN_IF_ERROR(torch::CatchTorch([&] { SetLosses(input, &line); }));
    SetJudgement(input, &line);
    SetTeacherError(input, &line);
    ++auctions_;
    return line;
  }

  LossSummaryLine Summary() const {
    LossSummaryLine line;
    auto& summary = *line.mutable_summary();
    summary.set_auctions(auctions_);
    if (auctions_ == 0) return line;
    const auto count = static_cast<double>(auctions_);
    summary.set_train_value((1 - point_.alpha) * rank_ / weight_ +
                            (labelled_ > 0 ? point_.alpha * cross_entropy_ / labelled_ : 0));
    if (judged_ < auctions_) return line;
    summary.set_eps(std::sqrt(squares_ / static_cast<double>(candidates_)));
    summary.set_eps_b(std::sqrt(money_ / count));
    if (config_.labels() == "teacher" && config_.surrogate() != "tanh" && config_.weight() == "positive") {
      summary.set_g4_bound(bounds_ / count + summary.eps_b() * std::numbers::sqrt2);
    }
    return line;
  }

 private:
  explicit Evaluation(const LossConfig& config) : config_(config), point_(PointAt(config, 0)) {}

  void SetLosses(const Input& input, LossLine* line) {
    const auto n = static_cast<int64_t>(input.logits.size());
    const int outputs = loss_->outputs();
    // (n) or (n, 2), and the one logit of each candidate.
    at::Tensor logits = outputs == 1 ? at::empty({n}, at::kDouble) : at::empty({n, outputs}, at::kDouble);
    const at::Tensor logit = at::empty({n}, at::kDouble);
    for (int64_t i = 0; i < n; ++i) {
      logits.data_ptr<double>()[i * outputs] = input.logits[i];
      if (outputs == 2) logits.data_ptr<double>()[2 * i + 1] = input.no_click_logits[i];
      logit.data_ptr<double>()[i] = input.LogitOf(i);
    }
    logits.set_requires_grad(true);
    const at::Tensor value = loss_->Value(logits, input.batch, point_);
    value.backward();
    line->set_train_value(value.item<double>());
    const double* gradient = logits.grad().data_ptr<double>();
    for (int64_t i = 0; i < n; ++i) {
      line->add_gradient(gradient[i * outputs]);
      if (outputs == 2) line->add_no_click_gradient(gradient[2 * i + 1]);
    }
    const double scale = config_.has_scale() ? config_.scale() : 1;
    const double bound = bound_->Value(logit, input.batch, {.sigma = point_.sigma, .alpha = 0}).item<double>() / scale;
    bounds_ += bound;
    // The batch of all auctions has one mean over auctions and one over candidates.
    int64_t labelled = 0;
    for (const double q : input.batch.labels) labelled += !std::isnan(q);
    const double weight = input.batch.WeightOf(0);
    const auto part = [&](double alpha) {
      Point point = point_;
      point.alpha = alpha;
      return loss_->Value(logits.detach(), input.batch, point).item<double>();
    };
    weight_ += weight;
    labelled_ += weight * static_cast<double>(labelled);
    if (point_.alpha < 1) rank_ += weight * part(0);
    if (point_.alpha > 0) cross_entropy_ += weight * static_cast<double>(labelled) * part(1);
    if (labelled > 0) line->set_bound_value(bound);
  }

  void SetTeacherError(const Input& input, LossLine* line) {
    if (input.teacher.empty() || input.truth.empty()) return;
    double term = 0;
    for (size_t i = 0; i < input.truth.size(); ++i) {
      const double error = input.teacher[i] - input.truth[i];
      squares_ += error * error;
      term += std::pow(input.batch.bids[i] * error, 2);
    }
    line->set_g4_term(term);
    money_ += term;
    candidates_ += static_cast<int64_t>(input.truth.size());
    ++judged_;
  }

  const LossConfig config_;
  const Point point_;
  std::unique_ptr<Loss> loss_, bound_;
  int64_t auctions_ = 0;
  double weight_ = 0, labelled_ = 0;  // of auctions; of labelled candidates
  double rank_ = 0, cross_entropy_ = 0, bounds_ = 0;
  // Auctions with a teacher and the truth.
  int64_t judged_ = 0, candidates_ = 0;
  double squares_ = 0, money_ = 0;
};

absl::Status Evaluate(const std::string& file) {
  at::set_num_threads(1);  // an auction is too small to share
  LossConfig config;
  RETURN_IF_ERROR(base::LoadConfigFile(file, &config, [](google::protobuf::Message* read) {
    return CheckFields(static_cast<const LossConfig&>(*read));
  }));
  const auto evaluation = Evaluation::Create(config);
  RETURN_IF_ERROR(base::Annotate(evaluation.status(), file));
  RETURN_IF_ERROR(base::ForEachLine<LossInputLine>([&](const LossInputLine& in) -> absl::Status {
    ASSIGN_OR_RETURN(const LossLine line, (*evaluation)->Add(in));
    RETURN_IF_ERROR(base::CheckFiniteResult(line));
    base::WriteLine(line);
    return absl::OkStatus();
  }));
  const LossSummaryLine summary = (*evaluation)->Summary();
  RETURN_IF_ERROR(base::CheckFiniteResult(summary));
  base::WriteLine(summary);
  return absl::OkStatus();
}

}  // namespace
}  // namespace vickrey::trainer

int main(int argc, char** argv) {
  vickrey::base::Tool tool("vickrey-loss", "Computes a training objective and its gradient of each auction of stdin",
                           "vickrey eval loss");
  std::string config;
  CLI::App& app = tool.SetAction(
      R"(echo '{"loss":"welfare_rank","pairs":"all"}' >/tmp/loss.json; )"
      R"(echo '{"auction_id":"a","bids":[1,2],"logits":[-1,-2],"clicks":[1,0]}' | vickrey eval loss --config /tmp/loss.json)",
      [&config] { return vickrey::trainer::Evaluate(config); });
  app.add_option("--config", config, "A YAML or JSON file of LossConfig")->required();
  return tool.Run(argc, argv);
}
