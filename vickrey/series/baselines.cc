#include "vickrey/series/baselines.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"

namespace vickrey::series {
namespace {

constexpr uint64_t kOrder = base::StreamId("series.random_trades.order");
constexpr uint64_t kLengths = base::StreamId("series.random_trades.lengths");

// One number over draws: its mean where it is defined, and how often the strategy's is better.
class Standing {
 public:
  explicit Standing(std::optional<double> strategy) : strategy_(strategy) {}

  void Add(std::optional<double> draw) {
    if (!draw.has_value()) return;
    ++n_;
    mean_ += (*draw - mean_) / static_cast<double>(n_);
    if (strategy_.has_value()) better_ += *strategy_ > *draw ? 1 : *strategy_ == *draw ? 0.5 : 0;
  }
  std::optional<double> mean() const { return n_ > 0 ? std::optional(mean_) : std::nullopt; }
  std::optional<double> quantile() const {
    return n_ > 0 && strategy_.has_value() ? std::optional(better_ / static_cast<double>(n_)) : std::nullopt;
  }

 private:
  const std::optional<double> strategy_;
  int64_t n_ = 0;
  double mean_ = 0, better_ = 0;
};

}  // namespace

absl::StatusOr<Performance> BuyAndHold(std::span<const double> returns, const PerformanceOptions& options) {
  return PerformanceOf(returns, std::vector<double>(returns.size(), 1), options);
}

RandomTrades::RandomTrades(std::span<const double> positions) {
  std::map<double, size_t> index;
  for (size_t t = 0; t < positions.size(); ++t) {
    const size_t level = index.try_emplace(positions[t], levels_.size()).first->second;
    if (level == levels_.size()) levels_.push_back({positions[t], 0, 0});
    ++levels_[level].periods;
    if (t > 0 && positions[t] == positions[t - 1]) continue;
    ++levels_[level].runs;
    runs_.push_back(level);
  }
  const auto flat = index.find(0);
  flat_ = flat != index.end() ? flat->second : levels_.size();
  starts_flat_ = !runs_.empty() && runs_[0] == flat_;
}

std::vector<size_t> RandomTrades::Order(uint64_t seed, uint64_t index) const {
  base::RandomStream random(seed, kOrder, index);
  std::vector<size_t> order, left = runs_;
  order.reserve(runs_.size());
  std::vector<int64_t> runs_left;  // by level
  for (const Level& level : levels_) runs_left.push_back(level.runs);
  std::vector<int64_t> levels_with(runs_.size() + 1);  // levels with so many runs left
  for (const int64_t n : runs_left) ++levels_with[static_cast<size_t>(n)];
  size_t most = runs_.size();  // the most runs that a level has left
  const auto take = [&](size_t at) {
    const size_t level = left[at];
    order.push_back(level);
    left[at] = left.back();
    left.pop_back();
    --levels_with[static_cast<size_t>(runs_left[level])];
    ++levels_with[static_cast<size_t>(--runs_left[level])];
  };
  // Before the first period the position is 0.
  size_t last = flat_;
  if (starts_flat_) take(0);
  while (!left.empty()) {
    while (levels_with[most] == 0) --most;
    // With more than half of the runs left a level has to be the next, and every other from there on. There is always a
    // way on: the strategy's own order is one, and each step leaves no level with more than half (rounded up, unless it
    // was just taken). One of two picks or more is good.
    const bool forced = 2 * most > left.size();
    const auto at = static_cast<size_t>(random.Below(left.size()));
    const size_t level = left[at];
    if (level == last || (forced && static_cast<size_t>(runs_left[level]) != most)) continue;
    take(at);
    last = level;
  }
  return order;
}

std::vector<double> RandomTrades::Draw(uint64_t seed, uint64_t index) const {
  base::RandomStream random(seed, kLengths, index);
  // The lengths of each level's runs: of the places between its periods, runs - 1 are cuts (Knuth, The Art of Computer
  // Programming 3.4.2, algorithm S).
  std::vector<std::vector<size_t>> lengths(levels_.size());
  for (size_t i = 0; i < levels_.size(); ++i) {
    auto cuts = static_cast<uint64_t>(levels_[i].runs - 1);
    size_t length = 1;
    for (auto places = static_cast<uint64_t>(levels_[i].periods - 1); places > 0; --places) {
      if (cuts > 0 && random.Below(places) < cuts) {
        lengths[i].push_back(std::exchange(length, 0));
        --cuts;
      }
      ++length;
    }
    lengths[i].push_back(length);
  }
  std::vector<double> positions;
  for (const size_t level : Order(seed, index)) {
    positions.insert(positions.end(), lengths[level].back(), levels_[level].position);
    lengths[level].pop_back();
  }
  return positions;
}

absl::StatusOr<RandomBaseline> CompareWithRandomTrades(std::span<const double> returns,
                                                       std::span<const double> positions,
                                                       const PerformanceOptions& options, int64_t draws,
                                                       uint64_t seed) {
  if (draws < 1 || draws > kMaxDraws) {
    return base::InvalidField("draws", absl::StrCat(draws, " is not in 1..", kMaxDraws));
  }
  ASSIGN_OR_RETURN(const Performance strategy, PerformanceOf(returns, positions, options));
  const RandomTrades random(positions);
  Standing arc(strategy.arc), asd(strategy.asd), ir(strategy.ir), ir2(strategy.ir2);
  Standing equity(strategy.final_equity), drawdown(strategy.max_drawdown);
  RandomBaseline baseline;
  baseline.draws = draws;
  for (int64_t i = 0; i < draws; ++i) {
    const std::vector<double> drawn = random.Draw(seed, static_cast<uint64_t>(i));
    ASSIGN_OR_RETURN(const Performance p, PerformanceOf(returns, drawn, options));
    arc.Add(p.arc);
    asd.Add(p.asd);
    ir.Add(p.ir);
    ir2.Add(p.ir2);
    equity.Add(p.final_equity);
    drawdown.Add(p.max_drawdown);
    baseline.bankrupt += p.bankrupt.has_value();
  }
  baseline.mean = strategy;
  baseline.mean.bankrupt.reset();
  baseline.mean.arc = arc.mean();
  baseline.mean.asd = asd.mean();
  baseline.mean.ir = ir.mean();
  baseline.mean.ir2 = ir2.mean();
  baseline.mean.final_equity = *equity.mean();
  baseline.mean.max_drawdown = *drawdown.mean();
  baseline.quantile_arc = arc.quantile();
  baseline.quantile_ir = ir.quantile();
  baseline.quantile_ir2 = ir2.quantile();
  baseline.quantile_profit = equity.quantile();
  return baseline;
}

}  // namespace vickrey::series
