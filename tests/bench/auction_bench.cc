// Settlement of batches, beside the least that any ranking must do: one pass for the greatest bid x pCTR.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "vickrey/auction/mechanism.h"
#include "vickrey/base/random.h"

namespace vickrey::auction {
namespace {

// `auctions` auctions of `candidates` each: log-normal bids about a currency unit, click probabilities about 3 %.
struct Arrays {
  Arrays(int64_t auctions, int64_t candidates) {
    offsets.push_back(0);
    for (int64_t a = 0; a < auctions; ++a) {
      base::RandomStream random(1, base::StreamId("auction_bench"), static_cast<uint64_t>(a));
      for (int64_t i = 0; i < candidates; ++i) {
        bids.push_back(std::max<int64_t>(1, std::llround(random.LogNormal(std::log(1e6), 0.7))));
        pctrs.push_back(1 / (1 + std::exp(3.6 - random.Normal())));
      }
      offsets.push_back(static_cast<int64_t>(bids.size()));
    }
  }
  Batch batch() const { return {bids, pctrs, offsets}; }

  std::vector<int64_t> bids, offsets;
  std::vector<double> pctrs;
};

constexpr int64_t kAuctions = 4096;

void Count(benchmark::State& state, int64_t candidates) {
  state.SetItemsProcessed(state.iterations() * kAuctions * candidates);
  state.counters["auctions/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * kAuctions), benchmark::Counter::kIsRate);
}

// The yardstick: candidates.
void MaxOfScores(benchmark::State& state) {
  const Arrays arrays(kAuctions, state.range(0));
  std::vector<double> best(kAuctions);
  for (auto _ : state) {
    for (int64_t a = 0; a < kAuctions; ++a) {
      double max = 0;
      for (int64_t i = arrays.offsets[a]; i < arrays.offsets[a + 1]; ++i) {
        max = std::max(max, static_cast<double>(arrays.bids[i]) * arrays.pctrs[i]);
      }
      best[a] = max;
    }
    benchmark::DoNotOptimize(best.data());
    benchmark::ClobberMemory();
  }
  Count(state, state.range(0));
}
BENCHMARK(MaxOfScores)->Arg(8)->Arg(48);

// candidates, slots.
void SettleBatch(benchmark::State& state, const std::string& name, Reserve reserve) {
  const Arrays arrays(kAuctions, state.range(0));
  Rules rules{.mechanism = name, .slots = static_cast<int>(state.range(1)), .reserve = reserve};
  for (int k = 0; k < rules.slots; ++k) rules.position_multipliers.push_back(std::pow(0.6, k));
  const auto mechanism = MakeMechanism(rules).value();
  BatchOutcome outcome;
  for (auto _ : state) {
    benchmark::DoNotOptimize(mechanism->RunBatch(arrays.batch(), &outcome).ok());
    benchmark::ClobberMemory();
  }
  Count(state, state.range(0));
}
constexpr Reserve kClick = {Reserve::Kind::kClick, 500'000};
constexpr Reserve kMille = {Reserve::Kind::kMille, 30'000'000};
BENCHMARK_CAPTURE(SettleBatch, second_price, "second_price", Reserve{})->Args({8, 1})->Args({48, 1});
BENCHMARK_CAPTURE(SettleBatch, second_price_reserve_click, "second_price", kClick)->Args({8, 1});
BENCHMARK_CAPTURE(SettleBatch, second_price_reserve_mille, "second_price", kMille)->Args({8, 1});
BENCHMARK_CAPTURE(SettleBatch, gsp, "gsp", Reserve{})->Args({8, 1})->Args({48, 3});
BENCHMARK_CAPTURE(SettleBatch, gsp_reserve_click, "gsp", kClick)->Args({48, 3});
BENCHMARK_CAPTURE(SettleBatch, vcg, "vcg", Reserve{})->Args({8, 1})->Args({48, 3});
BENCHMARK_CAPTURE(SettleBatch, first_price, "first_price", Reserve{})->Args({8, 1})->Args({48, 3});

// The readable entry point, an auction at a time.
void RunOneByOne(benchmark::State& state) {
  const Arrays arrays(kAuctions, state.range(0));
  const auto mechanism = MakeMechanism({.mechanism = "gsp", .slots = static_cast<int>(state.range(1))}).value();
  std::vector<std::vector<Candidate>> auctions(kAuctions);
  for (int64_t a = 0; a < kAuctions; ++a) {
    for (int64_t i = arrays.offsets[a]; i < arrays.offsets[a + 1]; ++i) {
      auctions[a].push_back({arrays.bids[i], arrays.pctrs[i]});
    }
  }
  for (auto _ : state) {
    for (const auto& candidates : auctions)
      benchmark::DoNotOptimize(mechanism->Run("a", candidates)->placements.data());
  }
  Count(state, state.range(0));
}
BENCHMARK(RunOneByOne)->Args({8, 1})->Args({48, 3});

}  // namespace
}  // namespace vickrey::auction
