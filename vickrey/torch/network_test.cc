// The same network twice: on LibTorch and native.
#include "vickrey/torch/network.h"

#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/random.h"
#include "vickrey/features/fingerprint.h"
#include "vickrey/model/architecture.h"

namespace vickrey::torch {
namespace {

using vickrey::storage::v1::ModelSpec;
using vickrey::v1::EncodedFeatures;
using vickrey::v1::FeatureField;

// Every kind of field on both sides.
std::shared_ptr<const features::Schema> MakeSchema() {
  vickrey::v1::FeatureSchema proto;
  for (const auto side : {FeatureField::CONTEXT, FeatureField::AD}) {
    for (const auto kind : {FeatureField::DENSE, FeatureField::CATEGORICAL, FeatureField::BAG, FeatureField::DENSE}) {
      FeatureField& field = *proto.add_fields();
      field.set_name(absl::StrCat("f", proto.fields_size()));
      field.set_side(side);
      field.set_kind(kind);
      if (kind == FeatureField::DENSE) {
        field.set_transform(proto.fields_size() % 4 == 0 ? FeatureField::SIGNED_LOG1P : FeatureField::NONE);
      } else {
        field.set_buckets(11);
        field.set_embedding_width(3);
      }
    }
  }
  return *features::Schema::Create(proto);
}

EncodedFeatures RandomFeatures(base::RandomStream& random) {
  EncodedFeatures encoded;
  encoded.add_dense(random.Bernoulli(.2) ? std::numeric_limits<float>::quiet_NaN() : float(random.Normal()));
  encoded.add_dense(float(100 * random.Normal()));
  encoded.add_fingerprints(random.Bernoulli(.2) ? features::kMissing : random.Bits());
  encoded.add_bag_lengths(uint32_t(random.Below(4)));  // 0: an empty bag
  for (uint32_t i = 0; i < encoded.bag_lengths(0); ++i) encoded.add_bag_fingerprints(random.Bits());
  return encoded;
}

model::Batch RandomBatch(const model::Layout& layout, int auctions, uint64_t seed) {
  base::RandomStream random(seed, base::StreamId("test"), 0);
  model::Batch batch(layout);
  for (int a = 0; a < auctions; ++a) {
    const EncodedFeatures context = RandomFeatures(random);
    std::vector<EncodedFeatures> candidates(1 + random.Below(9));
    std::vector<const EncodedFeatures*> pointers;
    for (EncodedFeatures& c : candidates) {
      c = RandomFeatures(random);
      pointers.push_back(&c);
    }
    batch.Append(layout, context, pointers);
  }
  return batch;
}

using ArchitectureAndHidden = std::pair<std::string, std::vector<int>>;

class NetworkTest : public testing::TestWithParam<ArchitectureAndHidden> {
 protected:
  NetworkTest() : schema_(MakeSchema()) {
    spec_.set_architecture(GetParam().first);
    for (const int width : GetParam().second) spec_.add_hidden(width);
    layout_ = *model::MakeLayout(spec_, *schema_);
    tensors_ = model::StartTensors(layout_, 7);
    base::RandomStream random(8, base::StreamId("test"), 1);
    for (auto& [name, tensor] : tensors_.tensors) {
      for (float& value : tensor.values) value += float(.3 * random.Normal());  // zeros would prove nothing
    }
    native_ = (*model::FindArchitecture(spec_.architecture()))->make_native(spec_, layout_, tensors_);
  }

