#include "vickrey/features/statistics.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"

namespace vickrey::features {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using vickrey::v1::EncodedFeatures;
using vickrey::v1::FeatureField;
using vickrey::v1::FeatureSchema;

std::shared_ptr<const Schema> MakeSchema(const std::string& fields) {
  FeatureSchema proto;
  EXPECT_TRUE(base::FromJson("{\"fields\":[" + fields + "]}", &proto).ok()) << fields;
  return Schema::Create(proto).value();
}

// One DENSE field of an ad, `x`.
std::shared_ptr<const Schema> OneField(const std::string& transform) {
  return MakeSchema(R"({"name":"x","side":"AD","kind":"DENSE",)" + transform + "}");
}

Statistics Of(const std::shared_ptr<const Schema>& schema, const std::vector<float>& values, uint64_t seed = 1) {
  StatisticsBuilder builder(schema, seed);
  for (const float x : values) builder.Add(FeatureField::AD, {{x}}, {}, {}, {});
  return builder.Finish();
}

// Of 2, 4, 4, 4, 5, 5, 7, 9: a sum of 40 and squares of deviations 9, 1, 1, 1, 0, 0, 4, 16, so 5 and sqrt(32 / 8). The
// quantile k / 20 is the value at place ceil(.4 k).
TEST(Statistics, OfNumbersByHand) {
  const auto schema = OneField(R"("transform":"STANDARDIZE")");
  const Statistics statistics = Of(schema, {9, 4, NAN, 5, 2, 4, 7, NAN, 5, 4});
  ASSERT_EQ(statistics.fields.size(), 1u);
  const auto& field = statistics.fields[0];
  EXPECT_EQ(field.name(), "x");
  EXPECT_EQ(field.rows(), 10);
  EXPECT_EQ(field.missing(), 2);
  EXPECT_THAT(field.fingerprint_bins(), IsEmpty());
  EXPECT_DOUBLE_EQ(field.dense().mean(), 5);
  EXPECT_DOUBLE_EQ(field.dense().deviation(), 2);
  EXPECT_EQ(field.dense().min(), 2);
  EXPECT_EQ(field.dense().max(), 9);
  EXPECT_THAT(field.dense().quantiles(), ElementsAre(2, 2, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 7, 7, 9, 9));
  const auto frozen = Freeze(*schema, statistics).value();
  EXPECT_DOUBLE_EQ(frozen->proto().fields(0).mean(), 5);
  EXPECT_DOUBLE_EQ(frozen->proto().fields(0).deviation(), 2);
  EXPECT_EQ(frozen->id(), schema->id());
}

// Floats near 3e8 are 32 apart. The squares of such numbers, of which a double keeps steps of 16, lose what Welford's
// differences keep: 2/3 of 32^2.
TEST(Statistics, OfNumbersFarFromZero) {
  const Statistics statistics = Of(OneField(R"("transform":"NONE")"), {3e8f, 3e8f + 32, 3e8f + 64});
  EXPECT_DOUBLE_EQ(statistics.fields[0].dense().mean(), 3e8 + 32);
  EXPECT_NEAR(statistics.fields[0].dense().deviation(), 32 * std::sqrt(2.0 / 3), 1e-9);
}

// Of the eight numbers above the quartiles are the values at places 2, 4 and 6: 4, 4, 5.
TEST(Statistics, BoundariesAreTheDifferentQuantiles) {
  const auto schema = OneField(R"("transform":"BUCKETIZE","buckets":"5")");
  const Statistics statistics = Of(schema, {9, 4, NAN, 5, 2, 4, 7, NAN, 5, 4});
  EXPECT_THAT(statistics.boundaries, ElementsAre(ElementsAre(4, 5)));
  EXPECT_THAT(Freeze(*schema, statistics).value()->proto().fields(0).boundaries(), ElementsAre(4, 5));
  // Of 1, ..., 7 in five parts, places ceil(1.4 k).
  const auto six = OneField(R"("transform":"BUCKETIZE","buckets":"6")");
  EXPECT_THAT(Of(six, {7, 6, 5, 4, 3, 2, 1}).boundaries, ElementsAre(ElementsAre(2, 3, 5, 6)));
  EXPECT_THAT(Of(six, {3}).boundaries, ElementsAre(ElementsAre(3)));
}

TEST(Statistics, NothingIsKnownOfAFieldWithoutValues) {
  const auto schema = MakeSchema(R"({"name":"x","side":"AD","kind":"DENSE","transform":"STANDARDIZE"},
      {"name":"y","side":"AD","kind":"DENSE","transform":"BUCKETIZE","buckets":9},
      {"name":"c","side":"AD","kind":"CATEGORICAL"},{"name":"b","side":"AD","kind":"BAG"},
      {"name":"d","side":"CONTEXT","kind":"DENSE"})");
  StatisticsBuilder builder(schema, 1);
  builder.Add(FeatureField::AD, {{NAN, NAN}}, {{0}}, {{0}}, {});
  const Statistics statistics = builder.Finish();
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(statistics.fields[i].rows(), i < 4 ? 1 : 0);
    EXPECT_EQ(statistics.fields[i].missing(), i < 4 ? 1 : 0);
    EXPECT_FALSE(statistics.fields[i].has_dense());
    EXPECT_THAT(statistics.fields[i].fingerprint_bins(), IsEmpty());
  }
  EXPECT_THAT(statistics.boundaries, Each(IsEmpty()));
  const FeatureSchema frozen = Freeze(*schema, statistics).value()->proto();
  EXPECT_TRUE(frozen.fields(0).has_mean() && frozen.fields(0).has_deviation());
  EXPECT_EQ(frozen.fields(0).mean(), 0);
  EXPECT_EQ(frozen.fields(0).deviation(), 1);
  EXPECT_THAT(frozen.fields(1).boundaries(), IsEmpty());
}

