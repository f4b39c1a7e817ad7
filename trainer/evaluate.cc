#include "trainer/evaluate.h"

#include <c10/core/GradMode.h>

#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "trainer/data/labels.h"
#include "vickrey/base/status.h"
#include "vickrey/metric/line_metrics.h"
#include "vickrey/model/model.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {
namespace {

using vickrey::v1::MetricsLine;

constexpr int kGroups = 20;
constexpr double kStudent = 2.093;     // the .975 quantile of Student's t with 19 degrees of freedom
constexpr int64_t kLeastOfAGroup = 5;  // auctions

std::map<std::string, double> ByName(const MetricsLine& m) {
  std::map<std::string, double> metrics = {{"auctions", static_cast<double>(m.auctions())}};
  const auto add = [&](const char* name, bool has, double value) {
    if (has) metrics[name] = value;
  };
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
  return metrics;
}

// `teacher`: empty, or what it says of each candidate of the chunk.
void FillLine(const Chunk& chunk, int64_t a, const std::vector<double>& pctr, const std::vector<double>& teacher,
              vickrey::v1::AuctionLine* line) {
  line->Clear();
  line->set_auction_id(absl::StrCat(chunk.numbers[a]));
  for (int64_t i = chunk.features.offsets[a]; i < chunk.features.offsets[a + 1]; ++i) {
    auto& candidate = *line->add_candidates();
    candidate.set_bid_micros(chunk.bids_micros[i]);
    candidate.set_value_micros(chunk.values_micros[i]);
    candidate.set_pctr(pctr[i]);
    if (!std::isnan(chunk.clicks[i])) candidate.set_click(chunk.clicks[i] > 0);
    if (!std::isnan(chunk.truths[i])) candidate.set_ctr(chunk.truths[i]);
    if (!teacher.empty()) candidate.set_teacher(teacher[i]);
  }
}

// Of the mean of the groups' values, for each metric that every group has.
std::map<std::string, double> HalfWidths(const std::vector<std::unique_ptr<metric::LineMetrics>>& groups) {
  std::map<std::string, std::vector<double>> values;
  for (const auto& group : groups) {
    for (const auto& [name, value] : ByName(group->Finalize())) values[name].push_back(value);
  }
  values.erase("auctions");
  std::map<std::string, double> half_widths;
  for (const auto& [name, of_groups] : values) {
    if (of_groups.size() < groups.size()) continue;
    const auto n = static_cast<double>(of_groups.size());
    double mean = 0, squares = 0;
    for (const double value : of_groups) mean += value / n;
    for (const double value : of_groups) squares += (value - mean) * (value - mean);
    half_widths[name] = kStudent * std::sqrt(squares / (n - 1) / n);
  }
  return half_widths;
}

}  // namespace

absl::StatusOr<std::vector<float>> LogitsOf(const Chunk& chunk, const torch::Network& network) {
  return torch::CatchTorch([&] {
    const at::Tensor values = network.Logits(chunk.features).to(at::kCPU).contiguous();
    return std::vector<float>(values.data_ptr<float>(), values.data_ptr<float>() + values.numel());
  });
}

std::vector<double> ProbabilitiesOf(const std::vector<float>& logits, double multiplier) {
  std::vector<double> probabilities;
  probabilities.reserve(logits.size());
  vickrey::storage::v1::Calibration calibration;
  calibration.set_multiplier(multiplier);
  for (const float u : logits) probabilities.push_back(model::Probability(calibration, u));
  return probabilities;
}

absl::Status ForEachScored(const Sample& sample, const torch::Network& network,
                           absl::FunctionRef<absl::Status(const Chunk&, const std::vector<float>&)> f) {
  return ForEachChunk(sample, [&](const Chunk& chunk) -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<float> logits, LogitsOf(chunk, network));
    return f(chunk, logits);
  });
}

void CalibrationSums::Add(double prediction, double click, double label) {
  predicted += prediction;
  all_labelled = all_labelled && !std::isnan(label);
  labels += label;
  all_known = all_known && !std::isnan(click);
  if (std::isnan(click)) return;
  clicks += click;
  known_predicted += prediction;
  known_labels += label;
}

double MultiplierOf(const CalibrationSums& sums) {
  if (!(sums.clicks > 0 && sums.known_predicted > 0)) return 1;
  if (sums.all_known || !sums.all_labelled || !(sums.known_labels > 0)) return sums.clicks / sums.known_predicted;
  return sums.labels / sums.predicted * (sums.clicks / sums.known_labels);
}

absl::StatusOr<Judgement> Judge(const Sample& sample, const torch::Network& network, const Labels& labels,
                                std::optional<double> multiplier, bool intervals) {
  std::vector<float> logits;
  CalibrationSums sums;
  std::vector<double> of_labels;
  const auto add = [&](const Chunk& chunk, const std::vector<float>& of_chunk) -> absl::Status {
    logits.insert(logits.end(), of_chunk.begin(), of_chunk.end());
    RETURN_IF_ERROR(labels.Of(chunk, &of_labels));
    for (size_t i = 0; i < of_chunk.size(); ++i) {
      sums.Add(1 / (1 + std::exp(-double{of_chunk[i]})), chunk.clicks[i], of_labels[i]);
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(ForEachScored(sample, network, add));
  const bool by_labels = !sums.all_known && sums.all_labelled;
  Judgement judgement;
  judgement.multiplier = multiplier.has_value() ? *multiplier : MultiplierOf(sums);

  ASSIGN_OR_RETURN(const auto all, metric::LineMetrics::Create({}, {}));
  std::vector<std::unique_ptr<metric::LineMetrics>> groups;
  for (int g = 0; intervals && sample.auctions >= kGroups * kLeastOfAGroup && g < kGroups; ++g) {
    ASSIGN_OR_RETURN(groups.emplace_back(), metric::LineMetrics::Create({}, {}));
  }
  int64_t done = 0;
  auto next = logits.cbegin();
  vickrey::v1::AuctionLine line;
  RETURN_IF_ERROR(ForEachChunk(sample, [&](const Chunk& chunk) -> absl::Status {
    const std::vector<double> pctr = ProbabilitiesOf({next, next + chunk.candidates()}, judgement.multiplier);
    next += chunk.candidates();
    of_labels.clear();
    if (by_labels) RETURN_IF_ERROR(labels.Of(chunk, &of_labels));
    for (int64_t a = 0; a < chunk.auctions(); ++a, ++done) {
      FillLine(chunk, a, pctr, of_labels, &line);
      RETURN_IF_ERROR(all->Add(line));
      if (!groups.empty()) RETURN_IF_ERROR(groups[done * kGroups / sample.auctions]->Add(line));
    }
    return absl::OkStatus();
  }));
  judgement.metrics = all->Finalize();
  judgement.by_name = ByName(judgement.metrics);
  if (!groups.empty()) judgement.half_widths = HalfWidths(groups);
  return judgement;
}

std::optional<double> ScoreOf(const std::string& metric, const Judgement& judgement) {
  const auto found = judgement.by_name.find(metric);
  if (found == judgement.by_name.end()) return std::nullopt;
  const bool less_is_better = metric == "logloss" || metric == "normalized_entropy" || metric == "regret";
  return less_is_better ? -found->second : found->second;
}

}  // namespace vickrey::trainer
