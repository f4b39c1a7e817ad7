#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/features/encode.h"
#include "vickrey/features/fingerprint.h"
#include "vickrey/features/schema.h"
#include "vickrey/features/transform.h"

namespace vickrey::features {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vickrey::v1::EncodedFeatures;
using vickrey::v1::FeatureField;
using vickrey::v1::FeatureSchema;

// From Python's xxhash: xxhash.xxh64(b"C1\x1f68fd1e64").hexdigest() and so on.
TEST(Fingerprint, TestVectors) {
  EXPECT_EQ(Fingerprint("C1", "68fd1e64"), 0x6cc25f8365400c55u);
  EXPECT_EQ(Fingerprint("platform", ""), 0x48b9ec4775278490u);
  EXPECT_EQ(Fingerprint("geo_location", "US>SC>519"), 0x30a5c59161447a63u);
  EXPECT_NE(Fingerprint("a", "b"), Fingerprint("b", "a"));
}

TEST(Fingerprint, BucketsLeaveTheFirstForMissing) {
  EXPECT_EQ(Bucket(kMissing, 10), 0);
  EXPECT_EQ(Bucket(1, 10), 2);
  EXPECT_EQ(Bucket(9, 10), 1);
  EXPECT_EQ(Bucket(18446744073709551615u, 2), 1);
}

TEST(Fingerprint, BucketsAreTheRemainder) {
  std::mt19937_64 dice(1);
  for (const int64_t buckets : {2L, 3L, 4L, 10L, 65536L, 65537L, (1L << 31) - 1, kMaxBuckets, INT64_MAX}) {
    const auto divisor = static_cast<uint64_t>(buckets - 1);
    const uint64_t last = ~uint64_t{0} / divisor * divisor;  // the largest multiple
    std::vector<uint64_t> fingerprints = {1, divisor - 1, divisor, divisor + 1, last - 1, last, ~uint64_t{0}};
    while (fingerprints.size() < 10'000) fingerprints.push_back(dice());
    for (const uint64_t fingerprint : fingerprints) {
      if (fingerprint == kMissing) continue;
      ASSERT_EQ(Bucket(fingerprint, buckets), static_cast<int64_t>(1 + fingerprint % divisor))
          << fingerprint << " " << buckets;
    }
  }
}

TEST(SignedLog1p, IsTheNearestFloat) {
  std::mt19937_64 dice(1);
  for (int exponent = -149; exponent < 128; ++exponent) {
    for (int k = 0; k < 100; ++k) {
      const float x = std::ldexp(1 + static_cast<float>(dice() % (1 << 23)) / (1 << 23), exponent);
      const auto exact = static_cast<float>(std::log1p(static_cast<long double>(x)));
      ASSERT_LE(std::fabs(SignedLog1p(x) - exact), std::nextafter(exact, INFINITY) - exact) << x;
    }
  }
}

TEST(SignedLog1p, IsOddAndKeepsMissing) {
  EXPECT_EQ(SignedLog1p(0), 0);
  EXPECT_FLOAT_EQ(SignedLog1p(static_cast<float>(std::exp(1.0) - 1)), 1);
  EXPECT_EQ(SignedLog1p(-3), -SignedLog1p(3));
  EXPECT_TRUE(std::isnan(SignedLog1p(NAN)));
}

TEST(Standardize, ByHand) {
  EXPECT_EQ(Standardize(5, 3, 2), 1);
  EXPECT_EQ(Standardize(2, 3, 4), -0.25f);
  // A float's mean would be 2^24, and the answer 0.
  EXPECT_EQ(Standardize(16777216, 16777215.5, 1), 0.5f);
  EXPECT_TRUE(std::isnan(Standardize(NAN, 3, 2)));
}

TEST(Standardize, IsFinite) {
  constexpr float kMax = std::numeric_limits<float>::max();
  EXPECT_EQ(Standardize(kMax, 0, 0.5), kMax);
  EXPECT_EQ(Standardize(-kMax, 0, 0.5), -kMax);
  EXPECT_EQ(Standardize(1, 0, 1e-320), kMax);  // infinite in double too
  EXPECT_EQ(Standardize(kMax, 0, 1), kMax);
}

TEST(BucketOf, CountsTheBoundariesThatAreAtMostIt) {
  const std::vector<float> boundaries = {-1, 0, 2.5};
  const std::vector<std::pair<float, int64_t>> cases = {{-7.0f, 1}, {std::nextafter(-1.0f, -2.0f), 1},
                                                        {-1.0f, 2}, {-0.5f, 2},
                                                        {-0.0f, 3}, {0.0f, 3},
                                                        {2.4f, 3},  {2.5f, 4},
                                                        {1e30f, 4}};
  for (const auto& [x, bucket] : cases) EXPECT_EQ(BucketOf(x, boundaries), bucket) << x;
  EXPECT_EQ(BucketOf(NAN, boundaries), 0);
  EXPECT_EQ(BucketOf(NAN, {}), 0);
  EXPECT_EQ(BucketOf(3, {}), 1);
}

std::shared_ptr<const Schema> MakeSchema() {
  FeatureSchema proto;
  EXPECT_TRUE(base::FromJson(R"({"fields":[
      {"name":"age","side":"CONTEXT","kind":"DENSE"},
      {"name":"price","side":"AD","kind":"DENSE"},
      {"name":"brand","side":"AD","kind":"CATEGORICAL","buckets":100},
      {"name":"size","side":"AD","kind":"DENSE"},
      {"name":"tags","side":"AD","kind":"BAG","buckets":100}]})",
                             &proto)
                  .ok());
  return Schema::Create(proto).value();
}

