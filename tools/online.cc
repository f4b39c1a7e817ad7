#include "tools/online.h"

#include <array>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/status.h"
#include "vickrey/decision/decide.h"
#include "vickrey/log/reader.h"
#include "vickrey/metric/comparison_line.h"
#include "vickrey/metric/off_policy.h"
#include "vickrey/metric/off_policy_line.h"
#include "vickrey/metric/paired.h"

namespace vickrey::tools {
namespace {

using metric::PairedComparison;
using vickrey::v1::LoggedAuction;
using vickrey::v1::OnlineLine;

constexpr double kMicro = 1e6;
constexpr metric::Ratio kNothing = {0, 0};

double ValueOf(const vickrey::v1::Candidate& candidate) {
  return static_cast<double>(candidate.has_value_micros() ? candidate.value_micros() : candidate.bid().micros()) /
         kMicro;
}

// What came of one auction; nothing where it is not known of everything that was shown whether it was clicked.
struct Came {
  int64_t shown = 0, clicks = 0;
  double welfare = 0, revenue = 0, predicted = 0;
};
std::optional<Came> CameOf(const LoggedAuction& record) {
  Came came;
  for (int i = 0; i < record.candidates_size(); ++i) {
    const auto& logged = record.candidates(i);
    if (logged.slot() < 1) continue;
    if (!logged.has_click()) return std::nullopt;
    ++came.shown;
    came.predicted += logged.pctr() * (logged.has_examination() ? logged.examination() : 1);
    if (!logged.click()) continue;
    ++came.clicks;
    came.welfare += ValueOf(record.auction().candidates(i));
    came.revenue += static_cast<double>(logged.price_micros()) / kMicro;
  }
  return came;
}

// The auctions that one version decided.
class Arm {
 public:
  void Add(std::string_view cluster, const Came& came) {
    ++auctions_;
    sums_.shown += came.shown;
    sums_.clicks += came.clicks;
    sums_.welfare += came.welfare;
    sums_.revenue += came.revenue;
    sums_.predicted += came.predicted;
    // Beside a constant 0, so that the difference's interval is that of the calibration.
    calibration_.Add(cluster, {came.predicted, static_cast<double>(came.clicks)}, {0, 1});
  }

  int64_t auctions() const { return auctions_; }
  void Write(OnlineLine::Model* line) const {
    line->set_auctions(auctions_);
    line->set_shown(sums_.shown);
    line->set_clicks(sums_.clicks);
    if (auctions_ == 0) return;
    const auto n = static_cast<double>(auctions_);
    if (sums_.shown > 0) line->set_ctr(static_cast<double>(sums_.clicks) / static_cast<double>(sums_.shown));
    line->set_welfare(sums_.welfare / n);
    line->set_revenue(sums_.revenue / n);
    if (sums_.clicks == 0) return;
    line->set_calibration(sums_.predicted / static_cast<double>(sums_.clicks));
    const auto interval = calibration_.ByDelta().difference_ci95;
    if (!interval.has_value()) return;
    line->mutable_calibration_ci95()->add_values()->set_number_value(interval->lo);
    line->mutable_calibration_ci95()->add_values()->set_number_value(interval->hi);
  }

 private:
  int64_t auctions_ = 0;
  Came sums_;
  PairedComparison calibration_{/*resampled=*/false};
};

// What either ranking would have earned, by logged decisions.
class OffPolicy {
 public:
  explicit OffPolicy(const OnlineOptions& options) : models_{options.model_a.get(), options.model_b.get()} {}

  absl::Status Prepare(const auction::Rules& rules) {
    ASSIGN_OR_RETURN(mechanism_, auction::MakeMechanism(rules));
    return absl::OkStatus();
  }

