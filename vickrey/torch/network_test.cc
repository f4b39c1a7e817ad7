// The same network twice: on LibTorch and native.
#include "vickrey/torch/network.h"

#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/model/architecture.h"
#include "vickrey/model/networks_testing.h"
#include "vickrey/torch/torch_scorer.h"

namespace vickrey::torch {
namespace {

using model::LogitsOf;
using model::RandomBatch;
using ::testing::HasSubstr;
using vickrey::storage::v1::ModelSpec;
using vickrey::v1::EncodedFeatures;
using vickrey::v1::FeatureField;

double Sigmoid(float logit) { return 1 / (1 + std::exp(-double{logit})); }

// One number of the context and one of the ad.
vickrey::v1::FeatureSchema HourAndX() {
  vickrey::v1::FeatureSchema proto;
  for (const auto side : {FeatureField::CONTEXT, FeatureField::AD}) {
    FeatureField& field = *proto.add_fields();
    field.set_name(side == FeatureField::CONTEXT ? "hour" : "x");
    field.set_side(side);
    field.set_kind(FeatureField::DENSE);
  }
  return proto;
}

class NetworkTest : public testing::TestWithParam<std::string> {
 protected:
  NetworkTest() : test_(GetParam()) {}

  std::unique_ptr<Network> MakeNetwork(int outputs = 1) const {
    return *Network::Create(test_.spec, *test_.schema, model::ViewOf(test_.tensors), {.outputs = outputs});
  }
  std::unique_ptr<TorchScorer> MakeScorer(const TorchScorer::Options& options = TorchScorer::Options()) const {
    auto scorer = TorchScorer::Create(test_.spec, *test_.schema, model::ViewOf(test_.tensors), options);
    EXPECT_TRUE(scorer.ok()) << scorer.status();
    return *std::move(scorer);
  }

  // Within 1e-5 in probability, of each candidate. Gives the spread of the logits.
  static double ExpectAgree(const std::vector<float>& a, const std::vector<float>& b, const std::string& what) {
    EXPECT_EQ(a.size(), b.size());
    double least = std::numeric_limits<double>::infinity(), most = -least;
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_NEAR(Sigmoid(a[i]), Sigmoid(b[i]), 1e-5) << what << ", candidate " << i << ": " << a[i] << ", " << b[i];
      least = std::min(least, double{a[i]});
      most = std::max(most, double{a[i]});
    }
    return most - least;
  }