  const std::shared_ptr<const features::Schema> schema_;
  ModelSpec spec_;
  model::Layout layout_;
  model::TensorFile tensors_;
  std::unique_ptr<const model::Scorer> native_;
};

TEST_P(NetworkTest, NativeAgreesWithTorch) {
  const TorchScorer torch(*Network::Create(spec_, *schema_, tensors_));
  const model::Batch batch = RandomBatch(layout_, 200, 1);
  const auto a = native_->Logits(batch), b = torch.Logits(batch);
  ASSERT_TRUE(a.ok()) << a.status();
  ASSERT_TRUE(b.ok()) << b.status();
  ASSERT_EQ(static_cast<int64_t>(a->size()), batch.candidates());
  ASSERT_EQ(a->size(), b->size());
  double spread = 0;
  for (size_t i = 0; i < a->size(); ++i) {
    EXPECT_NEAR(1 / (1 + std::exp(-(*a)[i])), 1 / (1 + std::exp(-(*b)[i])), 1e-5) << i;
    spread = std::max(spread, std::abs(double{(*a)[i]} - (*a)[0]));
  }
  EXPECT_GT(spread, .5);
}

TEST_P(NetworkTest, NativeBitsDoNotDependOnTheBatch) {
  const model::Batch batch = RandomBatch(layout_, 100, 2);
  const std::vector<float> together = *native_->Logits(batch);
  for (int64_t a = 0; a < batch.auctions(); ++a) {
    model::Batch alone(layout_);
    alone.AppendFrom(batch, a);
    const std::vector<float> logits = *native_->Logits(alone);
    for (size_t i = 0; i < logits.size(); ++i) EXPECT_EQ(logits[i], together[batch.offsets[a] + i]);
  }
}

// Somewhere in the middle of training and at its start, which must not be a saddle point.
TEST_P(NetworkTest, EveryParameterLearns) {
  for (const model::TensorFile& tensors : {tensors_, model::StartTensors(layout_, 7)}) {
    const auto network = *Network::Create(spec_, *schema_, tensors);
    network->Logits(RandomBatch(layout_, 300, 3)).sum().backward();
    const auto parameters = network->parameters();
    for (size_t i = 0; i < parameters.size(); ++i) {
      ASSERT_TRUE(parameters[i].grad().defined()) << layout_.tensors[i].name;
      EXPECT_GT(parameters[i].grad().abs().sum().item<float>(), 0) << layout_.tensors[i].name;
    }
  }
}

TEST_P(NetworkTest, CopyIsWhatWasGiven) {
  const auto network = *Network::Create(spec_, *schema_, tensors_);
  EXPECT_EQ(model::SerializeTensors(network->Copy()), model::SerializeTensors(tensors_));
}

// Two outputs: what is copied out has one, and it is their difference.
TEST_P(NetworkTest, ASecondHeadIsExportedAsADifference) {
  const auto network = *Network::Create(spec_, *schema_, tensors_, /*outputs=*/2);
  const model::Batch batch = RandomBatch(layout_, 50, 4);
  const at::Tensor before = network->Outputs(batch);
  ASSERT_EQ(before.dim(), 2);
  const std::vector<float> single = *native_->Logits(batch);
  // At first the other logit is the same for all: that of zeros.
  EXPECT_EQ(before.select(1, 1).max().item<float>(), before.select(1, 1).min().item<float>());
  EXPECT_NEAR(before.select(1, 0)[3].item<float>(), single[3], 1e-3);
  before.select(1, 1).sum().backward();
  {
    const c10::AutoGradMode no_gradient(false);
    const auto parameters = network->parameters();
    ASSERT_GT(parameters.size(), layout_.tensors.size());
    for (size_t i = layout_.tensors.size(); i < parameters.size(); ++i) {
      EXPECT_GT(parameters[i].grad().abs().sum().item<float>(), 0);
      parameters[i].add_(parameters[i].grad(), -.01);
    }
  }
  const at::Tensor outputs = network->Outputs(batch), logits = network->Logits(batch);
  const auto copied =
      *(*model::FindArchitecture(spec_.architecture()))->make_native(spec_, layout_, network->Copy())->Logits(batch);
  double moved = 0;
  for (int64_t i = 0; i < batch.candidates(); ++i) {
    const float difference = (outputs[i][0] - outputs[i][1]).item<float>();
    EXPECT_NEAR(logits[i].item<float>(), difference, 1e-4);
    EXPECT_NEAR(copied[i], difference, 2e-3 * std::max(1.0f, std::abs(difference)));
    moved = std::max(moved, std::abs(double{difference} - single[i]));
  }
  EXPECT_GT(moved, .01);
}

INSTANTIATE_TEST_SUITE_P(Architectures, NetworkTest,
                         testing::Values(ArchitectureAndHidden{"logistic", {}}, ArchitectureAndHidden{"mlp", {5}},
                                         ArchitectureAndHidden{"mlp", {16, 8}}, ArchitectureAndHidden{"two_tower", {1}},
                                         ArchitectureAndHidden{"two_tower", {3}}));

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
  model::Batch batch(layout);
  batch.Append(layout, context, {&there, &missing});
  const auto native = (*model::FindArchitecture("logistic"))->make_native(spec, layout, tensors);
  EXPECT_EQ(*native->Logits(batch), (std::vector<float>{1 + 6 + 30, 1 + .5 + 10}));
  EXPECT_EQ(*TorchScorer(*Network::Create(spec, *schema, tensors)).Logits(batch), *native->Logits(batch));
}

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
  model::Batch batch(layout);
  batch.Append(layout, context, {&ad});
  const auto native = (*model::FindArchitecture("two_tower"))->make_native(spec, layout, tensors);
  EXPECT_EQ(*native->Logits(batch), std::vector<float>{-4 + 4 * (-3 + 30 + .5f)});
  EXPECT_EQ(*TorchScorer(*Network::Create(spec, *schema, tensors)).Logits(batch), *native->Logits(batch));
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
    model::Batch batch(layout);
    batch.Append(layout, zero, {&zero});
    const auto native =
        (*model::FindArchitecture("two_tower"))->make_native(spec, layout, model::StartTensors(layout, 1));
    EXPECT_NEAR((*native->Logits(batch))[0], .25, 1e-4) << width;
  }
}

}  // namespace
}  // namespace vickrey::torch
