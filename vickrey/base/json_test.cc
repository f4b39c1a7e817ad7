#include "vickrey/base/json.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::base {
namespace {

using ::testing::HasSubstr;
using vickrey::v1::AuctionLine;
using vickrey::v1::CandidateLine;

TEST(ToJson, PrintsEveryFieldAndNullForUnknown) {
  CandidateLine line;
  line.set_ad_id("a\"1\\\n\t\x01é");
  line.set_bid_micros(9007199254740993);  // 2^53 + 1: a number would lose it
  line.set_pctr(0.1);
  line.set_click(0);
  (*line.mutable_features()->mutable_fields())["b"].set_number_value(3);
  (*line.mutable_features()->mutable_fields())["a"].set_string_value("x");
  (*line.mutable_features()->mutable_fields())["c"].mutable_list_value()->add_values()->set_null_value({});
  EXPECT_EQ(ToJson(line),
            R"({"ad_id":"a\"1\\\n\t\u0001é","advertiser_id":"","bid_micros":"9007199254740993","value_micros":null,)"
            R"("features":{"a":"x","b":3,"c":[null]},"click":0,"slot":null,"examination":null,"propensity":null,)"
            R"("price_micros":null,"pctr":0.1,"ctr":null,"teacher":null,"encoded_features":null,"conversions":null,)"
            R"("conversion_value_micros":null,"bid_mille_micros":null,"price_mille_micros":null})");
}

TEST(ToJson, EnumsBytesMapsAndNonFiniteNumbers) {
  vickrey::v1::AuctionRules rules;
  rules.set_mechanism(vickrey::v1::AuctionRules::SECOND_PRICE);
  rules.add_position_multipliers(1);
  rules.add_position_multipliers(std::numeric_limits<double>::infinity());
  rules.add_position_multipliers(std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(
      ToJson(rules),
      R"({"mechanism":"SECOND_PRICE","slots":0,"position_multipliers":[1,"Infinity","NaN"],"reserve":null,"placement":""})");
  vickrey::v1::VersionLine version;
  (*version.mutable_libraries())["b"] = "2";
  (*version.mutable_libraries())["a"] = "1";
  EXPECT_THAT(ToJson(version), HasSubstr(R"("libraries":{"a":"1","b":"2"})"));
}

TEST(ToJson, ANegativeZeroStaysNegative) {
  CandidateLine line;
  line.set_pctr(-0.0);
  (*line.mutable_features()->mutable_fields())["x"].set_number_value(-0.0);
  line.mutable_encoded_features()->add_dense(-0.0f);
  CandidateLine read;
  ASSERT_TRUE(FromJson(ToJson(line), &read).ok());
  EXPECT_TRUE(std::signbit(read.pctr()));
  EXPECT_TRUE(std::signbit(read.features().fields().at("x").number_value()));
  EXPECT_TRUE(std::signbit(read.encoded_features().dense(0)));
}

// Protobuf's own parser reads back what we print, and its own printer says the same of what is set.
TEST(ToJson, AgreesWithProtobuf) {
  RandomStream random(1, StreamId("json_test"), 0);
  for (int round = 0; round < 200; ++round) {
    AuctionLine line;
    line.set_auction_id("id" + std::to_string(round));
    line.set_event_time(static_cast<int64_t>(random.Bits() >> 1));
    for (int i = 0; i < 3; ++i) {
      CandidateLine& c = *line.add_candidates();
      const uint64_t bits = random.Bits();
      double any = 0;
      std::memcpy(&any, &bits, sizeof(any));
      c.set_pctr(any);
      c.set_bid_micros(-static_cast<int64_t>(random.Below(1000)));
      if (random.Bernoulli(0.5)) c.set_ctr(random.Uniform());
      (*c.mutable_features()->mutable_fields())["x"].set_number_value(random.Normal());
    }
    AuctionLine by_protobuf, by_us;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(ToJson(line), &by_protobuf).ok());
    EXPECT_EQ(by_protobuf.SerializeAsString(), line.SerializeAsString());
    std::string printed;
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    ASSERT_TRUE(google::protobuf::util::MessageToJsonString(line, &printed, options).ok());
    ASSERT_TRUE(FromJson(printed, &by_us).ok());
    EXPECT_EQ(ToJson(by_us), ToJson(line));
  }
}

TEST(FromJson, AcceptsNumbersForInt64AndNull) {
  CandidateLine line;
  ASSERT_TRUE(FromJson(R"({"bid_micros": 12, "value_micros": "13", "pctr": null})", &line).ok());
  EXPECT_EQ(line.bid_micros(), 12);
  EXPECT_EQ(line.value_micros(), 13);
  EXPECT_FALSE(line.has_pctr());
}

TEST(FromJson, ErrorsNameTheField) {
  AuctionLine line;
  line.set_auction_id("kept");
  absl::Status status = FromJson(R"({"auction_id":"a","candidates":[{"bid_micros":1},{"bid_micros":"x"}]})", &line);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(FieldOf(status), "candidates[1].bid_micros") << status;
  status = FromJson(R"({"candidates":[{"bid":1}]})", &line);
  EXPECT_EQ(FieldOf(status), "candidates[0].bid") << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no such field"));
  status = FromJson(R"({"auctionid":"a"})", &line);
  EXPECT_EQ(FieldOf(status), "auctionid") << status;
  status = FromJson(R"({"event_time":99999999999999999999})", &line);
  EXPECT_EQ(FieldOf(status), "event_time") << status;
  status = FromJson(R"({"event_time":1.5})", &line);
  EXPECT_EQ(FieldOf(status), "event_time") << status;
  EXPECT_EQ(line.auction_id(), "kept");
}