  absl::Status Add(const LoggedAuction& record) {
    const auto& auction = record.auction();
    bool has = false;
    for (const auto& logged : record.candidates()) has = has || IsDecision(logged);
    if (!has) return absl::OkStatus();
    std::array<std::vector<int>, 2> winners;
    const size_t slots = mechanism_->position_multipliers().size();
    for (size_t m = 0; m < models_.size(); ++m) {
      const auto outcome = decision::Decide(*models_[m], *mechanism_, auction, "");
      if (!outcome.ok()) {
        return base::Annotate(outcome.status(), absl::StrCat(models_[m]->ref(), ", auction ", auction.auction_id()));
      }
      winners[m].assign(slots, -1);
      for (const auto& placement : outcome->placements()) winners[m][placement.slot() - 1] = placement.index();
    }
    for (int i = 0; i < record.candidates_size(); ++i) {
      const auto& logged = record.candidates(i);
      if (!IsDecision(logged)) continue;
      const size_t k = slots == 1 ? 0 : static_cast<size_t>(logged.slot()) - 1;
      metric::LoggedDecision decision = {
          .reward = logged.click() ? ValueOf(auction.candidates(i)) : 0,
          .propensity = logged.propensity(),
          // Several decisions of an auction are not independent.
          .cluster_key = auction.cluster_key().empty() ? auction.auction_id() : auction.cluster_key()};
      std::array<metric::Ratio, 2> ratios;
      for (size_t m = 0; m < models_.size(); ++m) {
        decision.target_probability = k < slots && winners[m][k] == i ? 1 : 0;
        RETURN_IF_ERROR(base::Annotate(sums_[m].Add(decision), absl::StrCat("auction ", auction.auction_id())));
        const double weight = decision.target_probability / decision.propensity;
        ratios[m] = {weight * decision.reward, weight};
      }
      pairs_.Add(decision.cluster_key, ratios[0], ratios[1]);
      ++decisions_;
    }
    return absl::OkStatus();
  }

  int64_t decisions() const { return decisions_; }
  metric::Comparison Compare() const { return pairs_.ByDelta(); }
  absl::Status Write(OnlineLine* line) const {
    for (size_t m = 0; m < models_.size(); ++m) {
      ASSIGN_OR_RETURN(const metric::OffPolicyMetrics metrics, sums_[m].Finalize());
      *line->mutable_models(static_cast<int>(m))->mutable_off_policy() = metric::LineOf(metrics);
    }
    return absl::OkStatus();
  }

 private:
  static bool IsDecision(const vickrey::v1::LoggedCandidate& logged) {
    return logged.slot() >= 1 && logged.has_click() && logged.has_propensity();
  }

