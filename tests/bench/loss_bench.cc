// The rank loss, forward and backward, on about 100,000 candidates in auctions of n/2 to 3n/2: fused, against the same
// composed of LibTorch's operations, with auctions padded to a cube of pairs (Padded) and as a list of pairs (PadFree).
// All begin with what a training step has: logits, bids, labels, offsets of a new batch. Prepared... are given all that
// does not depend on the logits, and auctions of one size: the best that LibTorch can do.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/div.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/nonzero.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/remainder.h>
#include <ATen/ops/repeat_interleave.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/zeros.h>
#include <benchmark/benchmark.h>
#include <torch/optim/adam.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "trainer/loss/loss.h"
#include "vickrey/base/config.h"
#include "vickrey/base/random.h"

namespace vickrey::trainer {
namespace {

constexpr int64_t kCandidates = 100'000;
constexpr double kSigma = 4;
constexpr int kThreads = 2;

// Megabytes of memory: resident, and the most since ForgetPeak.
double Memory(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(key, 0) == 0) return std::stod(line.substr(key.size())) / 1024;
  }
  return 0;
}
void ForgetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

struct Data {
  LossBatch batch;
  at::Tensor offsets, sizes, bids, labels, logits;

  // Sizes from n - spread to n + spread.
  Data(int64_t candidates, int64_t n, int64_t spread) {
    at::set_num_threads(kThreads);
    base::RandomStream random(1, base::StreamId("loss_bench"), 0);
    std::vector<int64_t> each;
    while (batch.candidates() < candidates) {
      each.push_back(n - spread + static_cast<int64_t>(random.Below(static_cast<uint64_t>(2 * spread + 1))));
      batch.offsets.push_back(batch.candidates() + each.back());
    }
    const int64_t count = batch.candidates();
    bids = at::randn({count}, at::kDouble).exp();
    labels = at::rand({count}, at::kDouble) * 0.2;
    logits = (at::randn({count}, at::kDouble) - 3).to(at::kFloat);
    batch.bids.assign(bids.data_ptr<double>(), bids.data_ptr<double>() + count);
    batch.labels.assign(labels.data_ptr<double>(), labels.data_ptr<double>() + count);
    offsets = at::from_blob(batch.offsets.data(), {batch.auctions()}, at::kLong).clone();
    sizes = at::from_blob(each.data(), {batch.auctions()}, at::kLong).clone();
  }
};

// Times forward and backward of `value`, a function of the logits.
template <typename Value>
void Run(benchmark::State& state, const Data& data, const at::Tensor& leaf, const Value& value) {
  at::Tensor logits = leaf.clone().set_requires_grad(true);
  const auto step = [&] {
    logits.mutable_grad() = at::Tensor();
    value(logits).backward();
    benchmark::DoNotOptimize(logits.grad().data_ptr());
  };
  const double before = Memory("VmRSS:");
  ForgetPeak();
  step();
  state.counters["peak_MB"] = Memory("VmHWM:") - before;
  for (auto _ : state) step();
  state.counters["candidates/s"] =
      benchmark::Counter(static_cast<double>(data.batch.candidates()), benchmark::Counter::kIsIterationInvariantRate);
}

std::unique_ptr<Loss> LossOf(const std::string& yaml) {
  LossConfig config;
  base::LoadConfig(yaml, "bench", &config).IgnoreError();
  return *MakeLoss(config);
}

void Fused(benchmark::State& state, const char* yaml, at::ScalarType type) {
  const Data data(kCandidates, state.range(0), state.range(0) / 2);
  const auto loss = LossOf(yaml);
  Run(state, data, data.logits.to(type),
      [&](const at::Tensor& u) { return loss->Value(u, data.batch, {.sigma = kSigma, .tau = 0.3, .alpha = 0}); });
}

at::Tensor MeanOf(const at::Tensor& terms, int64_t auctions) {
  return terms.sum() / (std::numbers::ln2 * static_cast<double>(auctions));
}

