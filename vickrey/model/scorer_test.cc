// What holds for the native scorer of every architecture.
#include "vickrey/model/scorer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/instruction_sets_testing.h"
#include "vickrey/base/json.h"
#include "vickrey/model/architecture.h"
#include "vickrey/model/networks_testing.h"

namespace vickrey::model {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using vickrey::storage::v1::ModelSpec;
using vickrey::v1::EncodedFeatures;
using vickrey::v1::FeatureField;

class ScorerTest : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Architectures, ScorerTest, testing::ValuesIn(TestSpecs()),
                         [](const auto& info) { return NameOf(info.param); });

bool SameBits(float a, float b) { return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b); }

// One candidate, alone and in every place among any number of others.
// What is not optimised, as a sanitizer's build, sees one in so many sizes: attention would take a minute each.
#ifdef __OPTIMIZE__
constexpr int kSizes = 1;
#else
constexpr int kSizes = 10;
#endif

TEST_P(ScorerTest, BitsDoNotDependOnThePlaceInABatch) {
  const TestNetwork network(GetParam());
  base::ForEachInstructionSet([&] {
    const auto scorer = network.Native();
    base::RandomStream random(3, base::StreamId("test"), 0);
    const EncodedFeatures context = RandomFeatures(FeatureField::CONTEXT, random);
    const EncodedFeatures candidate = RandomFeatures(FeatureField::AD, random);
    const EncodedFeatures others[] = {RandomFeatures(FeatureField::AD, random),
                                      RandomFeatures(FeatureField::AD, random)};
    // The candidate at `first` and every `step` behind it among `n`.
    const auto logits_at = [&](int first, int step, int n) {
      std::vector<const EncodedFeatures*> candidates;
      for (int i = 0; i < n; ++i) {
        candidates.push_back(i >= first && (i - first) % step == 0 ? &candidate : &others[i % 2]);
      }
      Batch batch;
      batch.Append(network.layout, context, candidates);
      return LogitsOf(*scorer, batch);
    };
    const float alone = logits_at(0, 1, 1)[0];
    ASSERT_TRUE(std::isfinite(alone));
    // In every place: three batches of each size, a third of the places in each.
    for (int n = 1; n <= 500; n += kSizes * (n < 64 || n > 250 ? 1 : 11)) {
      if (n >= 262 && n < 490) n = 490;
      for (int first = 0; first < std::min(n, 3); ++first) {
        const std::vector<float> logits = logits_at(first, 3, n);
        for (int i = first; i < n; i += 3) {
          ASSERT_TRUE(SameBits(logits[i], alone)) << n << " at " << i << ": " << logits[i] << ", " << alone;
        }
      }
    }
    // And as the only one of its kind.
    for (const int n : {2, 7, 13, 25, 257}) {
      for (int place = 0; place < n; place += n < 40 ? 1 : 37) {
        const std::vector<float> logits = logits_at(place, n, n);
        ASSERT_TRUE(SameBits(logits[place], alone)) << n << " at " << place << ": " << logits[place] << ", " << alone;
        // The others, too: what is equal gives equal bits.
        for (int i = place + 3; i < n; ++i) ASSERT_TRUE(SameBits(logits[i], logits[i - 2])) << n << " at " << i;
      }
    }
  });
}

TEST_P(ScorerTest, BitsDoNotDependOnTheOtherAuctions) {
  const TestNetwork network(GetParam());
  base::ForEachInstructionSet([&] {
    const auto scorer = network.Native();
    std::vector<int> sizes;
    for (int n = 0; n < 40; ++n) sizes.push_back(n % 11 == 5 ? 0 : n);  // some have no candidates
    for (const int n : {300, 1, 200, 56, 0, 257}) sizes.push_back(n);
    const Batch batch = RandomBatch(network.layout, sizes, 2);
    const std::vector<float> together = LogitsOf(*scorer, batch);
    for (int64_t a = 0; a < batch.auctions(); ++a) {
      Batch alone;
      alone.AppendFrom(batch, a);
      const std::vector<float> logits = LogitsOf(*scorer, alone);
      for (size_t i = 0; i < logits.size(); ++i) {
        ASSERT_TRUE(SameBits(logits[i], together[batch.offsets[a] + i])) << "auction " << a << ", candidate " << i;
      }
    }
  });
}