absl::StatusOr<EncodedFeatures> EncodeAd(const std::string& json) {
  google::protobuf::Struct named;
  EXPECT_TRUE(base::FromJson(json, &named).ok()) << json;
  EncodedFeatures encoded;
  RETURN_IF_ERROR(Encode(*MakeSchema(), FeatureField::AD, named, "candidates[0].features", &encoded));
  return encoded;
}

TEST(Encode, PutsValuesInTheSchemasOrder) {
  const EncodedFeatures e = EncodeAd(R"({"tags":["x","y"],"size":2.5,"brand":"acme","price":-1})").value();
  EXPECT_EQ(e.schema_id(), MakeSchema()->id());
  EXPECT_THAT(e.dense(), ElementsAre(-1.f, 2.5f));
  EXPECT_THAT(e.fingerprints(), ElementsAre(Fingerprint("brand", "acme")));
  EXPECT_THAT(e.bag_fingerprints(), ElementsAre(Fingerprint("tags", "x"), Fingerprint("tags", "y")));
  EXPECT_THAT(e.bag_lengths(), ElementsAre(2u));
}

TEST(Encode, MissingIsNanZeroAndEmpty) {
  for (const char* json : {"{}", R"({"price":null,"brand":null,"tags":null,"size":"NaN"})"}) {
    const EncodedFeatures e = EncodeAd(json).value();
    EXPECT_TRUE(std::isnan(e.dense(0)) && std::isnan(e.dense(1)));
    EXPECT_THAT(e.fingerprints(), ElementsAre(0u));
    EXPECT_THAT(e.bag_lengths(), ElementsAre(0u));
  }
}

TEST(Encode, WholeNumbersAreTheirText) {
  EXPECT_EQ(EncodeAd(R"({"brand":17})").value().fingerprints(0), Fingerprint("brand", "17"));
  EXPECT_EQ(EncodeAd(R"({"brand":-3})").value().fingerprints(0), Fingerprint("brand", "-3"));
  EXPECT_NE(EncodeAd(R"({"brand":""})").value().fingerprints(0), kMissing);
}

TEST(Encode, RefusesByName) {
  const auto field = [](const std::string& json) { return base::FieldOf(EncodeAd(json).status()).value_or("none"); };
  EXPECT_EQ(field(R"({"colour":"red"})"), "candidates[0].features.colour");
  EXPECT_EQ(field(R"({"age":3})"), "candidates[0].features.age");  // a field of the other side
  EXPECT_EQ(field(R"({"price":"Infinity"})"), "candidates[0].features.price");
  EXPECT_EQ(field(R"({"price":1e300})"), "candidates[0].features.price");
  EXPECT_EQ(field(R"({"price":"3"})"), "candidates[0].features.price");
  EXPECT_EQ(field(R"({"price":true})"), "candidates[0].features.price");
  EXPECT_EQ(field(R"({"brand":1.5})"), "candidates[0].features.brand");
  EXPECT_EQ(field(R"({"brand":1e16})"), "candidates[0].features.brand");
  EXPECT_EQ(field(R"({"brand":["a"]})"), "candidates[0].features.brand");
  EXPECT_EQ(field(R"({"brand":")" + std::string(kMaxValueBytes + 1, 'x') + "\"}"), "candidates[0].features.brand");
  EXPECT_EQ(field(R"({"tags":"x"})"), "candidates[0].features.tags");
  EXPECT_EQ(field(R"({"tags":["x",{}]})"), "candidates[0].features.tags[1]");
  EXPECT_EQ(field(R"({"brand":")" + std::string(kMaxValueBytes, 'x') + "\"}"), "none");
}

