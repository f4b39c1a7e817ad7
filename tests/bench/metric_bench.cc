// Metrics, in rows a second; the exact AUC beside std::sort of its scores.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "vickrey/base/random.h"
#include "vickrey/metric/prediction.h"
#include "vickrey/metric/welfare.h"

namespace vickrey::metric {
namespace {

constexpr int64_t kRows = 98'304;  // in auctions of 8 or 48

struct Rows {
  explicit Rows(int64_t per_auction) {
    base::RandomStream random(1, base::StreamId("metric_bench"), 0);
    for (int64_t i = 0; i < kRows; ++i) {
      if (i % per_auction == 0) offsets.push_back(i);
      bids.push_back(std::max<int64_t>(1, std::llround(random.LogNormal(std::log(1e6), 0.7))));
      const double logit = -3.6 + random.Normal();
      truth.push_back(1 / (1 + std::exp(-logit)));
      pctrs.push_back(1 / (1 + std::exp(-logit - 0.3 * random.Normal())));
      clicks.push_back(random.Bernoulli(truth.back()) ? 1 : 0);
    }
    offsets.push_back(kRows);
  }
  std::vector<int64_t> bids, offsets;
  std::vector<double> pctrs, truth, clicks;
};

void Count(benchmark::State& state) { state.SetItemsProcessed(state.iterations() * kRows); }

void Add(const Rows& rows, PredictionAccumulator* metrics) {
  for (size_t a = 0; a + 1 < rows.offsets.size(); ++a) {
    for (int64_t i = rows.offsets[a]; i < rows.offsets[a + 1]; ++i) {
      metrics->Add(rows.pctrs[i], rows.clicks[i] == 1, rows.bids[i]);
      metrics->AddTeacher(rows.pctrs[i], rows.truth[i]);
    }
    metrics->EndAuction();
  }
}

// Log loss, normalised entropy, calibration, ECE, per-auction AUC, squared error against a teacher.
void Prediction(benchmark::State& state) {
  const Rows rows(state.range(0));
  for (auto _ : state) {
    PredictionAccumulator metrics({.keep_scores = false});
    Add(rows, &metrics);
    benchmark::DoNotOptimize(metrics.Finalize().logloss);
  }
  Count(state);
}
BENCHMARK(Prediction)->Arg(8)->Arg(48);

// The same, and calibration in 20 buckets by bid.
void PredictionByBid(benchmark::State& state) {
  const Rows rows(state.range(0));
  for (auto _ : state) {
    PredictionAccumulator metrics({.keep_scores = false, .keep_by_bid = true});
    Add(rows, &metrics);
    benchmark::DoNotOptimize(metrics.Finalize().logloss);
    benchmark::DoNotOptimize(metrics.ByBid(20).data());
  }
  Count(state);
}
BENCHMARK(PredictionByBid)->Arg(8)->Arg(48);

// Decides every auction; welfare, revenue, regret with its parts, misordering.
void Welfare(benchmark::State& state, auction::Reserve reserve) {
  const Rows rows(state.range(0));
  const auto mechanism = auction::MakeMechanism({.reserve = reserve}).value();
  const auto unreserved = auction::MakeMechanism({}).value();
  WelfareAccumulator metrics(mechanism.get(), unreserved.get());
  const JudgedBatch batch{{rows.bids, rows.pctrs, rows.offsets}, rows.bids, {rows.truth}};
  for (auto _ : state) benchmark::DoNotOptimize(metrics.Add(batch).ok());
  Count(state);
}
BENCHMARK_CAPTURE(Welfare, no_reserve, auction::Reserve{})->Arg(8)->Arg(48);
BENCHMARK_CAPTURE(Welfare, reserve_mille, auction::Reserve{auction::Reserve::Kind::kMille, 30'000'000})
    ->Arg(8)
    ->Arg(48);

// The yardstick of the AUC.
void StdSort(benchmark::State& state) {
  const Rows rows(8);
  for (auto _ : state) {
    std::vector<double> scores = rows.pctrs;
    std::sort(scores.begin(), scores.end());
    benchmark::DoNotOptimize(scores.data());
  }
  Count(state);
}
BENCHMARK(StdSort);

void ExactAuc(benchmark::State& state) {
  const Rows rows(8);
  for (auto _ : state) {
    ClickedScores scores;
    for (int64_t i = 0; i < kRows; ++i) scores.Add(rows.pctrs[i], rows.clicks[i] == 1);
    benchmark::DoNotOptimize(scores.Auc());
  }
  Count(state);
}
BENCHMARK(ExactAuc);

}  // namespace
}  // namespace vickrey::metric