// Every instruction set gives about the same.
TEST_P(ScorerTest, InstructionSetsAgree) {
  const TestNetwork network(GetParam());
  const Batch batch = RandomBatch(network.layout, {1, 2, 3, 50}, 4);
  const std::vector<float> expected = LogitsOf(*network.Native(), batch);
  base::ForEachInstructionSet([&] {
    const std::vector<float> logits = LogitsOf(*network.Native(), batch);
    for (size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(logits[i], expected[i], 1e-5 * (10 + std::abs(expected[i])));
  });
}

TEST_P(ScorerTest, ABatchOfNothingHasNoLogits) {
  const TestNetwork network(GetParam());
  EXPECT_THAT(LogitsOf(*network.Native(), Batch()), ElementsAre());
  EXPECT_THAT(LogitsOf(*network.Native(), RandomBatch(network.layout, {0, 0}, 1)), ElementsAre());
}

// What is not a number at the end was not one in between: no layer makes a zero of it.
TEST_P(ScorerTest, WhatIsNotANumberIsNotHidden) {
  TestNetwork network(GetParam());
  for (auto& [name, tensor] : network.tensors.tensors) {
    for (size_t i = 0; i < tensor.values.size(); ++i) tensor.values[i] = i % 2 == 0 ? 3e38f : -3e38f;
  }
  const std::vector<float> logits = LogitsOf(*network.Native(), RandomBatch(network.layout, {8}, 5, 1e30));
  for (const float logit : logits) EXPECT_FALSE(std::isfinite(logit));
}

// A number of the context and one of the ad, four inputs: each is followed by 0, or by 1 where it is missing.
class ByHand : public testing::Test {
 protected:
  ByHand() {
    vickrey::v1::FeatureSchema proto;
    EXPECT_TRUE(base::FromJson(R"({"fields":[{"name":"c","side":"CONTEXT","kind":"DENSE"},
                                             {"name":"a","side":"AD","kind":"DENSE"}]})",
                               &proto)
                    .ok());
    schema_ = *features::Schema::Create(proto);
    context_.add_dense(2);
    ad_.add_dense(-3);
    missing_.add_dense(std::numeric_limits<float>::quiet_NaN());
  }

  std::vector<float> Logits(const std::string& spec_json, const TensorFile& tensors) const {
    const ModelSpec spec = SpecOf(spec_json);
    const Layout layout = *MakeLayout(spec, *schema_);
    const absl::Status checked = CheckTensors(layout, ViewOf(tensors));
    EXPECT_TRUE(checked.ok()) << checked;
    Batch batch;
    batch.Append(layout, context_, {&ad_, &missing_});
    return LogitsOf(*(*FindArchitecture(spec.architecture()))->make_native(spec, layout, ViewOf(tensors)), batch);
  }

  std::shared_ptr<const features::Schema> schema_;
  EncodedFeatures context_, ad_, missing_;
};

TEST_F(ByHand, Mlp) {
  TensorFile tensors;
  tensors.tensors["layer.0.context"] = {{2, 2}, {1, 100, -1, 100}};
  tensors.tensors["layer.0.ad"] = {{2, 2}, {2, 4, -2, 8}};
  tensors.tensors["layer.0.bias"] = {{2}, {0.5, -0.5}};
  tensors.tensors["layer.1.weight"] = {{1, 2}, {10, 1000}};
  tensors.tensors["layer.1.bias"] = {{1}, {7}};
  // (2 - 6 + .5, -2 + 6 - .5) = (-3.5, 3.5) -> (0, 3.5); missing: (2 + 4 + .5, -2 + 8 - .5) = (6.5, 5.5).
  EXPECT_THAT(Logits(R"({"architecture":"mlp","hidden":[2]})", tensors), ElementsAre(7 + 3500, 7 + 65 + 5500));
}

