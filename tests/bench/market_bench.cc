// Generating synthetic markets, in candidates a second.
#include <benchmark/benchmark.h>

#include <string>

#include "vickrey/base/json.h"
#include "vickrey/market/market.h"

namespace vickrey::market {
namespace {

vickrey::config::v1::MarketConfig ConfigOf(const std::string& scenario, int dense, int categorical) {
  vickrey::config::v1::MarketConfig config;
  config.set_scenario(scenario);
  config.mutable_extra()->set_dense(dense);
  config.mutable_extra()->set_categorical(categorical);
  return config;
}

// extra dense and categorical features, beside the 8 dense ones that most scenarios have.
void Generate(benchmark::State& state, const std::string& scenario) {
  const auto config = ConfigOf(scenario, static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  const auto market = Market::Create(config, 1).value();
  SyntheticAuction auction;
  int64_t index = 0, candidates = 0;
  for (auto _ : state) {
    market->Generate(index++, &auction);
    candidates += auction.candidates;
    benchmark::DoNotOptimize(auction.ctrs.data());
  }
  state.SetItemsProcessed(candidates);
}
BENCHMARK_CAPTURE(Generate, linear, "linear")->Args({0, 0})->Args({8, 8});
BENCHMARK_CAPTURE(Generate, two_segments, "two_segments")->Args({0, 0})->Args({8, 8});
BENCHMARK_CAPTURE(Generate, brand_queries, "brand_queries")->Args({8, 8});
BENCHMARK_CAPTURE(Generate, intent_bids, "intent_bids")->Args({8, 8});
BENCHMARK_CAPTURE(Generate, thin_tower, "thin_tower")->Args({8, 8});
BENCHMARK_CAPTURE(Generate, hash_collisions, "hash_collisions")->Args({16, 7});
BENCHMARK_CAPTURE(Generate, interaction, "interaction")->Args({8, 8});

// The same as the lines of `vickrey market generate`.
void GenerateJson(benchmark::State& state) {
  const auto market = Market::Create(ConfigOf("linear", 0, 0), 1).value();
  int64_t index = 0;
  for (auto _ : state) benchmark::DoNotOptimize(base::ToJson(market->GenerateLine(index++)).size());
  state.SetItemsProcessed(index * 8);
}
BENCHMARK(GenerateJson);

}  // namespace
}  // namespace vickrey::market
