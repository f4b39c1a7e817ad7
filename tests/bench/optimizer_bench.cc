// One step of an optimizer of embedding tables, gradients at hand: 26 tables of equal size, of 1 or 26 million rows of
// 16 floats in all, and a batch of 4096 rows, each of which looks up one row of every table: uniform ones, or by a Zipf
// law of exponent 1.05. sparse_adam_bench.py measures the same steps in PyTorch.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/embedding_dense_backward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <benchmark/benchmark.h>
#include <torch/optim/adam.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "trainer/optim/table_memory.h"
#include "trainer/optim/table_optimizer.h"
#include "vickrey/base/random.h"

namespace vickrey::trainer {
namespace {

constexpr int64_t kTables = 26, kWidth = 16, kBatch = 4096;
constexpr int kBatches = 16;  // taken in turn, so that no step finds its rows in the cache from the one before

// The k-th of n ids has a probability of about k^-1.05: the inverse of the integral of the density. Spread over the
// table, as a hash does.
int64_t Zipf(double uniform, int64_t n) {
  constexpr double kLess = -0.05;
  const double k = std::pow(1 + uniform * (std::pow(static_cast<double>(n), kLess) - 1), 1 / kLess);
  const auto id = std::clamp<int64_t>(static_cast<int64_t>(k) - 1, 0, n - 1);
  return static_cast<int64_t>(static_cast<uint64_t>(id) * 0x9e3779b97f4a7c15u % static_cast<uint64_t>(n));
}

struct Data {
  std::vector<at::Tensor> members;
  at::Tensor weights, gradients;
  double distinct = 0;  // of a batch, on average

  Data(int64_t rows, bool zipf)
      : weights(TableZeros({rows, kWidth}, at::kFloat)), gradients(at::randn({kBatch * kTables, kWidth})) {
    base::RandomStream random(1, base::StreamId("optimizer_bench"), 0);
    const int64_t each = rows / kTables;
    for (int b = 0; b < kBatches; ++b) {
      members.push_back(at::empty({kBatch * kTables}, at::kLong));
      int64_t* to = members.back().data_ptr<int64_t>();
      for (int64_t i = 0; i < kBatch * kTables; ++i) {
        const int64_t in_table = zipf ? Zipf(random.Uniform(), each) : static_cast<int64_t>(random.Below(each));
        to[i] = i % kTables * each + in_table;
      }
      std::vector<int64_t> sorted(to, to + kBatch * kTables);
      std::sort(sorted.begin(), sorted.end());
      distinct += static_cast<double>(std::unique(sorted.begin(), sorted.end()) - sorted.begin()) / kBatches;
    }
    // All memory is there, as after some epochs.
    weights.fill_(0.01);
  }
};

// Bytes a step must move: members and gradients once; weights and state of its rows there and back.
double BytesOf(const Data& data, TableRule::Kind kind) {
  const double row = kWidth * sizeof(float);
  const double of_row = kind == TableRule::Kind::kAdam ? 3 * row : kind == TableRule::Kind::kSgd ? row : row + 4;
  return kBatch * kTables * (8 + row) + 2 * data.distinct * of_row;
}

void Report(const Data& data, TableRule::Kind kind, benchmark::State& state) {
  state.counters["distinct"] = data.distinct;
  state.counters["GB/s"] = benchmark::Counter(BytesOf(data, kind) / 1e9, benchmark::Counter::kIsIterationInvariantRate);
}

void Step(benchmark::State& state, TableRule::Kind kind, bool zipf, bool composed) {
  at::set_num_threads(static_cast<int>(state.range(1)));
  const Data data(state.range(0), zipf);
  const TableRule rule = {.kind = kind};
  const auto optimizer =
      composed ? TableOptimizer::CreateComposed(rule, data.weights) : TableOptimizer::Create(rule, data.weights);
  for (const auto& [name, tensor] : optimizer->state()) tensor.fill_(1e-4);
  int step = 0;
  for (auto _ : state) optimizer->Step(data.members[step++ % kBatches], data.gradients, 1e-3);
  Report(data, kind, state);
}

// Its first half.
void Prepare(benchmark::State& state, bool zipf, bool norm) {
  at::set_num_threads(static_cast<int>(state.range(1)));
  const Data data(state.range(0), zipf);
  const auto optimizer = TableOptimizer::Create({.kind = TableRule::Kind::kSgd}, data.weights);
  int step = 0;
  for (auto _ : state) {
    optimizer->Prepare(data.members[step++ % kBatches], data.gradients);
    if (norm) benchmark::DoNotOptimize(optimizer->SquaredNorm());
  }
}

// What torch::optim does: the tables' dense gradient, as the look-up's backward pass makes it, and Adam on all of it.
void DenseGradient(benchmark::State& state, bool zipf) {
  at::set_num_threads(static_cast<int>(state.range(1)));
  Data data(state.range(0), zipf);
  data.weights.set_requires_grad(true);
  ::torch::optim::Adam adam({data.weights}, ::torch::optim::AdamOptions(1e-3));
  int step = 0;
  for (auto _ : state) {
    data.weights.mutable_grad() =
        at::embedding_dense_backward(data.gradients, data.members[step++ % kBatches], data.weights.size(0), -1, false);
    adam.step();
  }
}

// The yardstick: streams as many bytes as a step of Adam on distinct rows must move, half of them written.
void Copy(benchmark::State& state) {
  at::set_num_threads(static_cast<int>(state.range(1)));
  const int64_t bytes = kBatch * kTables * (8 + 7 * kWidth * 4), half = bytes / 2;
  std::vector<char> from(static_cast<size_t>(half * 16)), to(from.size());
  int64_t at = 0;
  for (auto _ : state) {
    at::parallel_for(0, half, half / state.range(1) + 1, [&](int64_t begin, int64_t end) {
      std::memcpy(to.data() + at + begin, from.data() + at + begin, static_cast<size_t>(end - begin));
    });
    at = (at + half) % (half * 15);
  }
  state.counters["GB/s"] =
      benchmark::Counter(static_cast<double>(bytes) / 1e9, benchmark::Counter::kIsIterationInvariantRate);
}

void Sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"rows", "threads"})->Unit(benchmark::kMicrosecond)->UseRealTime();
  for (const int64_t rows : {1'000'000, 26'000'000}) {
    for (const int64_t threads : {1, 2}) b->Args({rows, threads});
  }
}
void OneSize(benchmark::internal::Benchmark* b) {
  b->ArgNames({"rows", "threads"})->Unit(benchmark::kMicrosecond)->UseRealTime()->Args({1'000'000, 2});
}