  const std::array<const model::Model*, 2> models_;
  std::unique_ptr<auction::Mechanism> mechanism_;
  std::array<metric::OffPolicyAccumulator, 2> sums_;
  PairedComparison pairs_{/*resampled=*/false};
  int64_t decisions_ = 0;
};

// The three that are compared as ratios of sums over auctions.
struct Metric {
  const char* name;
  metric::Ratio (*of)(const Came& came);
};
constexpr Metric kMetrics[] = {
    {"welfare",
     [](const Came& c) {
       return metric::Ratio{c.welfare, 1};
     }},
    {"revenue",
     [](const Came& c) {
       return metric::Ratio{c.revenue, 1};
     }},
    {"ctr",
     [](const Came& c) {
       return metric::Ratio{static_cast<double>(c.clicks), static_cast<double>(c.shown)};
     }},
};

// From the first auction that a version decided to its last; nothing if it decided none.
absl::StatusOr<std::optional<std::pair<int64_t, int64_t>>> PeriodOf(const std::string& ref,
                                                                    const log::LogReader& reader,
                                                                    log::LogReader::ScanOptions part) {
  part.join = false;
  ASSIGN_OR_RETURN(const auto scan, reader.NewScan(part));
  std::optional<std::pair<int64_t, int64_t>> period;
  LoggedAuction record;
  while (true) {
    RETURN_IF_ERROR(base::CheckInterrupt());
    ASSIGN_OR_RETURN(const bool more, scan->Next(&record));
    if (!more) return period;
    if (record.model() != ref) continue;
    if (!period.has_value()) period = {record.auction().event_time(), 0};
    period->second = record.auction().event_time();  // they come in order of time
  }
}

}  // namespace

absl::StatusOr<OnlineLine> CompareOnline(const LogRef& log, const OnlineOptions& options) {
  ASSIGN_OR_RETURN(const auto reader, log::LogReader::Open(log.db, log.snapshot));
  ASSIGN_OR_RETURN(const auto period, PeriodOf(options.a, *reader, options.part));
  ASSIGN_OR_RETURN(const auto scan, reader->NewScan(options.part));
  OnlineLine line;
  line.add_models()->set_ref(options.a);
  line.add_models()->set_ref(options.b);
  Arm arms[2];
  std::vector<PairedComparison> pairs(std::size(kMetrics), PairedComparison(/*resampled=*/false));
  OffPolicy off_policy(options);
  if (options.model_a != nullptr) RETURN_IF_ERROR(off_policy.Prepare(options.rules));
  std::set<std::string> seen;
  LoggedAuction record;
  while (true) {
    RETURN_IF_ERROR(base::CheckInterrupt());
    ASSIGN_OR_RETURN(const bool more, scan->Next(&record));
    if (!more) break;
    if (seen.size() < 10 && !record.model().empty()) seen.insert(record.model());
    const bool is_a = record.model() == options.a;
    if (!is_a && record.model() != options.b) {
      line.set_others(line.others() + 1);
      continue;
    }
    // What is young is left out whether it was clicked or not: else only its clicks would count.
    const auto came = record.auction().event_time() <= scan->mature_until() ? CameOf(record) : std::nullopt;
    if (!came.has_value()) {
      line.set_unlabelled(line.unlabelled() + 1);
      continue;
    }
    if (!is_a && options.model_a != nullptr) RETURN_IF_ERROR(off_policy.Add(record));
    const int64_t time = record.auction().event_time();
    if (period.has_value() && (time < period->first || time > period->second)) {
      line.set_earlier_or_later(line.earlier_or_later() + 1);
      continue;
    }
    const std::string& cluster = record.auction().cluster_key();
    arms[is_a ? 0 : 1].Add(cluster, *came);
    for (size_t k = 0; k < pairs.size(); ++k) {
      const metric::Ratio ratio = kMetrics[k].of(*came);
      pairs[k].Add(cluster, is_a ? ratio : kNothing, is_a ? kNothing : ratio);
    }
  }
  const auto held = [&] {
    return absl::StrCat("; versions there: ", seen.empty() ? "none" : absl::StrJoin(seen, ", "));
  };
  if (arms[1].auctions() == 0) {
    return base::InvalidField("B", absl::StrCat("'", options.b, "' decided no auction of ", log.db,
                                                " of which the clicks are known", held()));
  }
  if (arms[0].auctions() == 0 && off_policy.decisions() == 0) {
    return base::InvalidField("A", absl::StrCat("'", options.a, "' decided no auction of ", log.db,
                                                " of which the clicks are known, and there is no decision with a "
                                                "propensity, and artifacts, to judge it by",
                                                held()));
  }
  for (int m = 0; m < 2; ++m) arms[m].Write(line.mutable_models(m));
  const auto add = [&](const metric::Comparison& comparison, const char* name) {
    auto& compared = *line.add_comparisons() = metric::LineOf(comparison, name, 0);
    compared.set_a_model(options.a);
    compared.set_b_model(options.b);
  };
  if (arms[0].auctions() > 0) {
    for (size_t k = 0; k < pairs.size(); ++k) add(pairs[k].ByDelta(), kMetrics[k].name);
  }
  if (off_policy.decisions() > 0) {
    RETURN_IF_ERROR(off_policy.Write(&line));
    add(off_policy.Compare(), "off_policy_welfare");
  }
  if (line.unlabelled() > 0) {
    line.add_warnings(absl::StrCat(line.unlabelled(), " auctions are younger than ",
                                   absl::FormatDuration(options.part.label_window),
                                   ", so that their clicks may be still to come: they are left out"));
  }
  return line;
}

}  // namespace vickrey::tools