TEST_F(ByHand, Dcn) {
  TensorFile tensors;
  tensors.tensors["cross.0.context"] = {{4, 2}, {1, 0, 0, 0, 2, 0, 0, 0}};
  tensors.tensors["cross.0.ad"] = {{4, 2}, {1, 0, 0, 0, 0, 0, 0, 3}};
  tensors.tensors["cross.0.bias"] = {{4}, {10, 0, 1, 0}};
  tensors.tensors["cross.1.weight"] = {{4, 4}, {0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1}};
  tensors.tensors["cross.1.bias"] = {{4}, {0, 0, 0, 5}};
  tensors.tensors["output.cross"] = {{4}, {1, 1, 100, 10000}};
  tensors.tensors["output.bias"] = {{1}, {0.5}};
  // x0 = (2, 0, -3, 0). W x0 + b = (2 - 3 + 10, 0, 4 + 1, 0) = (9, 0, 5, 0); x1 = x0 * it + x0 = (20, 0, -18, 0).
  // W x1 + b = (-18, 0, 20, 5); x2 = x0 * it + x1 = (-36 + 20, 0, -60 - 18, 0) = (-16, 0, -78, 0).
  // Missing: x0 = (2, 0, 0, 1): (2 + 10, 0, 4 + 1, 3), x1 = (26, 0, 0, 4); (0, 0, 26, 4 + 5), x2 = (26, 0, 0, 13).
  const std::string spec = R"({"architecture":"dcn","cross_layers":2})";
  EXPECT_THAT(Logits(spec, tensors), ElementsAre(0.5 - 16 - 7800, 0.5 + 26 + 130000));

  // Beside a deep part of one unit: 7 relu(2 c - a - 1 missing) = 7 x 7, 7 x 3.
  tensors.tensors["layer.0.context"] = {{1, 2}, {2, 0}};
  tensors.tensors["layer.0.ad"] = {{1, 2}, {-1, -1}};
  tensors.tensors["layer.0.bias"] = {{1}, {0}};
  tensors.tensors["output.deep"] = {{1}, {7}};
  EXPECT_THAT(Logits(R"({"architecture":"dcn","cross_layers":2,"hidden":[1]})", tensors),
              ElementsAre(0.5 - 16 - 7800 + 49, 0.5 + 26 + 130000 + 21));
}

TEST_F(ByHand, DcnOfLowRank) {
  TensorFile tensors;
  tensors.tensors["cross.0.down.context"] = {{1, 2}, {1, 0}};
  tensors.tensors["cross.0.down.ad"] = {{1, 2}, {2, 5}};
  tensors.tensors["cross.0.up.weight"] = {{4, 1}, {1, 0, 3, 1}};
  tensors.tensors["cross.0.bias"] = {{4}, {0, 0, 0, 1}};
  tensors.tensors["cross.1.down.weight"] = {{1, 4}, {1, 0, 0, 1}};
  tensors.tensors["cross.1.up.weight"] = {{4, 1}, {1, 0, 1, 0}};
  tensors.tensors["cross.1.bias"] = {{4}, {0, 0, 1, 0}};
  tensors.tensors["output.cross"] = {{4}, {1, 1, 100, 10000}};
  tensors.tensors["output.bias"] = {{1}, {0}};
  // down x0 = 2 - 6 = -4; up: (-4, 0, -12, -4 + 1); x1 = (-8 + 2, 0, 36 - 3, 0) = (-6, 0, 33, 0).
  // down x1 = -6; (-6, 0, -6 + 1, 0); x2 = (-12 - 6, 0, 15 + 33, 0) = (-18, 0, 48, 0).
  // Missing: down x0 = 2 + 5 = 7; (7, 0, 21, 8); x1 = (16, 0, 0, 9); down x1 = 25; x2 = (50 + 16, 0, 0, 9).
  EXPECT_THAT(Logits(R"({"architecture":"dcn","cross_layers":2,"cross_rank":1})", tensors),
              ElementsAre(-18 + 4800, 66 + 90000));
}