// What is encoded passes its own check and survives JSON, bit by bit: named and encoded inputs are the same input.
TEST(Encode, NamedAndEncodedAreTheSameBits) {
  const EncodedFeatures e = EncodeAd(R"({"price":0.1,"brand":"b","tags":["t"]})").value();
  EXPECT_TRUE(CheckEncoded(*MakeSchema(), FeatureField::AD, e, "f").ok());
  EncodedFeatures again;
  ASSERT_TRUE(base::FromJson(base::ToJson(e), &again).ok());
  EXPECT_EQ(again.SerializeAsString(), e.SerializeAsString());
  EXPECT_EQ(e.dense(0), 0.1f);
}

TEST(CheckEncoded, RefusesByName) {
  const EncodedFeatures good = EncodeAd("{}").value();
  const auto field = [](const EncodedFeatures& e) {
    return base::FieldOf(CheckEncoded(*MakeSchema(), FeatureField::AD, e, "f")).value_or("none");
  };
  EncodedFeatures bad = good;
  bad.set_schema_id("0000000000000000");
  EXPECT_EQ(field(bad), "f.schema_id");
  (bad = good).add_dense(1);
  EXPECT_EQ(field(bad), "f.dense");
  (bad = good).clear_fingerprints();
  EXPECT_EQ(field(bad), "f.fingerprints");
  (bad = good).set_bag_lengths(0, 1);
  EXPECT_EQ(field(bad), "f.bag_fingerprints");
  (bad = good).set_dense(1, std::numeric_limits<float>::infinity());
  EXPECT_EQ(field(bad), "f.dense[1]");
}

TEST(Schema, IdIsOfNamesKindsAndSidesOnly) {
  FeatureSchema a = MakeSchema()->proto(), b = a;
  b.clear_schema_id();
  b.mutable_fields(2)->set_buckets(7);
  b.mutable_fields(0)->set_transform(FeatureField::SIGNED_LOG1P);
  EXPECT_EQ(Schema::Create(b).value()->id(), a.schema_id());
  b.mutable_fields(0)->set_name("years");
  EXPECT_NE(Schema::Create(b).value()->id(), a.schema_id());
  b.set_schema_id(a.schema_id());
  EXPECT_EQ(base::FieldOf(Schema::Create(b).status()), "schema_id");
}

TEST(Schema, RefusesByName) {
  const auto field = [](auto change) {
    FeatureSchema proto = MakeSchema()->proto();
    proto.clear_schema_id();
    change(proto);
    return base::FieldOf(Schema::Create(proto).status()).value_or("none");
  };
  EXPECT_EQ(field([](FeatureSchema& s) { s.clear_fields(); }), "fields");
  EXPECT_EQ(field([](FeatureSchema& s) { s.mutable_fields(1)->set_name("a b"); }), "fields[1].name");
  EXPECT_EQ(field([](FeatureSchema& s) { s.mutable_fields(1)->set_name("age"); }), "fields[1].name");
  EXPECT_EQ(field([](FeatureSchema& s) { s.mutable_fields(1)->set_name(std::string(129, 'x')); }), "fields[1].name");
  EXPECT_EQ(field([](FeatureSchema& s) { s.mutable_fields(1)->clear_side(); }), "fields[1].side");
  EXPECT_EQ(field([](FeatureSchema& s) { s.mutable_fields(1)->clear_kind(); }), "fields[1].kind");
  EXPECT_EQ(field([](FeatureSchema& s) { s.mutable_fields(2)->set_buckets(1); }), "fields[2].buckets");
}

// What is wrong with a schema of one field; "" if nothing is.
std::string Fault(const std::string& rest, const std::string& kind = "DENSE") {
  FeatureSchema proto;
  const std::string json = R"({"fields":[{"name":"x","side":"AD","kind":")" + kind + "\"" + rest + "}]}";
  EXPECT_TRUE(base::FromJson(json, &proto).ok()) << json;
  const absl::Status status = Schema::Create(proto).status();
  if (status.ok()) return "";
  EXPECT_EQ(std::string(status.message()).rfind(*base::FieldOf(status) + ": ", 0), 0u) << status;
  return std::string(status.message());
}

