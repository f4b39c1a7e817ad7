// The native scorer beside the matrix products that it is made of, on one core: Debian's oneDNN and the MKL of
// LibTorch.
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <benchmark/benchmark.h>
#include <c10/core/GradMode.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/onednn_product.h"
#include "vickrey/base/random.h"
#include "vickrey/model/architecture.h"
#include "vickrey/model/artifact.h"
#include "vickrey/model/matrix.h"
#include "vickrey/model/model.h"
#include "vickrey/torch/network.h"
#include "vickrey/torch/torch_scorer.h"

namespace vickrey::model {
namespace {

using vickrey::storage::v1::ModelSpec;
using vickrey::v1::EncodedFeatures;
using vickrey::v1::FeatureField;
using vickrey::v1::FeatureSchema;

constexpr int64_t kInputs = 429, kHidden = 400;

std::vector<float> RandomValues(int64_t count) {
  base::RandomStream random(1, base::StreamId("scorer_bench"), static_cast<uint64_t>(count));
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(.05 * random.Normal());
  return values;
}

// The three products of a 429-400-400-1 network, of ready inputs.
class Products {
 public:
  explicit Products(int64_t rows) : rows_(rows) {}

  int64_t rows() const { return rows_; }
  const std::vector<float>& x() const { return x_; }
  const std::vector<float>& w1() const { return w1_; }
  const std::vector<float>& w2() const { return w2_; }
  const std::vector<float>& w3() const { return w3_; }
  void Count(benchmark::State& state) const {
    const double flops = 2.0 * static_cast<double>(rows_ * (kInputs * kHidden + kHidden * kHidden + kHidden));
    state.counters["GFLOP/s"] =
        benchmark::Counter(flops * static_cast<double>(state.iterations()) / 1e9, benchmark::Counter::kIsRate);
  }

 private:
  const int64_t rows_;
  const std::vector<float> x_ = RandomValues(rows_ * kInputs), w1_ = RandomValues(kHidden * kInputs),
                           w2_ = RandomValues(kHidden * kHidden), w3_ = RandomValues(kHidden);
};

void ProductsOfVickrey(benchmark::State& state) {
  const Products p(state.range(0));
  const PackedMatrix w1({{kHidden, kInputs}, p.w1()}), w2({{kHidden, kHidden}, p.w2()});
  std::vector<float> h1(p.rows() * kHidden), h2(p.rows() * kHidden), y(p.rows());
  for (auto _ : state) {
    w1.Multiply(p.x().data(), kInputs, p.rows(), {}, h1.data(), kHidden);
    w2.Multiply(h1.data(), kHidden, p.rows(), {}, h2.data(), kHidden);
    for (int64_t i = 0; i < p.rows(); ++i) y[i] = Dot({h2.data() + i * kHidden, kHidden}, p.w3());
    benchmark::DoNotOptimize(y.data());
  }
  p.Count(state);
}

void ProductsOfOneDnn(benchmark::State& state) {
  at::set_num_threads(1);  // of the OpenMP that both share
  const Products p(state.range(0));
  std::vector<float> h1(p.rows() * kHidden), h2(p.rows() * kHidden), y(p.rows());
  bench::OneDnnProduct first(p.x().data(), p.w1().data(), p.rows(), kInputs, kHidden, h1.data());
  bench::OneDnnProduct second(h1.data(), p.w2().data(), p.rows(), kHidden, kHidden, h2.data());
  bench::OneDnnProduct third(h2.data(), p.w3().data(), p.rows(), kHidden, 1, y.data());
  for (auto _ : state) {
    first.Run();
    second.Run();
    third.Run();
    benchmark::DoNotOptimize(y.data());
  }
  p.Count(state);
}

void ProductsOfMkl(benchmark::State& state) {
  at::set_num_threads(1);
  const c10::AutoGradMode no_gradient(false);
  const Products p(state.range(0));
  const at::Tensor x = at::randn({p.rows(), kInputs}), w1 = at::randn({kHidden, kInputs}),
                   w2 = at::randn({kHidden, kHidden}), w3 = at::randn({1, kHidden});
  at::Tensor h1 = at::empty({p.rows(), kHidden}), h2 = at::empty({p.rows(), kHidden}), y = at::empty({p.rows(), 1});
  for (auto _ : state) {
    at::mm_out(h1, x, w1.t());
    at::mm_out(h2, h1, w2.t());
    at::mm_out(y, h2, w3.t());
  }
  p.Count(state);
}

BENCHMARK(ProductsOfVickrey)->Arg(1)->Arg(8)->Arg(32)->Arg(200)->Arg(500);
BENCHMARK(ProductsOfOneDnn)->Arg(1)->Arg(8)->Arg(32)->Arg(200)->Arg(500);
BENCHMARK(ProductsOfMkl)->Arg(1)->Arg(8)->Arg(32)->Arg(200)->Arg(500);

// A network with its inputs, random. `context` and `ad` are the widths of tables of 1,000 rows; `numbers` dense fields
// of the ad go beside them.
struct Network {
  Network(const std::string& architecture, const std::vector<int>& hidden, const std::vector<int>& context,
          const std::vector<int>& ad, int numbers = 0, int buckets = 1000) {
    FeatureSchema proto;
    for (const auto& [side, widths] : {std::pair(FeatureField::CONTEXT, context), std::pair(FeatureField::AD, ad)}) {
      for (const int width : widths) {
        FeatureField& field = *proto.add_fields();
        field.set_name(absl::StrCat("f", proto.fields_size()));
        field.set_side(side);
        field.set_kind(FeatureField::CATEGORICAL);
        field.set_buckets(buckets);
        field.set_embedding_width(width);
      }
    }
    for (int i = 0; i < numbers; ++i) {
      FeatureField& field = *proto.add_fields();
      field.set_name(absl::StrCat("x", i));
      field.set_side(FeatureField::AD);
      field.set_kind(FeatureField::DENSE);
      field.set_transform(FeatureField::SIGNED_LOG1P);
    }
    schema = *features::Schema::Create(proto);
    spec.set_architecture(architecture);
    spec.mutable_hidden()->Assign(hidden.begin(), hidden.end());
    if (architecture == "dcn") spec.set_cross_layers(2);
    if (architecture == "autoint") {
      spec.set_attention_layers(3);
      spec.set_attention_heads(2);
      spec.set_attention_width(16);
      spec.set_field_width(8);
    }
    layout = *MakeLayout(spec, *schema);
    tensors = StartTensors(layout, 1);
  }