void Padded(benchmark::State& state, bool ppi, at::ScalarType type) {
  const Data data(kCandidates, state.range(0), state.range(0) / 2);
  const int64_t auctions = data.batch.auctions(), candidates = data.batch.candidates();
  Run(state, data, data.logits.to(type), [&](const at::Tensor& u) {
    const int64_t most = data.sizes.max().item<int64_t>();
    const at::Tensor auction = at::repeat_interleave(data.sizes),
                     place = at::arange(candidates, at::kLong) - at::index_select(data.offsets, 0, auction);
    const auto pad = [&](const at::Tensor& x, double fill) {
      return at::full({auctions, most}, fill, x.options()).index_put({auction, place}, x);
    };
    // Below any target, so that it never counts as the worse one of a pair, and no score of it is the greater.
    const at::Tensor bids = data.bids.to(type), valid = pad(at::ones_like(bids), 0),
                     v = pad(bids * data.labels.to(type), 0);
    const at::Tensor s = pad(at::log(bids) + at::log_sigmoid(u), -30);
    at::Tensor terms = at::relu(v.unsqueeze(2) - v.unsqueeze(1)) * valid.unsqueeze(1) *
                       at::softplus(-kSigma * (s.unsqueeze(2) - s.unsqueeze(1)));
    if (ppi) {
      const at::Tensor pi = 2 * (s.detach() / 0.1).softmax(1);
      terms = terms * pi.unsqueeze(2) * pi.unsqueeze(1);
    }
    return MeanOf(terms, auctions);
  });
}

void PadFree(benchmark::State& state, bool ppi, at::ScalarType type) {
  const Data data(kCandidates, state.range(0), state.range(0) / 2);
  const int64_t auctions = data.batch.auctions(), candidates = data.batch.candidates();
  Run(state, data, data.logits.to(type), [&](const at::Tensor& u) {
    // All ordered pairs: candidate i with each of its auction.
    const at::Tensor auction = at::repeat_interleave(data.sizes), partners = at::index_select(data.sizes, 0, auction);
    const at::Tensor i = at::repeat_interleave(at::arange(candidates, at::kLong), partners);
    const at::Tensor begin = at::cumsum(partners, 0) - partners - at::index_select(data.offsets, 0, auction);
    const at::Tensor j = at::arange(i.size(0), at::kLong) - at::index_select(begin, 0, i);
    const at::Tensor bids = data.bids.to(type), v = bids * data.labels.to(type), s = at::log(bids) + at::log_sigmoid(u);
    at::Tensor terms = at::relu(at::index_select(v, 0, i) - at::index_select(v, 0, j)) *
                       at::softplus(-kSigma * (at::index_select(s, 0, i) - at::index_select(s, 0, j)));
    if (ppi) {
      const at::Tensor power = (s.detach() / 0.1).exp();
      const at::Tensor sums = at::zeros({auctions}, power.options()).index_add(0, auction, power);
      const at::Tensor pi = 2 * power / at::index_select(sums, 0, auction);
      terms = terms * at::index_select(pi, 0, i) * at::index_select(pi, 0, j);
    }
    return MeanOf(terms, auctions);
  });
}

void PreparedPadded(benchmark::State& state, at::ScalarType type) {
  const int64_t n = state.range(0);
  const Data data(kCandidates, n, 0);
  const int64_t auctions = data.batch.auctions();
  const at::Tensor v = (data.bids * data.labels).to(type).view({auctions, n});
  const at::Tensor weight = at::relu(v.unsqueeze(2) - v.unsqueeze(1)), log_bids = at::log(data.bids).to(type);
  Run(state, data, data.logits.to(type), [&](const at::Tensor& u) {
    const at::Tensor s = (log_bids + at::log_sigmoid(u)).view({auctions, n});
    return MeanOf(weight * at::softplus(-kSigma * (s.unsqueeze(2) - s.unsqueeze(1))), auctions);
  });
}

void PreparedPadFree(benchmark::State& state, at::ScalarType type) {
  const int64_t n = state.range(0);
  const Data data(kCandidates, n, 0);
  const int64_t auctions = data.batch.auctions();
  const at::Tensor v = (data.bids * data.labels).to(type).view({auctions, n});
  const at::Tensor positive = (v.unsqueeze(2) - v.unsqueeze(1)).view({-1}),
                   pairs = at::nonzero(positive > 0).view({-1}), weight = at::index_select(positive, 0, pairs);
  const at::Tensor auction = at::div(pairs, n * n, "floor"), rest = pairs - auction * n * n;
  const at::Tensor i = auction * n + at::div(rest, n, "floor"), j = auction * n + at::remainder(rest, n);
  const at::Tensor log_bids = at::log(data.bids).to(type);
  Run(state, data, data.logits.to(type), [&](const at::Tensor& u) {
    const at::Tensor s = log_bids + at::log_sigmoid(u);
    return MeanOf(weight * at::softplus(-kSigma * (at::index_select(s, 0, i) - at::index_select(s, 0, j))), auctions);
  });
}