TEST(Schema, TransformsAndWhatIsFrozenOfThem) {
  for (const char* good :
       {"", R"(,"transform":"STANDARDIZE")", R"(,"transform":"STANDARDIZE","mean":0,"deviation":1e-9)",
        R"(,"transform":"BUCKETIZE")", R"(,"transform":"BUCKETIZE","buckets":3)",
        R"(,"transform":"BUCKETIZE","buckets":65536)", R"(,"transform":"BUCKETIZE","buckets":9,"boundaries":[1])",
        R"(,"transform":"BUCKETIZE","buckets":4,"boundaries":[-1,1e30])"}) {
    EXPECT_EQ(Fault(good), "") << good;
  }
  for (const char* kind : {"CATEGORICAL", "BAG"}) {
    EXPECT_EQ(Fault(R"(,"transform":"NONE")", kind), "");
    EXPECT_EQ(Fault(R"(,"transform":"SIGNED_LOG1P")", kind),
              "fields[0].transform: SIGNED_LOG1P is for DENSE fields only");
    EXPECT_EQ(Fault(R"(,"mean":1,"deviation":1)", kind),
              "fields[0].mean: is given; only fields with the transform STANDARDIZE have one");
    EXPECT_EQ(Fault(R"(,"boundaries":[1])", kind),
              "fields[0].boundaries: are given; only fields with the transform BUCKETIZE have them");
  }
}

TEST(Schema, RefusesWhatCannotBeFrozenByName) {
  const std::pair<const char*, const char*> cases[] = {
      {R"(,"mean":0,"deviation":1)", "mean: is given"},
      {R"(,"transform":"BUCKETIZE","buckets":9,"deviation":1)", "deviation: is given"},
      {R"(,"transform":"STANDARDIZE","mean":0)", "deviation: is missing"},
      {R"(,"transform":"STANDARDIZE","deviation":1)", "mean: is missing"},
      {R"(,"transform":"STANDARDIZE","mean":"NaN","deviation":1)", "mean: nan is not a finite number"},
      {R"(,"transform":"STANDARDIZE","mean":"Infinity","deviation":1)", "mean: inf is not"},
      {R"(,"transform":"STANDARDIZE","mean":1,"deviation":0)", "deviation: 0 is out of range"},
      {R"(,"transform":"STANDARDIZE","mean":1,"deviation":-2)", "deviation: -2 is out of range"},
      {R"(,"transform":"STANDARDIZE","mean":1,"deviation":"NaN")", "deviation: nan is out of range"},
      {R"(,"transform":"STANDARDIZE","mean":1,"deviation":"Infinity")", "deviation: inf is out of range"},
      {R"(,"transform":"STANDARDIZE","boundaries":[1])", "boundaries: are given"},
      {R"(,"transform":"BUCKETIZE","buckets":2)", "buckets: 2 is out of range for BUCKETIZE; 3 to 65536 are allowed"},
      {R"(,"transform":"BUCKETIZE","buckets":-3)", "buckets: -3 is out of range"},
      {R"(,"transform":"BUCKETIZE","buckets":65537)", "buckets: 65537 is out of range"},
      {R"(,"transform":"BUCKETIZE","boundaries":[1])", "boundaries: has 1 entries; at most 0 are allowed"},
      {R"(,"transform":"BUCKETIZE","buckets":3,"boundaries":[1,2])",
       "boundaries: has 2 entries; at most 1 are allowed"},
      {R"(,"transform":"BUCKETIZE","buckets":9,"boundaries":[1,2,2])", "boundaries[2]: 2 must be greater than"},
      {R"(,"transform":"BUCKETIZE","buckets":9,"boundaries":[1,0.5])", "boundaries[1]: 0.5 must be greater than"},
      {R"(,"transform":"BUCKETIZE","buckets":9,"boundaries":[1,"NaN"])", "boundaries[1]: nan is not a finite number"},
      {R"(,"transform":"BUCKETIZE","buckets":9,"boundaries":["-Infinity"])", "boundaries[0]: -inf is not"},
  };
  for (const auto& [rest, message] : cases) EXPECT_THAT(Fault(rest), HasSubstr(std::string("fields[0].") + message));
  FeatureSchema unknown = MakeSchema()->proto();
  unknown.mutable_fields(0)->set_transform(static_cast<FeatureField::Transform>(99));
  EXPECT_EQ(base::FieldOf(Schema::Create(unknown).status()), "fields[0].transform");
}