  std::unique_ptr<const Scorer> Native() const {
    return (*FindArchitecture(spec.architecture()))->make_native(spec, layout, ViewOf(tensors));
  }

  EncodedFeatures Features(FeatureField::Side side, base::RandomStream& random) const {
    EncodedFeatures encoded;
    encoded.set_schema_id(schema->id());
    for (int i = 0; i < schema->counts(side).categorical; ++i) encoded.add_fingerprints(random.Bits());
    for (int i = 0; i < schema->counts(side).dense; ++i) encoded.add_dense(static_cast<float>(random.Normal()));
    return encoded;
  }

  vickrey::v1::Auction Auction(int64_t candidates) const {
    base::RandomStream random(2, base::StreamId("scorer_bench"), 0);
    vickrey::v1::Auction auction;
    *auction.mutable_context()->mutable_encoded() = Features(FeatureField::CONTEXT, random);
    for (int64_t i = 0; i < candidates; ++i) {
      *auction.add_candidates()->mutable_features()->mutable_encoded() = Features(FeatureField::AD, random);
    }
    return auction;
  }

  Batch MakeBatch(int64_t auctions, int64_t candidates) const {
    base::RandomStream random(3, base::StreamId("scorer_bench"), 0);
    Batch batch;
    for (int64_t a = 0; a < auctions; ++a) {
      std::vector<EncodedFeatures> ads;
      for (int64_t i = 0; i < candidates; ++i) ads.push_back(Features(FeatureField::AD, random));
      std::vector<const EncodedFeatures*> pointers;
      for (const EncodedFeatures& ad : ads) pointers.push_back(&ad);
      batch.Append(layout, Features(FeatureField::CONTEXT, random), pointers);
    }
    return batch;
  }