TEST_F(ByHand, Autoint) {
  TensorFile tensors;
  tensors.tensors["context.dense"] = {{2, 1}, {1, 100}};
  tensors.tensors["ad.dense"] = {{2, 1}, {2, 10}};
  tensors.tensors["attention.0.query"] = {{1, 1}, {0}};
  tensors.tensors["attention.0.key"] = {{1, 1}, {7}};
  tensors.tensors["attention.0.value"] = {{1, 1}, {1}};
  tensors.tensors["attention.0.residual"] = {{1, 1}, {3}};
  tensors.tensors["output.attention"] = {{2}, {10, 1000}};
  tensors.tensors["output.bias"] = {{1}, {0.5}};
  // Fields (2, -6), of which each sees the mean, -2: (-2 + 6, -2 - 18) -> (4, 0).
  // Missing: (2, 10), 6: (6 + 6, 6 + 30) = (12, 36).
  const std::string spec =
      R"({"architecture":"autoint","attention_layers":1,"attention_heads":1,"attention_width":1,"field_width":1)";
  EXPECT_THAT(Logits(spec + "}", tensors), ElementsAre(0.5 + 40, 0.5 + 120 + 36000));

  // Scores e_m e_n ln 3 / 16. Of the first field 1/4 ln 3 and -3/4 ln 3, 3 : 1: (6 - 6) / 4 = 0; of the second -3/4 ln
  // 3 and 9/4 ln 3, 1 : 27: (2 - 162) / 28. With the residual -1: (0 - 2, -40/7 + 6) -> (0, 2/7). Missing: 1/4 ln 3 and
  // 5/4 ln 3, 1 : 3: (2 + 30) / 4 = 8; 1 : 3^5: (2 + 2430) / 244: (8 - 2, < 10 - 10) -> (6, 0).
  tensors.tensors["attention.0.query"].values = {std::log(3.f)};
  tensors.tensors["attention.0.key"].values = {1.f / 16};
  tensors.tensors["attention.0.residual"].values = {-1};
  EXPECT_THAT(Logits(spec + "}", tensors), ElementsAre(FloatNear(0.5 + 2000. / 7, 2e-3), FloatNear(0.5 + 60, 1e-4)));

  // Beside a deep part of one unit: 7 relu(2 c - a - 1 missing) = 7 x 7, 7 x 3.
  tensors.tensors["layer.0.context"] = {{1, 2}, {2, 0}};
  tensors.tensors["layer.0.ad"] = {{1, 2}, {-1, -1}};
  tensors.tensors["layer.0.bias"] = {{1}, {0}};
  tensors.tensors["output.deep"] = {{1}, {7}};
  EXPECT_THAT(Logits(spec + R"(,"hidden":[1]})", tensors),
              ElementsAre(FloatNear(0.5 + 2000. / 7 + 49, 2e-3), FloatNear(0.5 + 60 + 21, 1e-4)));
}

// A second layer on two heads of the first, one of which sees the other field alone, nearly, and one itself.
TEST_F(ByHand, AutointOfTwoHeadsAndLayers) {
  TensorFile tensors;
  tensors.tensors["context.dense"] = {{2, 2}, {1, 0, 0, 0}};
  tensors.tensors["ad.dense"] = {{2, 2}, {0, -1, 0, 4}};
  tensors.tensors["attention.0.query"] = {{2, 2}, {100, -100, 100, 100}};
  tensors.tensors["attention.0.key"] = {{2, 2}, {-1, 1, 1, -1}};
  tensors.tensors["attention.0.value"] = {{2, 2}, {1, 10, 1, 10}};
  tensors.tensors["attention.0.residual"] = {{2, 2}, {0, 0, 0, 0}};
  tensors.tensors["attention.1.query"] = {{2, 2}, {0, 0, 0, 0}};
  tensors.tensors["attention.1.key"] = {{2, 2}, {0, 0, 0, 0}};
  tensors.tensors["attention.1.value"] = {{2, 2}, {1, 0, 0, -1}};
  tensors.tensors["attention.1.residual"] = {{2, 2}, {0, 1, 1, 0}};
  tensors.tensors["output.attention"] = {{4}, {1, 100, 10000, 1000000}};
  tensors.tensors["output.bias"] = {{1}, {0}};
  // Fields (2, 0) and (0, 3); missing: (0, 4). Keys of the first head (-2, 3), queries (200, -300): each field sees the
  // other one, (30, 2). Keys of the second (2, -3), queries (200, 300): both see the first, (2, 2).
  // y = (30, 2), (2, 2). Second layer: means (16, -2), residuals swapped: (16 + 2, -2 + 30), (16 + 2, -2 + 2).
  // Missing: y = (40, 2), (2, 2); means (21, -2): (23, 38), (23, 0).
  const std::string spec =
      R"({"architecture":"autoint","attention_layers":2,"attention_heads":2,"attention_width":1,"field_width":2})";
  EXPECT_THAT(Logits(spec, tensors), ElementsAre(18 + 2800 + 180000, 23 + 3800 + 230000));
}

}  // namespace
}  // namespace vickrey::model