TEST(Schema, Presets) {
  EXPECT_EQ(Schema::Preset("criteo").value()->fields().size(), 39u);
  EXPECT_EQ(Schema::Preset("outbrain").value()->counts(FeatureField::CONTEXT).categorical, 3);
  EXPECT_EQ(Schema::Preset("synthetic").value()->counts(FeatureField::AD).dense, 9);
  EXPECT_EQ(Schema::Preset("synthetic_tower").value()->counts(FeatureField::CONTEXT).dense, 8);
  EXPECT_EQ(Schema::Preset("synthetic_tower").value()->counts(FeatureField::AD).dense, 8);
  const auto ads = Schema::Preset("synthetic_ads").value();
  EXPECT_EQ(ads->counts(FeatureField::AD).dense, 0);
  EXPECT_EQ(ads->counts(FeatureField::AD).categorical, 1);
  EXPECT_EQ(ads->proto().fields(4).buckets(), 64);
  for (const std::string_view name : Schema::PresetNames()) EXPECT_TRUE(Schema::Preset(name).ok()) << name;
  EXPECT_THAT(std::string(Schema::Preset("avazu").status().message()),
              HasSubstr("known: criteo, ipinyou, open_bandit, outbrain, synthetic"));
}

// What published results were made with.
TEST(Schema, PresetsOfResultsStayAsTheyAre) {
  const auto describe = [](std::string_view preset) {
    const auto schema = Schema::Preset(preset).value();
    std::map<std::string, int> counts;
    for (const FeatureField& field : schema->proto().fields()) {
      ++counts[FeatureField::Transform_Name(field.transform()) + " " + std::to_string(field.buckets()) + " " +
               std::to_string(field.embedding_width())];
    }
    return counts;
  };
  using Counts = std::map<std::string, int>;
  EXPECT_EQ(describe("criteo"), (Counts{{"SIGNED_LOG1P 0 0", 13}, {"TRANSFORM_UNSPECIFIED 65536 8", 26}}));
  EXPECT_EQ(describe("synthetic"), (Counts{{"NONE 0 0", 13}}));
  EXPECT_EQ(describe("synthetic_ads"), (Counts{{"NONE 0 0", 4}, {"TRANSFORM_UNSPECIFIED 64 8", 1}}));
  EXPECT_EQ(describe("synthetic_tower"), (Counts{{"NONE 0 0", 16}}));
}

// Values that the public logs have; no two of a field share a row.
TEST(Schema, PresetsKeepKnownValuesApart) {
  const auto whole = [](int from, int to) {
    std::vector<std::string> values;
    for (int i = from; i <= to; ++i) values.push_back(std::to_string(i));
    return values;
  };
  const std::map<std::string, std::map<std::string, std::vector<std::string>>> known = {
      {"ipinyou",
       {{"weekday", whole(0, 6)},
        {"hour", whole(0, 23)},
        {"adexchange", whole(1, 5)},
        {"slotwidth",
         {"120", "160", "180", "200", "250", "300", "336", "360", "468", "728", "760", "950", "960", "1000"}},
        {"slotheight", {"60", "75", "80", "90", "100", "200", "250", "280", "300", "600"}},
        {"slotvisibility",
         {"0", "1", "2", "255", "FirstView", "SecondView", "ThirdView", "FourthView", "FifthView", "OtherView"}},
        {"slotformat", {"0", "1", "5"}},
        {"advertiser", {"1458", "2259", "2261", "2821", "2997", "3358", "3386", "3427", "3476"}}}},
      {"open_bandit", {{"item_id", whole(0, 79)}}},
      {"outbrain", {{"platform", whole(1, 3)}}},
  };
  for (const auto& [preset, fields] : known) {
    const auto schema = Schema::Preset(preset).value();
    for (const FeatureField& field : schema->proto().fields()) {
      const auto found = fields.find(field.name());
      if (found == fields.end()) continue;
      std::set<int64_t> rows;
      for (const std::string& value : found->second) {
        rows.insert(Bucket(Fingerprint(field.name(), value), field.buckets()));
      }
      EXPECT_EQ(rows.size(), found->second.size()) << preset << " " << field.name();
    }
  }
}

TEST(Schema, ForFileSaysEveryTransform) {
  const FeatureSchema said = ForFile(Schema::Preset("criteo").value()->proto());
  EXPECT_EQ(said.fields(0).transform(), FeatureField::SIGNED_LOG1P);
  EXPECT_EQ(said.fields(38).transform(), FeatureField::NONE);
  EXPECT_TRUE(Schema::Create(said).ok());
}

}  // namespace
}  // namespace vickrey::features