using Kind = TableRule::Kind;
BENCHMARK(Copy)->Apply(OneSize);
BENCHMARK_CAPTURE(Step, adam_uniform, Kind::kAdam, false, false)->Apply(Sizes);
BENCHMARK_CAPTURE(Step, adam_zipf, Kind::kAdam, true, false)->Apply(Sizes);
BENCHMARK_CAPTURE(Step, rowwise_adagrad_uniform, Kind::kRowwiseAdagrad, false, false)->Apply(Sizes);
BENCHMARK_CAPTURE(Step, rowwise_adagrad_zipf, Kind::kRowwiseAdagrad, true, false)->Apply(Sizes);
BENCHMARK_CAPTURE(Step, sgd_uniform, Kind::kSgd, false, false)->Apply(Sizes);
BENCHMARK_CAPTURE(Step, sgd_zipf, Kind::kSgd, true, false)->Apply(Sizes);
BENCHMARK_CAPTURE(Prepare, uniform, false, false)->Apply(Sizes);
BENCHMARK_CAPTURE(Prepare, zipf, true, false)->Apply(Sizes);
BENCHMARK_CAPTURE(Prepare, zipf_with_norm, true, true)->Apply(Sizes);
BENCHMARK_CAPTURE(Step, composed_adam_uniform, Kind::kAdam, false, true)->Apply(Sizes);
BENCHMARK_CAPTURE(Step, composed_adam_zipf, Kind::kAdam, true, true)->Apply(Sizes);
BENCHMARK_CAPTURE(DenseGradient, adam_uniform, false)->Apply(Sizes);
BENCHMARK_CAPTURE(DenseGradient, adam_zipf, true)->Apply(Sizes);

}  // namespace
}  // namespace vickrey::trainer
