#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/features/encode.h"
#include "vickrey/log/flat_decoder.h"
#include "vickrey/log/record.h"
#include "vickrey/storage/v1/log.pb.h"

namespace vickrey::log {
namespace {

using ::testing::HasSubstr;
using vickrey::v1::FeatureField;
using vickrey::v1::LoggedAuction;

// Fields of every kind on both sides, not in the order of their names.
std::shared_ptr<const features::Schema> TestSchema() {
  vickrey::v1::FeatureSchema proto;
  const auto add = [&](const char* name, FeatureField::Side side, FeatureField::Kind kind) {
    auto& field = *proto.add_fields();
    field.set_name(name);
    field.set_side(side);
    field.set_kind(kind);
    field.set_buckets(64);
  };
  add("z", FeatureField::AD, FeatureField::DENSE);
  add("tags2", FeatureField::AD, FeatureField::BAG);
  add("brand", FeatureField::AD, FeatureField::CATEGORICAL);
  add("a", FeatureField::AD, FeatureField::DENSE);
  add("tags1", FeatureField::AD, FeatureField::BAG);
  add("hour", FeatureField::CONTEXT, FeatureField::DENSE);
  add("site", FeatureField::CONTEXT, FeatureField::CATEGORICAL);
  add("words", FeatureField::CONTEXT, FeatureField::BAG);
  return features::Schema::Create(proto).value();
}

std::string Stored(const LoggedAuction& record) {
  vickrey::storage::v1::StoredAuction stored;
  *stored.mutable_record() = record;
  return SerializeDeterministically(stored);
}

// What the decoder should give, from the message by the plain code.
void AppendExpected(const features::Schema& schema, const LoggedAuction& record, FlatBatch* batch) {
  const auto append = [&](FeatureField::Side side, const vickrey::v1::Features& features, FlatBatch::Side* to) {
    vickrey::v1::EncodedFeatures encoded = features.encoded();
    if (!features.has_encoded()) {
      ASSERT_TRUE(features::Encode(schema, side, features.named(), "f", &encoded).ok());
    }
    to->dense.insert(to->dense.end(), encoded.dense().begin(), encoded.dense().end());
    to->fingerprints.insert(to->fingerprints.end(), encoded.fingerprints().begin(), encoded.fingerprints().end());
    to->bag_lengths.insert(to->bag_lengths.end(), encoded.bag_lengths().begin(), encoded.bag_lengths().end());
    to->bag_fingerprints.insert(to->bag_fingerprints.end(), encoded.bag_fingerprints().begin(),
                                encoded.bag_fingerprints().end());
  };
  append(FeatureField::CONTEXT, record.auction().context(), &batch->context);
  batch->ids += record.auction().auction_id();
  batch->id_ends.push_back(batch->ids.size());
  batch->event_times.push_back(record.auction().event_time());
  batch->sampling_rates.push_back(record.has_sampling_rate() ? record.sampling_rate() : 1);
  for (int i = 0; i < record.auction().candidates_size(); ++i) {
    const auto& candidate = record.auction().candidates(i);
    append(FeatureField::AD, candidate.features(), &batch->ads);
    batch->bids_micros.push_back(candidate.bid().micros());
    batch->values_micros.push_back(candidate.has_value_micros() ? candidate.value_micros() : candidate.bid().micros());
    const vickrey::v1::LoggedCandidate none;
    const auto& logged = i < record.candidates_size() ? record.candidates(i) : none;
    batch->clicks.push_back(static_cast<int8_t>(logged.has_click() ? logged.click() : -1));
    batch->slots.push_back(logged.has_slot() ? logged.slot() : -1);
    batch->ctrs.push_back(logged.has_ctr() ? logged.ctr() : std::numeric_limits<double>::quiet_NaN());
    batch->teachers.push_back(logged.has_teacher() ? logged.teacher() : std::numeric_limits<double>::quiet_NaN());
  }
  batch->offsets.push_back(static_cast<int64_t>(batch->bids_micros.size()));
}

template <typename T>
void ExpectSameBits(const std::vector<T>& a, const std::vector<T>& b, const char* what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  EXPECT_TRUE(a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0) << what;
}

void ExpectSame(const FlatBatch& a, const FlatBatch& b) {
  ExpectSameBits(a.offsets, b.offsets, "offsets");
  EXPECT_EQ(a.ids, b.ids);
  ExpectSameBits(a.id_ends, b.id_ends, "id_ends");
  ExpectSameBits(a.event_times, b.event_times, "event_times");
  ExpectSameBits(a.sampling_rates, b.sampling_rates, "sampling_rates");
  ExpectSameBits(a.bids_micros, b.bids_micros, "bids");
  ExpectSameBits(a.values_micros, b.values_micros, "values");
  ExpectSameBits(a.clicks, b.clicks, "clicks");
  ExpectSameBits(a.slots, b.slots, "slots");
  ExpectSameBits(a.ctrs, b.ctrs, "ctrs");
  ExpectSameBits(a.teachers, b.teachers, "teachers");
  for (const auto& [x, y] : {std::pair(&a.context, &b.context), std::pair(&a.ads, &b.ads)}) {
    ExpectSameBits(x->dense, y->dense, "dense");
    ExpectSameBits(x->fingerprints, y->fingerprints, "fingerprints");
    ExpectSameBits(x->bag_lengths, y->bag_lengths, "bag_lengths");
    ExpectSameBits(x->bag_fingerprints, y->bag_fingerprints, "bag_fingerprints");
  }
}

class RandomRecords {
 public:
  explicit RandomRecords(const features::Schema& schema) : schema_(schema) {}

