#include "tools/online.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/online_off_policy.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/micros.h"
#include "vickrey/base/status.h"
#include "vickrey/log/reader.h"
#include "vickrey/log/value.h"
#include "vickrey/metric/comparison_line.h"
#include "vickrey/metric/paired.h"

namespace vickrey::tools {
namespace {

using metric::PairedComparison;
using vickrey::v1::LoggedAuction;
using vickrey::v1::OnlineLine;

constexpr metric::Ratio kNothing = {0, 0};
// With fewer clicks an interval of the normal distribution is none: of two clicks alike it would be a point.
constexpr int64_t kLeastClicks = 30;
// With fewer clicks on what the one would have shown and the other would not, the off-policy interval's high end is
// low.
constexpr int64_t kFewDifferences = 30;
// A share of the traffic that moves by more standard errors than this between the halves of the time was changed.
constexpr double kMovedErrors = 5;

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
    came.welfare += static_cast<double>(log::ValueMicros(record.auction().candidates(i))) / base::kMicro;
    came.revenue += static_cast<double>(logged.price_micros()) / base::kMicro;
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
  int64_t clicks() const { return sums_.clicks; }
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
    if (sums_.clicks < kLeastClicks) return;
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

// From the first auction to the last; of one version, where `ref` is not empty. Nothing if there is none.
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
    if (!ref.empty() && record.model() != ref) continue;
    if (!period.has_value()) period = {record.auction().event_time(), 0};
    period->second = record.auction().event_time();  // they come in order of time
  }
}

// The last event time that one of the two was trained on, as far as the snapshots are in this log; what is not, is
// warned of. Of auctions that a model knows its ranking looks better than it is.
absl::StatusOr<int64_t> TrainedUntil(const LogRef& log, const OnlineOptions& options, OnlineLine* line) {
  int64_t until = std::numeric_limits<int64_t>::min();
  for (const auto& model : {options.model_a, options.model_b}) {
    const std::string& snapshot = model->file().provenance().snapshot_id();
    const auto reader = snapshot.empty() ? absl::NotFoundError("") : log::LogReader::Open(log.db, snapshot);
    if (!reader.ok()) {
      line->add_warnings(absl::StrCat(model->ref(), " was trained on the snapshot '", snapshot,
                                      "', which is not one of ", log.db,
                                      ": if it was trained on these auctions, off_policy_welfare flatters it"));
      continue;
    }
    ASSIGN_OR_RETURN(const auto period, PeriodOf("", **reader, {}));
    if (period.has_value()) until = std::max(until, period->second);
  }
  return until;
}

// Auctions of either version in the two halves of the time that they shared.
class Shares {
 public:
  explicit Shares(std::pair<int64_t, int64_t> period) : middle_(period.first + (period.second - period.first) / 2) {}
  void Add(bool is_a, int64_t time) { ++counts_[time > middle_ ? 1 : 0][is_a ? 0 : 1]; }

  // What is to be said where the first version's share was another in the second half: what changed with time, too,
  // looks like a difference of the versions then.
  std::optional<std::string> Warning() const {
    double share[2], error = 0;
    for (int half = 0; half < 2; ++half) {
      const auto n = static_cast<double>(counts_[half][0] + counts_[half][1]);
      if (n == 0) return std::nullopt;
      share[half] = static_cast<double>(counts_[half][0]) / n;
    }
    const double all = static_cast<double>(counts_[0][0] + counts_[0][1] + counts_[1][0] + counts_[1][1]);
    const double mean = static_cast<double>(counts_[0][0] + counts_[1][0]) / all;
    for (const auto& half : counts_) error += mean * (1 - mean) / static_cast<double>(half[0] + half[1]);
    if (std::abs(share[1] - share[0]) <= kMovedErrors * std::sqrt(error)) return std::nullopt;
    return absl::StrFormat(
        "the first version's share of the auctions changed from %.1f %% to %.1f %% over the time compared, so that "
        "what changed with time looks like a difference of the two; compare with --from when the share was given, and "
        "calls that name a version left out of the log",
        100 * share[0], 100 * share[1]);
  }