// A training step of a 429-400-400-1 network on 512 auctions: `share` is what of it the loss takes.
void TrainingStep(benchmark::State& state, const char* yaml) {
  const Data data(512 * state.range(0), state.range(0), 0);
  const auto loss = LossOf(yaml);
  const at::Tensor inputs = at::randn({data.batch.candidates(), 429});
  std::vector<at::Tensor> parameters;
  for (const auto& [out, in] : {std::pair(400, 429), std::pair(400, 400), std::pair(1, 400)}) {
    parameters.push_back((at::randn({out, in}) / std::sqrt(in)).set_requires_grad(true));
  }
  ::torch::optim::Adam adam(parameters, ::torch::optim::AdamOptions(1e-4));
  double in_loss = 0, total = 0;
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    adam.zero_grad();
    const at::Tensor hidden = at::relu(at::linear(at::relu(at::linear(inputs, parameters[0])), parameters[1]));
    const at::Tensor u = at::linear(hidden, parameters[2]).view({-1});
    // The loss alone, to the gradient by the logits; then that through the network.
    const auto loss_begin = std::chrono::steady_clock::now();
    at::Tensor leaf = u.detach().set_requires_grad(true);
    loss->Value(leaf, data.batch, {.sigma = kSigma, .alpha = 0.1}).backward();
    const auto loss_end = std::chrono::steady_clock::now();
    u.backward(leaf.grad());
    adam.step();
    in_loss += std::chrono::duration<double>(loss_end - loss_begin).count();
    total += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  state.counters["share"] = in_loss / total;
}

constexpr char kAll[] = "{loss: welfare_rank, pairs: all}", kPpi[] = "{loss: welfare_rank}";

void Sizes(benchmark::internal::Benchmark* b) {
  b->Arg(10)->Arg(50)->Arg(200)->Unit(benchmark::kMillisecond)->UseRealTime()->MeasureProcessCPUTime();
}
BENCHMARK_CAPTURE(Fused, all_float, kAll, at::kFloat)->Apply(Sizes);
BENCHMARK_CAPTURE(Padded, all_float, false, at::kFloat)->Apply(Sizes);
BENCHMARK_CAPTURE(PadFree, all_float, false, at::kFloat)->Apply(Sizes);
BENCHMARK_CAPTURE(PreparedPadded, all_float, at::kFloat)->Apply(Sizes);
BENCHMARK_CAPTURE(PreparedPadFree, all_float, at::kFloat)->Apply(Sizes);
BENCHMARK_CAPTURE(Fused, ppi_float, kPpi, at::kFloat)->Apply(Sizes);
BENCHMARK_CAPTURE(Padded, ppi_float, true, at::kFloat)->Apply(Sizes);
BENCHMARK_CAPTURE(PadFree, ppi_float, true, at::kFloat)->Apply(Sizes);
BENCHMARK_CAPTURE(Fused, all_double, kAll, at::kDouble)->Apply(Sizes);
BENCHMARK_CAPTURE(Padded, all_double, false, at::kDouble)->Apply(Sizes);
BENCHMARK_CAPTURE(PadFree, all_double, false, at::kDouble)->Apply(Sizes);
BENCHMARK_CAPTURE(Fused, tanh_float, "{loss: welfare_rank, pairs: all, surrogate: tanh}", at::kFloat)->Apply(Sizes);
BENCHMARK_CAPTURE(Fused, gmadl_float, "{loss: gmadl, pairs: all}", at::kFloat)->Apply(Sizes);
BENCHMARK_CAPTURE(Fused, top_float, "{loss: welfare_rank, pairs: top}", at::kFloat)->Apply(Sizes);
BENCHMARK_CAPTURE(Fused, soft_winner_float, "{loss: soft_winner}", at::kFloat)->Apply(Sizes);
BENCHMARK_CAPTURE(Fused, logloss_float, "{loss: logloss}", at::kFloat)->Apply(Sizes);
BENCHMARK_CAPTURE(TrainingStep, ppi, kPpi)->Arg(10)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(TrainingStep, all, kAll)->Arg(10)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace vickrey::trainer