TEST(Statistics, CountsFingerprintsByTheirHighestBits) {
  const auto schema = MakeSchema(R"({"name":"b","side":"AD","kind":"BAG"},{"name":"c","side":"AD","kind":"CATEGORICAL"},
      {"name":"d","side":"AD","kind":"BAG"},{"name":"e","side":"CONTEXT","kind":"CATEGORICAL"})");
  constexpr uint64_t kOne = uint64_t{1} << 58, kLast = ~uint64_t{0};
  StatisticsBuilder builder(schema, 1);
  builder.Add(FeatureField::AD, {}, {{kOne}}, {{3, 0}}, {{kOne, kLast, kOne - 1}});
  builder.Add(FeatureField::AD, {}, {{0}}, {{0, 1}}, {{kLast}});
  builder.Add(FeatureField::AD, {}, {{2 * kOne - 1}}, {{1, 0}}, {{kLast}});
  builder.Add(FeatureField::CONTEXT, {}, {{kLast}}, {}, {});
  const Statistics statistics = builder.Finish();
  // Every bin that is not empty.
  const auto bins = [&](size_t i) {
    std::vector<std::pair<int, int64_t>> found;
    const auto& all = statistics.fields[i].fingerprint_bins();
    EXPECT_THAT(all, SizeIs(64));
    for (int b = 0; b < all.size(); ++b) {
      if (all[b] != 0) found.emplace_back(b, all[b]);
    }
    return found;
  };
  using Bin = std::pair<int, int64_t>;
  EXPECT_THAT(bins(0), ElementsAre(Bin(0, 1), Bin(1, 1), Bin(63, 2)));
  EXPECT_THAT(bins(1), ElementsAre(Bin(1, 2)));
  EXPECT_THAT(bins(2), ElementsAre(Bin(63, 1)));
  EXPECT_THAT(bins(3), ElementsAre(Bin(63, 1)));
  EXPECT_THAT(statistics.fields[0].rows(), 3);
  EXPECT_THAT(statistics.fields[0].missing(), 1);
  EXPECT_THAT(statistics.fields[1].missing(), 1);
  EXPECT_THAT(statistics.fields[2].missing(), 2);
  EXPECT_THAT(statistics.fields[3].rows(), 1);
}