  LoggedAuction Next() {
    LoggedAuction record;
    auto& auction = *record.mutable_auction();
    auction.set_auction_id(absl::StrCat("a", random_.Below(1000000)));
    auction.set_event_time(static_cast<int64_t>(1 + random_.Below(1'000'000'000'000)));
    if (Coin()) record.set_sampling_rate(0.5);
    if (Coin()) record.set_model("m@1");
    SetFeatures(FeatureField::CONTEXT, [&] { return auction.mutable_context(); });
    const auto n = 1 + random_.Below(5);
    const bool logged = Coin();
    for (uint64_t i = 0; i < n; ++i) {
      auto& candidate = *auction.add_candidates();
      candidate.set_ad_id(absl::StrCat("ad", random_.Below(3)));
      if (Coin()) candidate.set_advertiser_id("v");
      candidate.mutable_bid()->set_micros(static_cast<int64_t>(1 + random_.Below(1'000'000'000)));
      if (Coin()) candidate.set_value_micros(static_cast<int64_t>(random_.Below(100)));
      SetFeatures(FeatureField::AD, [&] { return candidate.mutable_features(); });
      if (!logged) continue;
      auto& more = *record.add_candidates();
      if (Coin()) more.set_click(Coin());
      if (Coin()) more.set_slot(static_cast<int32_t>(random_.Below(3)));
      if (Coin()) more.set_ctr(random_.Uniform());
      if (Coin()) more.set_teacher(random_.Uniform());
      if (Coin()) more.set_price_micros(7);
    }
    return record;
  }

 private:
  bool Coin() { return random_.Below(2) == 0; }

  template <typename F>
  void SetFeatures(FeatureField::Side side, F features) {
    const uint64_t form = random_.Below(4);
    if (form == 0) return;  // absent
    google::protobuf::Struct named;
    auto& fields = *named.mutable_fields();
    for (const auto& field : schema_.fields()) {
      if (field.side != side || random_.Below(3) == 0) continue;
      if (random_.Below(10) == 0) {
        fields[field.name].set_null_value(google::protobuf::NULL_VALUE);
      } else if (field.kind == FeatureField::DENSE) {
        if (random_.Below(8) == 0) {
          fields[field.name].set_string_value("NaN");
        } else {
          fields[field.name].set_number_value(random_.Uniform() - 0.5);
        }
      } else if (field.kind == FeatureField::CATEGORICAL) {
        if (random_.Below(4) == 0) {
          fields[field.name].set_number_value(static_cast<double>(random_.Below(100)));
        } else {
          fields[field.name].set_string_value(std::string(random_.Below(40), 'x'));
        }
      } else {
        for (uint64_t i = random_.Below(4); i > 0; --i) {
          fields[field.name].mutable_list_value()->add_values()->set_string_value(absl::StrCat(random_.Below(9)));
        }
        fields[field.name].mutable_list_value();
      }
    }
    if (form == 1) {
      ASSERT_TRUE(features::Encode(schema_, side, named, "f", features()->mutable_encoded()).ok());
    } else {
      *features()->mutable_named() = named;
    }
  }

  const features::Schema& schema_;
  base::RandomStream random_{1, base::StreamId("flat_test"), 0};
};

TEST(FlatDecoder, AgreesWithTheMessages) {
  const auto schema = TestSchema();
  RandomRecords records(*schema);
  FlatDecoder decoder(schema);
  FlatBatch batch, expected;
  for (int i = 0; i < 3000; ++i) {
    const LoggedAuction record = records.Next();
    const std::string bytes = Stored(record);
    ASSERT_TRUE(decoder.Append(bytes, &batch).ok());
    AppendExpected(*schema, record, &expected);
    ASSERT_EQ(decoder.ad_ids().size(), static_cast<size_t>(record.auction().candidates_size()));
    for (int k = 0; k < record.auction().candidates_size(); ++k) {
      EXPECT_EQ(decoder.ad_ids()[static_cast<size_t>(k)], record.auction().candidates(k).ad_id());
    }
  }
  ExpectSame(batch, expected);
}

TEST(FlatDecoder, WhatDoesNotFitIsNamedAndLeavesTheBatchAsItWas) {
  const auto schema = TestSchema();
  FlatDecoder decoder(schema);
  FlatBatch batch;
  LoggedAuction good;
  good.mutable_auction()->set_auction_id("good");
  good.mutable_auction()->add_candidates()->mutable_bid()->set_micros(1);
  ASSERT_TRUE(decoder.Append(Stored(good), &batch).ok());
  const FlatBatch before = batch;
  LoggedAuction bad = good;
  bad.mutable_auction()->set_auction_id("bad");
  (*bad.mutable_auction()->mutable_candidates(0)->mutable_features()->mutable_named()->mutable_fields())["color"]
      .set_string_value("red");
  const absl::Status unknown = decoder.Append(Stored(bad), &batch);
  EXPECT_EQ(base::FieldOf(unknown), "candidates[0].features.color");
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("auction bad"));
  ExpectSame(batch, before);
  auto& encoded = *bad.mutable_auction()->mutable_context()->mutable_encoded();
  encoded.set_schema_id(schema->id());
  EXPECT_EQ(base::FieldOf(decoder.Append(Stored(bad), &batch)), "context.dense");
  encoded.set_schema_id("0000000000000000");
  EXPECT_EQ(base::FieldOf(decoder.Append(Stored(bad), &batch)), "context.schema_id");
  ExpectSame(batch, before);
}

std::string Field(int number, int kind, const std::string& value) {
  return std::string(1, static_cast<char>(number << 3 | kind)) + value;
}
std::string Bytes(int number, const std::string& value) {
  return Field(number, 2, std::string(1, static_cast<char>(value.size())) + value);
}

// A packed list of fixed numbers that ends within one, as a damaged length leaves it.
TEST(FlatDecoder, AListThatEndsWithinANumberIsNotOne) {
  FlatDecoder decoder(TestSchema());
  FlatBatch batch;
  for (const int list : {2, 3, 4}) {
    const std::string encoded = Bytes(list, std::string(10, 'x'));
    const std::string context = Bytes(2, encoded);
    const std::string auction = Bytes(vickrey::v1::Auction::kContextFieldNumber, context);
    EXPECT_TRUE(absl::IsDataLoss(decoder.Append(Bytes(1, Bytes(1, auction)), &batch))) << list;
    EXPECT_EQ(batch.auctions(), 0);
  }
}

// To protobuf a known number with another type on the wire is an unknown field: a client may send it, and it is stored.
TEST(FlatDecoder, WhatIsUnknownIsLeftOut) {
  const auto schema = TestSchema();
  FlatDecoder decoder(schema);
  LoggedAuction record;
  record.mutable_auction()->set_event_time(17);
  record.mutable_auction()->add_candidates()->mutable_bid()->set_micros(5);
  record.add_candidates()->set_slot(2);
  auto& words =
      *(*record.mutable_auction()->mutable_context()->mutable_named()->mutable_fields())["words"].mutable_list_value();
  words.add_values()->set_string_value("a");
  FlatBatch expected;
  AppendExpected(*schema, record, &expected);
  words.GetReflection()->MutableUnknownFields(&words)->AddLengthDelimited(14,
                                                                          "\x1a\x01q");  // a Value, but for its number
  auto& auction = *record.mutable_auction();
  auction.GetReflection()->MutableUnknownFields(&auction)->AddLengthDelimited(
      vickrey::v1::Auction::kEventTimeFieldNumber, "x");
  auto& bid = *auction.mutable_candidates(0)->mutable_bid();
  bid.GetReflection()->MutableUnknownFields(&bid)->AddFixed32(vickrey::v1::Bid::kMicrosFieldNumber, 6);
  auto& candidate = *auction.mutable_candidates(0);
  candidate.GetReflection()->MutableUnknownFields(&candidate)->AddVarint(vickrey::v1::Candidate::kAdIdFieldNumber, 1);
  auto& logged = *record.mutable_candidates(0);
  auto& unknown = *logged.GetReflection()->MutableUnknownFields(&logged);
  unknown.AddFixed64(vickrey::v1::LoggedCandidate::kSlotFieldNumber, 1);
  unknown.AddVarint(vickrey::v1::LoggedCandidate::kCtrFieldNumber, 1);
  FlatBatch batch;
  ASSERT_TRUE(decoder.Append(Stored(record), &batch).ok());
  ExpectSame(batch, expected);
}

TEST(FlatDecoder, NoBytesCrashIt) {
  const auto schema = TestSchema();
  RandomRecords records(*schema);
  FlatDecoder decoder(schema);
  base::RandomStream random(2, base::StreamId("flat_test"), 0);
  FlatBatch batch;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = Stored(records.Next());
    for (uint64_t k = 1 + random.Below(3); k > 0; --k) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
    }
    if (random.Below(4) == 0) bytes.resize(random.Below(bytes.size()));
    const int64_t before = batch.auctions();
    const absl::Status status = decoder.Append(bytes, &batch);
    ASSERT_EQ(batch.auctions(), before + (status.ok() ? 1 : 0));
    ASSERT_EQ(batch.clicks.size(), batch.bids_micros.size());
    ASSERT_EQ(batch.ads.dense.size(), 2 * batch.bids_micros.size());
    ASSERT_EQ(batch.context.fingerprints.size(), static_cast<size_t>(batch.auctions()));
    if (batch.auctions() > 100) batch.Clear();
  }
}

}  // namespace
}  // namespace vickrey::log