 private:
  const int64_t middle_;
  int64_t counts_[2][2] = {};  // half, version
};

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
  OnlineOffPolicy off_policy(options.model_a.get(), options.model_b.get());
  const bool judges = options.model_a != nullptr;
  int64_t trained_until = 0, other_rules = 0;
  if (judges) {
    RETURN_IF_ERROR(off_policy.Prepare(options.rules));
    ASSIGN_OR_RETURN(trained_until, TrainedUntil(log, options, &line));
    line.mutable_models(0)->set_sha256(options.model_a->sha256());
    line.mutable_models(1)->set_sha256(options.model_b->sha256());
  }
  Shares shares(period.value_or(std::pair<int64_t, int64_t>()));
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
    const int64_t time = record.auction().event_time();
    if (judges && !is_a && time <= trained_until) {
      line.set_trained_on(line.trained_on() + 1);
    } else if (judges && !is_a) {
      RETURN_IF_ERROR(off_policy.Add(record));
      other_rules += off_policy.IsOfOtherRules(record) ? 1 : 0;
    }
    if (period.has_value() && (time < period->first || time > period->second)) {
      line.set_earlier_or_later(line.earlier_or_later() + 1);
      continue;
    }
    if (!line.has_from()) line.set_from(time);
    line.set_to(time);
    shares.Add(is_a, time);
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
  if (arms[1].auctions() == 0 && off_policy.decisions() == 0) {
    return base::InvalidField(
        "B", absl::StrCat("'", options.b, "' decided no auction of ", log.db, " of which the clicks are known",
                          line.earlier_or_later() > 0
                              ? absl::StrCat(", from the first that ", options.a, " decided to its last")
                              : "",
                          held()));
  }
  if (arms[0].auctions() == 0 && off_policy.decisions() == 0) {
    return base::InvalidField("A",
                              absl::StrCat("'", options.a, "' decided no auction of ", log.db,
                                           " of which the clicks are known, and there is no decision with a "
                                           "propensity, behind those that it was trained on, and artifacts, to judge "
                                           "it by",
                                           held()));
  }
  for (int m = 0; m < 2; ++m) arms[m].Write(line.mutable_models(m));
  const bool few = arms[0].clicks() < kLeastClicks || arms[1].clicks() < kLeastClicks;
  const auto add = [&](metric::Comparison comparison, const char* name, bool is_told) {
    if (!is_told) comparison.difference_ci95 = comparison.relative_ci95 = std::nullopt;
    auto& compared = *line.add_comparisons() = metric::LineOf(comparison, name, 0);
    compared.set_a_model(options.a);
    compared.set_b_model(options.b);
  };
  if (arms[0].auctions() > 0 && arms[1].auctions() > 0) {
    for (size_t k = 0; k < pairs.size(); ++k) add(pairs[k].ByDelta(), kMetrics[k].name, !few);
    if (few) {
      line.add_warnings(absl::StrCat("fewer than ", kLeastClicks, " clicks of one of the two: there are no intervals"));
    }
    if (const auto moved = shares.Warning(); moved.has_value()) line.add_warnings(*moved);
  }
  if (off_policy.decisions() > 0) {
    RETURN_IF_ERROR(off_policy.Write(&line));
    add(off_policy.Compare(), "off_policy_welfare", true);
    if (off_policy.differences() < kFewDifferences) {
      line.add_warnings(
          absl::StrCat("off_policy_welfare hangs on ", off_policy.differences(),
                       " clicks on what the first would have shown and the second would not: the high end "
                       "of its interval tends to be too low"));
    }
  } else if (judges) {
    line.add_warnings(absl::StrCat("no decision of ", options.b,
                                   " has a propensity, behind those that the two were trained on: "
                                   "there is no off_policy_welfare"));
  }
  if (other_rules > 0) {
    line.add_warnings(absl::StrCat(other_rules,
                                   " auctions had another reserve, or more slots, than the rules that "
                                   "off_policy_welfare ranks by; give theirs by flags"));
  }
  for (const auto& model : line.models()) {
    for (const auto& warning : model.off_policy().warnings()) {
      line.add_warnings(absl::StrCat(model.ref(), ", off-policy: ", warning));
    }
  }
  if (line.unlabelled() > 0) {
    line.add_warnings(absl::StrCat(line.unlabelled(), " auctions are younger than ",
                                   absl::FormatDuration(options.part.label_window),
                                   ", so that their clicks may be still to come: they are left out"));
  }
  return line;
}

}  // namespace vickrey::tools