TEST(Statistics, OfEncodedFeaturesAreThoseOfTheirArrays) {
  const auto schema = MakeSchema(R"({"name":"x","side":"AD","kind":"DENSE"},{"name":"b","side":"AD","kind":"BAG"},
      {"name":"c","side":"AD","kind":"CATEGORICAL"})");
  EncodedFeatures row;
  ASSERT_TRUE(base::FromJson(R"({"dense":[2.5],"fingerprints":["9223372036854775808"],"bag_lengths":[2],
      "bag_fingerprints":["1","2"]})",
                             &row)
                  .ok());
  StatisticsBuilder builder(schema, 1);
  builder.Add(FeatureField::AD, row);
  const Statistics statistics = builder.Finish();
  EXPECT_EQ(statistics.fields[0].dense().mean(), 2.5);
  EXPECT_EQ(statistics.fields[1].fingerprint_bins(0), 2);
  EXPECT_EQ(statistics.fields[2].fingerprint_bins(32), 1);
}

// The numbers 1, ..., n in an order that a sample of the first or the last would not do for: place i of the odd ones,
// then of the even ones.
std::vector<float> Numbers(int n) {
  std::vector<float> numbers;
  for (int i = 1; i <= n; i += 2) numbers.push_back(static_cast<float>(i));
  for (int i = 2; i <= n; i += 2) numbers.push_back(static_cast<float>(i));
  return numbers;
}