TEST(FromJson, RefusesWhatIsNotJson) {
  AuctionLine line;
  for (const char* text : {"",
                           "{",
                           "[]",
                           "3",
                           "\"x\"",
                           "{\"auction_id\":}",
                           "{\"auction_id\":\"a\"} x",
                           "\xff\xfe",
                           "{\"auction_id\":\"\xff\"}",
                           "null",
                           "{'auction_id':'x'}",
                           "{auction_id:1}",
                           "{\"auction_id\":\"a\",}",
                           "{\"auction_id\":\"a\",\"auction_id\":\"b\"}",
                           "{\"auctionId\":\"a\"}",
                           "{\"candidates\":{}}",
                           "{\"candidates\":[null]}",
                           "{\"candidates\":[[]]}",
                           "{\"auction_id\":\"a\tb\"}",
                           "{\"event_time\":9007199254740993.0}",
                           "{\"event_time\":\"1.0\"}",
                           "{\"context\":[]}"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(FromJson(text, &line))) << text;
  }
  // Deeper than anyone means; it must not exhaust the stack.
  const std::string deep = "{\"context\":{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}}";
  EXPECT_TRUE(absl::IsInvalidArgument(FromJson(deep, &line)));
  EXPECT_TRUE(absl::IsInvalidArgument(FromJson("{'a\"':1," + deep.substr(1), &line)));
}

// In a time that grows with the text, and not with its square, which for this one is hours.
TEST(FromJson, MapsOfManyMembersAreReadInLinearTime) {
  std::string text = R"({"context":{)";
  for (int i = 0; i < 500'000; ++i) absl::StrAppend(&text, i == 0 ? "" : ",", "\"", i, "\":{}");
  text += "}}";
  vickrey::v1::AuctionLine line;
  ASSERT_TRUE(FromJson(text, &line).ok());
  EXPECT_EQ(line.context().fields_size(), 500'000);
}

TEST(FromJson, AZeroByteIsNotTheEnd) {
  vickrey::v1::AuctionLine line;
  const absl::Status status = FromJson(std::string_view("{}\0 and more", 12), &line);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_FALSE(FromJson(std::string_view("{}\0", 3), &line).ok());
}

TEST(FromJson, KeepsNullInFreeLists) {
  google::protobuf::ListValue list;
  ASSERT_TRUE(FromJson("[0,1,null]", &list).ok());
  EXPECT_EQ(list.values_size(), 3);
  EXPECT_EQ(ToJson(list), "[0,1,null]");
}

TEST(FromJson, OnlyOneOfAOneof) {
  vickrey::v1::Reserve reserve;
  EXPECT_EQ(FieldOf(FromJson(R"({"click_micros":1,"mille_micros":2})", &reserve)), "mille_micros");
}

TEST(JsonLineReader, CountsLinesAndGoesOnBehindABadOne) {
  std::istringstream in("{\"ad_id\":\"a\"}\r\n\n  \n{bad\n{\"ad_id\":\"b\"}");
  JsonLineReader reader(&in);
  CandidateLine line;
  EXPECT_TRUE(reader.Next(&line).value());
  EXPECT_EQ(line.ad_id(), "a");
  EXPECT_EQ(reader.line(), 1);
  EXPECT_TRUE(absl::IsInvalidArgument(reader.Next(&line).status()));
  EXPECT_EQ(reader.line(), 4);
  EXPECT_TRUE(reader.Next(&line).value());  // the last line needs no newline
  EXPECT_EQ(line.ad_id(), "b");
  EXPECT_EQ(reader.line(), 5);
  EXPECT_FALSE(reader.Next(&line).value());
}

TEST(JsonLineReader, RefusesALineTooLong) {
  std::istringstream in(std::string(JsonLineReader::kMaxLineBytes + 1, ' ') + "\n{\"ad_id\":\"b\"}\n");
  JsonLineReader reader(&in);
  CandidateLine line;
  EXPECT_TRUE(absl::IsInvalidArgument(reader.Next(&line).status()));
  EXPECT_TRUE(reader.Next(&line).value());
  EXPECT_EQ(reader.line(), 2);
}

TEST(JsonLineReader, WhatCannotBeReadIsNotTheEnd) {
  CandidateLine line;
  std::ifstream folder("/"), missing("/no/such/file");
  EXPECT_TRUE(absl::IsUnavailable(JsonLineReader(&folder).Next(&line).status()));
  EXPECT_TRUE(absl::IsUnavailable(JsonLineReader(&missing).Next(&line).status()));
}

TEST(ErrorLine, IsAlwaysValidJson) {
  vickrey::v1::ErrorLine line;
  EXPECT_TRUE(FromJson(ErrorLine(InvalidField("a\xff", "'\xc3' is not known")), &line).ok());
}

TEST(ErrorLine, IsWhatProgramsPrint) {
  EXPECT_EQ(ErrorLine(AtLine(InvalidField("pctr", "2 is above 1"), 7)),
            R"({"error":{"code":"INVALID_ARGUMENT","message":"pctr: 2 is above 1","line":"7","field":"pctr"}})");
  EXPECT_EQ(ErrorLine(absl::UnavailableError("no server")),
            R"({"error":{"code":"UNAVAILABLE","message":"no server","line":null,"field":null}})");
}

}  // namespace
}  // namespace vickrey::base
