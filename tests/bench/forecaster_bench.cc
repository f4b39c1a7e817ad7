// Steps of training a forecaster: forward, loss, backward, Adam. forecast_bench.py compares them with PyTorch's.
#include <ATen/Parallel.h>

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "trainer/forecast/fit.h"
#include "trainer/forecast/inputs.h"
#include "vickrey/base/config.h"
#include "vickrey/base/random.h"
#include "vickrey/config/v1/forecast.pb.h"

namespace vickrey::trainer {
namespace {

constexpr int64_t kSteps = 16, kBatch = 64, kWindow = 20;

// An epoch of 16 steps of 64 windows of 20 returns.
void BM_Epoch(benchmark::State& state, const std::string& model) {
  at::set_num_threads(1);
  vickrey::config::v1::ForecastConfig config;
  const std::string text = "model: {window: 20, " + model + "}\nloss: {loss: gmadl, a: 1, b: 1}\n";
  if (!base::LoadConfig(text, "bench", &config).ok()) std::abort();
  std::vector<double> returns(kSteps * kBatch + kWindow);
  base::RandomStream random(1, base::StreamId("bench"), 0);
  for (double& x : returns) x = random.Normal();
  const series::Range range = {kWindow, static_cast<int64_t>(returns.size())};
  const auto fit = ForecastFit::Create(config, InputsOf(returns, range, kWindow, 1), TargetsOf(returns, range, 1));
  if (!fit.ok()) std::abort();
  for (auto _ : state) {
    if (!(*fit)->Epoch().value_or(false)) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * kSteps);
}

BENCHMARK_CAPTURE(BM_Epoch, perceptron, "architecture: perceptron, hidden: [64, 32]")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Epoch, lstm, "architecture: lstm, width: 32, layers: 1")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Epoch, lstm_2, "architecture: lstm, width: 64, layers: 2")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Epoch, transformer, "architecture: transformer, width: 32, layers: 2, heads: 4, feedforward: 64")
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace vickrey::trainer