TEST(Statistics, QuantilesAreExactForSoManyValues) {
  const auto n = static_cast<int>(StatisticsBuilder::kExactValues);
  const Statistics few = Of(OneField(R"("transform":"NONE")"), Numbers(n));
  for (int k = 1; k < 20; ++k) EXPECT_EQ(few.fields[0].dense().quantiles(k - 1), std::ceil(k * n / 20.0)) << k;
  // A million are all looked at, of more a million.
  const auto half = OneField(R"("transform":"BUCKETIZE","buckets":3)");
  EXPECT_THAT(Of(half, Numbers(1'000'000)).boundaries[0], ElementsAre(500'000));
  const float of_a_sample = Of(half, Numbers(3'000'001)).boundaries[0][0];
  EXPECT_NE(of_a_sample, 1'500'001);
  EXPECT_NEAR(of_a_sample, 1'500'001, .002 * 3'000'001);  // five standard deviations
  // Of 1, ..., 200,000 in a hundred parts.
  const Statistics many = Of(OneField(R"("transform":"BUCKETIZE","buckets":101)"), Numbers(200'000));
  ASSERT_THAT(many.boundaries[0], SizeIs(99));
  for (int k = 1; k < 100; ++k) EXPECT_EQ(many.boundaries[0][k - 1], 2000 * k);
  EXPECT_EQ(many.fields[0].dense().quantiles(9), 100'000);
}

// Beyond that the share below a quantile has a deviation of sqrt(q (1 - q) / 16,384), .0039 at most; five of them.
TEST(Statistics, QuantilesOfManyValuesAreOfASampleThatTheSeedPicks) {
  const auto schema = OneField(R"("transform":"NONE")");
  constexpr int kMany = 400'000;
  const std::vector<float> numbers = Numbers(kMany);
  const auto of_seed = [&](uint64_t seed) { return Of(schema, numbers, seed).fields[0]; };
  const auto one = of_seed(1);
  EXPECT_NEAR(one.dense().mean(), (kMany + 1) / 2.0, 1e-6);
  EXPECT_NEAR(one.dense().deviation(), std::sqrt((1.0 * kMany * kMany - 1) / 12), 1e-3);
  EXPECT_EQ(one.dense().max(), kMany);
  for (int k = 1; k < 20; ++k) EXPECT_NEAR(one.dense().quantiles(k - 1) / kMany, k / 20.0, 5 * .0039) << k;
  EXPECT_EQ(of_seed(1).SerializeAsString(), one.SerializeAsString());
  EXPECT_NE(of_seed(2).SerializeAsString(), one.SerializeAsString());
}

TEST(Freeze, KeepsWhatIsFrozenAlready) {
  const auto standardize = OneField(R"("transform":"STANDARDIZE","mean":7,"deviation":3)");
  const auto a = Freeze(*standardize, Of(standardize, {1, 2, 3})).value();
  EXPECT_EQ(a->proto().SerializeAsString(), standardize->proto().SerializeAsString());
  const auto bucketize = OneField(R"("transform":"BUCKETIZE","buckets":4,"boundaries":[10,20])");
  const auto b = Freeze(*bucketize, Of(bucketize, {1, 2, 3})).value();
  EXPECT_EQ(b->proto().SerializeAsString(), bucketize->proto().SerializeAsString());
}

// One tenth in binary is no sum of few powers of two: a mean that is not exact would leave a deviation.
TEST(Freeze, AConstantHasTheDeviationOne) {
  const auto schema = OneField(R"("transform":"STANDARDIZE")");
  const Statistics statistics = Of(schema, std::vector<float>(1000, 0.1f));
  EXPECT_EQ(statistics.fields[0].dense().deviation(), 0);
  const FeatureSchema frozen = Freeze(*schema, statistics).value()->proto();
  EXPECT_EQ(frozen.fields(0).mean(), 0.1f);
  EXPECT_EQ(frozen.fields(0).deviation(), 1);
}

TEST(Freeze, LeavesOtherTransformsAlone) {
  const auto schema = MakeSchema(R"({"name":"x","side":"AD","kind":"DENSE","transform":"SIGNED_LOG1P"},
      {"name":"y","side":"AD","kind":"DENSE"})");
  StatisticsBuilder builder(schema, 1);
  builder.Add(FeatureField::AD, {{1, 2}}, {}, {}, {});
  const auto frozen = Freeze(*schema, builder.Finish()).value();
  EXPECT_EQ(frozen->proto().SerializeAsString(), schema->proto().SerializeAsString());
}

TEST(Freeze, RefusesBucketizeWithoutBuckets) {
  const auto schema = MakeSchema(R"({"name":"x","side":"AD","kind":"DENSE"},
      {"name":"y","side":"AD","kind":"DENSE","transform":"BUCKETIZE"})");
  const absl::Status status = Freeze(*schema, StatisticsBuilder(schema, 1).Finish()).status();
  EXPECT_EQ(base::FieldOf(status), "fields[1].buckets");
  EXPECT_THAT(std::string(status.message()), HasSubstr("'y'; 3 to 65536 are allowed"));
  EXPECT_EQ(CheckFreezable(*schema), status);
}

// Each of 10,000 values is in a sample of 100 with probability 1 / 100, wherever it stands: over 400 seeds, a tenth of
// the stream has 4,000 places (deviation 60), and the hundred that fill the sample at first 400 (deviation 20).
TEST(Reservoir, IsUniform) {
  constexpr int kValues = 10'000, kSize = 100, kSeeds = 400;
  std::vector<int> tenths(10);
  int first = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Reservoir reservoir(kSize, base::RandomStream(seed, base::StreamId("test"), 0));
    for (int i = 0; i < kValues; ++i) reservoir.Add(static_cast<float>(i));
    const std::set<float> distinct(reservoir.values().begin(), reservoir.values().end());
    ASSERT_THAT(distinct, SizeIs(kSize));
    for (const float x : distinct) {
      ++tenths[static_cast<int>(x) / (kValues / 10)];
      if (x < kSize) ++first;
    }
  }
  for (const int count : tenths) EXPECT_NEAR(count, 4000, 5 * 60);
  EXPECT_NEAR(first, 400, 5 * 20);
}

TEST(Reservoir, OfOne) {
  double sum = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Reservoir reservoir(1, base::RandomStream(seed, base::StreamId("test"), 1));
    for (int i = 0; i < 10; ++i) reservoir.Add(static_cast<float>(i));
    ASSERT_THAT(reservoir.values(), SizeIs(1));
    sum += reservoir.values()[0];
  }
  EXPECT_NEAR(sum / 2000, 4.5, 5 * std::sqrt(8.25 / 2000));  // the variance of 0, ..., 9 is 8.25
}

}  // namespace
}  // namespace vickrey::features