  std::shared_ptr<const features::Schema> schema;
  ModelSpec spec;
  Layout layout;
  TensorFile tensors;
};

// 429 inputs, none or 257 (60 %) of which are the context's.
std::unique_ptr<Network> Mlp(bool context) {
  const std::vector<int> hidden = {kHidden, kHidden};
  std::vector<int> shared(21, 12), own(14, 12);
  shared.push_back(5);
  own.push_back(4);
  if (context) return std::make_unique<Network>("mlp", hidden, shared, own);
  own.insert(own.end(), shared.begin(), shared.end());
  return std::make_unique<Network>("mlp", hidden, std::vector<int>(), own);
}

void Evaluate(benchmark::State& state, const Scorer& scorer, const Batch& batch) {
  std::vector<float> logits(batch.candidates());
  for (auto _ : state) {
    const absl::Status status = scorer.Logits(batch, logits);
    if (!status.ok()) state.SkipWithError(std::string(status.message()).c_str());
    benchmark::DoNotOptimize(logits.data());
  }
  state.SetItemsProcessed(state.iterations() * batch.candidates());
}

void NativeMlp(benchmark::State& state) {
  const auto network = Mlp(state.range(1) > 0);
  Evaluate(state, *network->Native(), network->MakeBatch(1, state.range(0)));
}

void TorchMlp(benchmark::State& state) {
  const auto network = Mlp(state.range(1) > 0);
  const auto scorer =
      *torch::TorchScorer::Create(network->spec, *network->schema, ViewOf(network->tensors), {.threads = 1});
  Evaluate(state, *scorer, network->MakeBatch(1, state.range(0)));
}

// From a message to probabilities: what a server does of a request.
void PredictMlp(benchmark::State& state) {
  const auto network = Mlp(state.range(1) > 0);
  const std::filesystem::path root = std::filesystem::temp_directory_path() / absl::StrCat("scorer_bench-", getpid());
  vickrey::storage::v1::ModelFile file;
  file.set_name("mlp");
  file.set_version("1");
  *file.mutable_spec() = network->spec;
  *file.mutable_schema() = network->schema->proto();
  file.mutable_calibration()->set_multiplier(1);
  const auto written = WriteArtifact(root, file, ViewOf(network->tensors));
  const auto model = written.ok() ? Model::Load(written->folder) : written.status();
  if (!model.ok()) {
    state.SkipWithError(model.status().ToString().c_str());
    return;
  }
  const vickrey::v1::Auction auction = network->Auction(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize((*model)->Predict(auction, "")->pctr.data());
  state.SetItemsProcessed(state.iterations() * state.range(0));
  std::filesystem::remove_all(root);
}

// Candidates, and whether 60 % of the inputs are the context's.
BENCHMARK(NativeMlp)->ArgsProduct({{1, 8, 32, 200}, {0, 1}});
BENCHMARK(TorchMlp)->ArgsProduct({{1, 8, 32, 200}, {0, 1}});
BENCHMARK(PredictMlp)->ArgsProduct({{8, 32, 200}, {0, 1}});

// 13 numbers and 26 tables, all of the ad, as Criteo has them.
void NativeCriteo(benchmark::State& state, const std::string& architecture, const std::vector<int>& hidden,
                  int buckets) {
  const Network network(architecture, hidden, {}, std::vector<int>(26, 8), 13, buckets);
  Evaluate(state, *network.Native(), network.MakeBatch(1000, state.range(0)));
}

BENCHMARK_CAPTURE(NativeCriteo, logistic_1000_buckets, "logistic", {}, 1000)->Arg(8)->Arg(32);
BENCHMARK_CAPTURE(NativeCriteo, logistic_65536_buckets, "logistic", {}, 65536)->Arg(8)->Arg(32);
BENCHMARK_CAPTURE(NativeCriteo, mlp_64_64, "mlp", {64, 64}, 65536)->Arg(8)->Arg(32);
BENCHMARK_CAPTURE(NativeCriteo, dcn_2_64_64, "dcn", {64, 64}, 65536)->Arg(8)->Arg(32);
BENCHMARK_CAPTURE(NativeCriteo, two_tower_32, "two_tower", {32}, 65536)->Arg(8)->Arg(32);
BENCHMARK_CAPTURE(NativeCriteo, autoint_3_layers, "autoint", {}, 65536)->Arg(8)->Arg(32);

// The same, from encoded features to a batch.
void AppendCriteo(benchmark::State& state) {
  const Network network("logistic", {}, {}, std::vector<int>(26, 8), 13, 65536);
  base::RandomStream random(4, base::StreamId("scorer_bench"), 0);
  const EncodedFeatures context = network.Features(FeatureField::CONTEXT, random);
  std::vector<EncodedFeatures> ads;
  for (int i = 0; i < 32; ++i) ads.push_back(network.Features(FeatureField::AD, random));
  std::vector<const EncodedFeatures*> pointers;
  for (const EncodedFeatures& ad : ads) pointers.push_back(&ad);
  Batch batch;
  for (auto _ : state) {
    batch.Clear();
    batch.Append(network.layout, context, pointers);
    benchmark::DoNotOptimize(batch.ads.dense.data());
  }
  state.SetItemsProcessed(state.iterations() * 32);
}
BENCHMARK(AppendCriteo);

// A step's evaluation and gradients for 4,096 candidates of such a network, without its optimizer.
void TrainAutoint(benchmark::State& state, torch::Attention attention) {
  const Network network("autoint", {}, {}, std::vector<int>(26, 8), 13, 65536);
  at::set_num_threads(static_cast<int>(state.range(0)));
  const auto trained =
      *torch::Network::Create(network.spec, *network.schema, ViewOf(network.tensors), {.attention = attention});
  const Batch batch = network.MakeBatch(512, 8);
  const auto tensors = trained->Prepare(batch);
  for (auto _ : state) {
    const torch::Network::Evaluation evaluation = trained->Evaluate(*tensors);
    evaluation.outputs().sum().backward();
    benchmark::DoNotOptimize(trained->dense_gradient());
  }
  state.SetItemsProcessed(state.iterations() * batch.candidates());
  at::set_num_threads(1);
}

BENCHMARK_CAPTURE(TrainAutoint, composed, torch::Attention::kComposed)->Arg(1)->Arg(2)->UseRealTime();
BENCHMARK_CAPTURE(TrainAutoint, fused, torch::Attention::kFused)->Arg(1)->Arg(2)->UseRealTime();

}  // namespace
}  // namespace vickrey::model