  model::TestNetwork test_;
};

INSTANTIATE_TEST_SUITE_P(Architectures, NetworkTest, testing::ValuesIn(model::TestSpecs()),
                         [](const auto& info) { return model::NameOf(info.param); });

TEST_P(NetworkTest, NativeAgreesWithTorch) {
  const auto native = test_.Native();
  for (const int threads : {1, 2}) {
    const auto torch = MakeScorer({.threads = threads});
    double spread = 0;
    for (int n = 1; n <= 500; n += threads == 1 ? 1 : 83) {
      const model::Batch batch = RandomBatch(test_.layout, {n}, n);
      spread = std::max(spread, ExpectAgree(LogitsOf(*native, batch), LogitsOf(*torch, batch), absl::StrCat(n)));
    }
    EXPECT_GT(spread, .5);
    std::vector<int> sizes(200);
    std::iota(sizes.begin(), sizes.end(), -3);
    for (int& n : sizes) n = std::max(0, n % 17);
    const model::Batch batch = RandomBatch(test_.layout, sizes, 1);
    ExpectAgree(LogitsOf(*native, batch), LogitsOf(*torch, batch), "ragged");
  }
}

// Numbers from nothing to what no page has: saturated, but the same.
TEST_P(NetworkTest, NativeAgreesWithTorchOnExtremeInputs) {
  const auto native = test_.Native();
  const auto torch = MakeScorer();
  for (const double scale : {0., 1e-38, 1e-6, 10., 1e3, 1e6, 1e9}) {
    const model::Batch batch = RandomBatch(test_.layout, {1, 7, 60}, 11, scale);
    const std::vector<float> a = LogitsOf(*native, batch), b = LogitsOf(*torch, batch);
    ExpectAgree(a, b, absl::StrCat("scale ", scale));
  }
}

// Large numbers of the context and of the ad that cancel, beside a bias: it is added last on both sides.
TEST(Logistic, WhatCancelsLeavesTheBias) {
  const auto schema = *features::Schema::Create(HourAndX());
  const ModelSpec spec = model::SpecOf(R"({"architecture":"logistic"})");
  const model::Layout layout = *model::MakeLayout(spec, *schema);
  model::TensorFile tensors = model::StartTensors(layout, 1);
  tensors.tensors.at("context.weight").values = {.1f, 0};
  tensors.tensors.at("ad.weight").values = {-.1f, 0};
  tensors.tensors.at("bias").values = {.3f};
  const auto native = (*model::FindArchitecture("logistic"))->make_native(spec, layout, model::ViewOf(tensors));
  const auto torch = *TorchScorer::Create(spec, *schema, model::ViewOf(tensors), {});
  for (const float x : {1.f, 1e5f, 1e6f, 1e9f, 1e30f}) {
    EncodedFeatures features;
    features.add_dense(x);
    model::Batch batch;
    batch.Append(layout, features, {&features});
    EXPECT_EQ(LogitsOf(*native, batch), std::vector<float>{.3f}) << x;
    EXPECT_EQ(LogitsOf(*torch, batch), std::vector<float>{.3f}) << x;
  }
}

// Somewhere in the middle of training and at its start, which must not be a saddle point.
TEST_P(NetworkTest, EveryParameterLearns) {
  for (const model::TensorFile& tensors : {test_.tensors, model::StartTensors(test_.layout, 7)}) {
    const auto network = *Network::Create(test_.spec, *test_.schema, model::ViewOf(tensors));
    const model::Batch batch = RandomBatch(test_.layout, std::vector<int>(300, 5), 3);
    const auto prepared = network->Prepare(batch);
    const Network::Evaluation evaluation = network->Evaluate(*prepared);
    evaluation.outputs().sum().backward();
    for (const auto& [name, parameter] : network->dense_parameters()) {
      EXPECT_GT(parameter.grad().abs().sum().item<float>(), 0) << name;
    }
    EXPECT_EQ(evaluation.TableGradients().size(), network->tables().size());
    for (const Network::TableGradient& table : evaluation.TableGradients()) {
      EXPECT_GT(table.gradients.abs().sum().item<float>(), 0) << table.parameter;
    }
  }
}

// The gradient by a table's row, summed over its readers, against differences of the sum of all logits.
TEST_P(NetworkTest, GradientsOfTablesAreThoseOfTheirRows) {
  const auto network = MakeNetwork();
  const model::Batch batch = RandomBatch(test_.layout, std::vector<int>(40, 3), 9);
  const auto tensors = network->Prepare(batch);
  const Network::Evaluation evaluation = network->Evaluate(*tensors);
  evaluation.outputs().sum().backward();
  const c10::AutoGradMode no_gradient(false);
  const auto sum = [&] { return network->Logits(batch).to(at::kDouble).sum().item<double>(); };
  for (const Network::TableGradient& table : evaluation.TableGradients()) {
    const at::Tensor& values = network->tables().at(table.parameter);
    for (const int64_t m : {int64_t{0}, table.members.size(0) / 2}) {
      const int64_t row = table.members[m].item<int64_t>();
      const double gradient =
          table.gradients.index_select(0, table.members.eq(row).nonzero().squeeze(1)).sum(0)[0].item<double>();
      constexpr double kStep = 2e-3;
      at::Tensor entry = values[row][0];
      const float before = entry.item<float>();
      entry.fill_(before + kStep);
      const double above = sum();
      entry.fill_(before - kStep);
      const double below = sum();
      entry.fill_(before);
      EXPECT_NEAR(gradient, (above - below) / (2 * kStep), .05 * std::max(1.0, std::abs(gradient)))
          << table.parameter << " row " << row;
    }
  }
}

TEST_P(NetworkTest, CopyIsWhatWasGiven) {
  EXPECT_EQ(model::SerializeTensors(MakeNetwork()->Copy()), model::SerializeTensors(test_.tensors));
}

// Two outputs: what is copied out has one, and it is their difference.
TEST_P(NetworkTest, ASecondHeadIsExportedAsADifference) {
  const auto network = MakeNetwork(/*outputs=*/2);
  const model::Batch batch = RandomBatch(test_.layout, std::vector<int>(50, 5), 4);
  const auto tensors = network->Prepare(batch);
  const Network::Evaluation evaluation = network->Evaluate(*tensors);
  const at::Tensor& before = evaluation.outputs();
  ASSERT_EQ(before.dim(), 2);
  const std::vector<float> single = LogitsOf(*test_.Native(), batch);
  // At first the other logit is the same for all: that of zeros.
  EXPECT_EQ(before.select(1, 1).max().item<float>(), before.select(1, 1).min().item<float>());
  EXPECT_NEAR(before.select(1, 0)[3].item<float>(), single[3], 1e-3);
  before.select(1, 1).sum().backward();
  {
    const c10::AutoGradMode no_gradient(false);
    int own = 0;
    for (const auto& [name, parameter] : network->dense_parameters()) {
      if (!name.starts_with("no_click.")) continue;
      ++own;
      EXPECT_GT(parameter.grad().abs().sum().item<float>(), 0) << name;
    }
    EXPECT_GT(own, 0);
    network->dense().add_(network->dense_gradient(), -.01);
    for (const Network::TableGradient& table : evaluation.TableGradients()) {
      network->tables().at(table.parameter).index_add_(0, table.members, table.gradients, -.01);
    }
  }
  const at::Tensor outputs = network->Evaluate(*tensors).outputs(), logits = network->Logits(batch);
  const model::TensorFile copy = network->Copy();
  const std::vector<float> copied = LogitsOf(*(*model::FindArchitecture(test_.spec.architecture()))
                                                  ->make_native(test_.spec, test_.layout, model::ViewOf(copy)),
                                             batch);
  double moved = 0;
  for (int64_t i = 0; i < batch.candidates(); ++i) {
    const float difference = (outputs[i][0] - outputs[i][1]).item<float>();
    EXPECT_NEAR(logits[i].item<float>(), difference, 1e-4);
    EXPECT_NEAR(copied[i], difference, 2e-3 * std::max(1.0f, std::abs(difference)));
    moved = std::max(moved, std::abs(double{difference} - single[i]));
  }
  EXPECT_GT(moved, .01);
}

// A scorer must not follow a network, or a file, that changes later.
TEST_P(NetworkTest, AScorerHasItsOwnWeights) {
  const model::Batch batch = RandomBatch(test_.layout, {5}, 6);
  const auto torch = MakeScorer();
  const std::vector<float> before = LogitsOf(*torch, batch);
  for (auto& [name, tensor] : test_.tensors.tensors) std::fill(tensor.values.begin(), tensor.values.end(), 9.0f);
  EXPECT_EQ(LogitsOf(*torch, batch), before);
}

TEST_P(NetworkTest, CudaAgreesWithNative) {
  if (!DeviceOf("cuda").ok()) GTEST_SKIP() << "no CUDA device: " << DeviceOf("cuda").status().message();
  const model::Batch batch = RandomBatch(test_.layout, {1, 500, 3}, 9);
  ExpectAgree(LogitsOf(*test_.Native(), batch), LogitsOf(*MakeScorer({.device = "cuda"}), batch), "cuda");
}

TEST(TorchScorer, RefusesWhatItCannotDo) {
  const model::TestNetwork test(R"({"architecture":"logistic"})");
  const auto error_of = [&](const TorchScorer::Options& options) {
    return TorchScorer::Create(test.spec, *test.schema, model::ViewOf(test.tensors), options).status();
  };
  EXPECT_THAT(std::string(error_of({.device = "tpu"}).message()),
              HasSubstr("device: 'tpu' is not known; known: cpu, cuda, cuda:N"));
  for (const char* device : {"", "cuda:", "cuda:-1", "cuda:x", "CPU"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(error_of({.device = device}))) << device;
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(error_of({.device = "cuda:99"}))) << error_of({.device = "cuda:99"});
  EXPECT_THAT(std::string(error_of({.threads = 0}).message()), HasSubstr("threads: 0 is out of range"));
  EXPECT_TRUE(absl::IsInvalidArgument(error_of({.threads = 1025})));
  EXPECT_TRUE(error_of({}).ok());
}

// Hand-derived: logit = bias + 2 x + .5 missing + table[bucket].
TEST(Logistic, IsTheSumOfItsWeights) {
  vickrey::v1::FeatureSchema proto;
  FeatureField& x = *proto.add_fields();
  x.set_name("x");
  x.set_side(FeatureField::AD);
  x.set_kind(FeatureField::DENSE);
  FeatureField& k = *proto.add_fields();
  k.set_name("k");
  k.set_side(FeatureField::AD);
  k.set_kind(FeatureField::CATEGORICAL);
  k.set_buckets(3);
  k.set_embedding_width(1);
  const auto schema = *features::Schema::Create(proto);
  ModelSpec spec;
  spec.set_architecture("logistic");
  const model::Layout layout = *model::MakeLayout(spec, *schema);
  model::TensorFile tensors = model::StartTensors(layout, 1);
  tensors.tensors.at("ad.weight").values = {2, .5};
  tensors.tensors.at("table.k").values = {10, 20, 30};
  tensors.tensors.at("bias").values = {1};
  EncodedFeatures there, missing, context;
  there.add_dense(3);
  there.add_fingerprints(5);  // bucket 1 + 5 mod 2 = 2
  missing.add_dense(std::numeric_limits<float>::quiet_NaN());
  missing.add_fingerprints(0);
  model::Batch batch;
  batch.Append(layout, context, {&there, &missing});
  const auto native = (*model::FindArchitecture("logistic"))->make_native(spec, layout, model::ViewOf(tensors));
  EXPECT_EQ(LogitsOf(*native, batch), (std::vector<float>{1 + 6 + 30, 1 + .5 + 10}));
  EXPECT_EQ(LogitsOf(**TorchScorer::Create(spec, *schema, model::ViewOf(tensors), {}), batch),
            LogitsOf(*native, batch));
}

// Hand-derived: bias + (1 + 2 hour)(3 x + table[bucket] + 1/2), width 1.
TEST(TwoTower, IsTheProductOfItsTowers) {
  vickrey::v1::FeatureSchema proto = HourAndX();
  FeatureField& k = *proto.add_fields();
  k.set_name("k");
  k.set_side(FeatureField::AD);
  k.set_kind(FeatureField::CATEGORICAL);
  k.set_buckets(3);
  const auto schema = *features::Schema::Create(proto);
  ModelSpec spec;
  spec.set_architecture("two_tower");
  spec.add_hidden(1);
  const model::Layout layout = *model::MakeLayout(spec, *schema);
  model::TensorFile tensors = model::StartTensors(layout, 1);
  EXPECT_EQ(tensors.tensors.at("context.bias").values, std::vector<float>{.5});
  tensors.tensors.at("context.weight").values = {2, 0};
  tensors.tensors.at("context.bias").values = {1};
  tensors.tensors.at("ad.weight").values = {3, 0};
  tensors.tensors.at("table.k").values = {10, 20, 30};
  tensors.tensors.at("bias").values = {-4};
  EncodedFeatures context, ad;
  context.add_dense(1.5);
  ad.add_dense(-1);
  ad.add_fingerprints(5);  // bucket 1 + 5 mod 2 = 2
  model::Batch batch;
  batch.Append(layout, context, {&ad});
  const auto native = (*model::FindArchitecture("two_tower"))->make_native(spec, layout, model::ViewOf(tensors));
  EXPECT_EQ(LogitsOf(*native, batch), std::vector<float>{-4 + 4 * (-3 + 30 + .5f)});
  EXPECT_EQ(LogitsOf(**TorchScorer::Create(spec, *schema, model::ViewOf(tensors), {}), batch),
            LogitsOf(*native, batch));
}

// What the constants make of inputs that are all zero, 1/4, whatever the width: a wide one must not start saturated.
TEST(TwoTower, StartsAtOneQuarterWhateverTheWidth) {
  const auto schema = *features::Schema::Create(HourAndX());
  EncodedFeatures zero;
  zero.add_dense(0);
  for (const int width : {1, 8, 1000}) {
    ModelSpec spec;
    spec.set_architecture("two_tower");
    spec.add_hidden(width);
    const model::Layout layout = *model::MakeLayout(spec, *schema);
    model::Batch batch;
    batch.Append(layout, zero, {&zero});
    const model::TensorFile start = model::StartTensors(layout, 1);
    const auto native = (*model::FindArchitecture("two_tower"))->make_native(spec, layout, model::ViewOf(start));
    EXPECT_NEAR(LogitsOf(*native, batch)[0], .25, 1e-4) << width;
  }
}

}  // namespace
}  // namespace vickrey::torch
