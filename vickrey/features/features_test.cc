#include <cmath>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/features/encode.h"
#include "vickrey/features/fingerprint.h"
#include "vickrey/features/schema.h"

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

TEST(SignedLog1p, IsOddAndKeepsMissing) {
  EXPECT_EQ(SignedLog1p(0), 0);
  EXPECT_FLOAT_EQ(SignedLog1p(static_cast<float>(std::exp(1.0) - 1)), 1);
  EXPECT_EQ(SignedLog1p(-3), -SignedLog1p(3));
  EXPECT_TRUE(std::isnan(SignedLog1p(NAN)));
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

}  // namespace
}  // namespace vickrey::features
