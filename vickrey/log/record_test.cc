#include "vickrey/log/record.h"

#include <cmath>
#include <functional>
#include <string>

#include "gtest/gtest.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/log/keys.h"

namespace vickrey::log {
namespace {

using vickrey::v1::AuctionLine;
using vickrey::v1::Bid;
using vickrey::v1::Feedback;
using vickrey::v1::LoggedAuction;

constexpr char kLine[] =
    R"({"auction_id":"a1","event_time":"1704067200000000","currency_code":"USD","schema_id":"60ee2c38aad8f8aa",)"
    R"("cluster_key":"u1","sampling_rate":0.5,"context":{"x":1.5},"candidates":[{"ad_id":"ad1","advertiser_id":"v",)"
    R"("bid_micros":"2000000","value_micros":"3000000","features":{"c":"red","l":["a",null]},"click":1,"slot":1,)"
    R"("examination":1,"propensity":0.25,"price_micros":"7","pctr":0.1,"ctr":0.2,"teacher":0.15,"encoded_features":null,)"
    R"("conversions":"2","conversion_value_micros":"30","bid_mille_micros":"2770000","price_mille_micros":"0"},)"
    R"({"ad_id":"ad2","advertiser_id":"","bid_micros":"1","value_micros":null,"features":null,"click":0,"slot":null,)"
    R"("examination":null,"propensity":null,"price_micros":null,"pctr":null,"ctr":null,"teacher":null,)"
    R"("encoded_features":{"schema_id":"60ee2c38aad8f8aa","dense":[0.5,"NaN"],"fingerprints":["18446744073709551615"],)"
    R"("bag_fingerprints":[],"bag_lengths":[0]},"conversions":null,"conversion_value_micros":null,)"
    R"("bid_mille_micros":null,"price_mille_micros":null}],"encoded_context":null,"model":"m@1","cursor":null,)"
    R"("reserve_click_micros":null,"reserve_mille_micros":"500000"})";

LoggedAuction Record() {
  AuctionLine line;
  EXPECT_TRUE(base::FromJson(kLine, &line).ok());
  return FromLine(line).value();
}

TEST(Record, LinesSurviveThereAndBack) {
  EXPECT_TRUE(Validate(Record()).ok());
  EXPECT_EQ(base::ToJson(ToLine(Record())), kLine);
}

TEST(Record, ValidateNamesTheField) {
  const auto field = [](const std::function<void(LoggedAuction&)>& change) {
    LoggedAuction record = Record();
    change(record);
    return base::FieldOf(Validate(record)).value_or("none");
  };
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_auction()->clear_auction_id(); }), "auction_id");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_auction()->set_auction_id("a b"); }), "auction_id");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_auction()->set_auction_id(std::string(129, 'a')); }), "auction_id");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_auction()->set_event_time(0); }), "event_time");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_auction()->set_event_time(-5); }), "event_time");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_auction()->set_currency_code("usd"); }), "currency_code");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_auction()->set_cluster_key("ä"); }), "cluster_key");
  EXPECT_EQ(field([](LoggedAuction& r) { r.set_sampling_rate(0); }), "sampling_rate");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_reserve()->set_click_micros(0); }), "reserve_click_micros");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_reserve()->set_mille_micros(-1); }), "reserve_mille_micros");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_candidates(0)->set_conversions(-1); }), "candidates[0].conversions");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_candidates(0)->set_price_mille_micros(-1); }),
            "candidates[0].price_mille_micros");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_auction()->clear_candidates(); }), "candidates");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_candidates()->RemoveLast(); }), "candidates");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_auction()->mutable_candidates(1)->set_ad_id(""); }),
            "candidates[1].ad_id");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_auction()->mutable_candidates(1)->mutable_bid()->set_micros(0); }),
            "candidates[1].bid_micros");
  EXPECT_EQ(field([](LoggedAuction& r) {
              r.mutable_auction()->mutable_candidates(1)->mutable_bid()->set_unit(Bid::IMPRESSION);
            }),
            "candidates[1].bid.unit");
  const auto encoded = [](LoggedAuction& r) {
    return r.mutable_auction()->mutable_candidates(1)->mutable_features()->mutable_encoded();
  };
  EXPECT_EQ(field([&](LoggedAuction& r) { encoded(r)->set_schema_id("x"); }),
            "candidates[1].encoded_features.schema_id");
  EXPECT_EQ(field([&](LoggedAuction& r) { encoded(r)->set_schema_id("0000000000000000"); }),
            "candidates[1].encoded_features.schema_id");
  EXPECT_EQ(field([&](LoggedAuction& r) { encoded(r)->set_dense(0, HUGE_VALF); }),
            "candidates[1].encoded_features.dense[0]");
  EXPECT_EQ(field([&](LoggedAuction& r) { encoded(r)->set_bag_lengths(0, 1); }),
            "candidates[1].encoded_features.bag_fingerprints");
  EXPECT_EQ(field([](LoggedAuction& r) {
              auto& fields = *r.mutable_auction()->mutable_context()->mutable_named()->mutable_fields();
              fields["c"].mutable_list_value()->add_values()->set_string_value("\xff");
            }),
            "context.c");
  EXPECT_EQ(field([](LoggedAuction& r) { r.set_model("\xff"); }), "model");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_candidates(0)->set_slot(-1); }), "candidates[0].slot");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_candidates(0)->set_propensity(0); }), "candidates[0].propensity");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_candidates(0)->set_pctr(1.01); }), "candidates[0].pctr");
  EXPECT_EQ(field([](LoggedAuction& r) { r.mutable_candidates(0)->set_ctr(0.0 / 0.0); }), "candidates[0].ctr");
}

TEST(Record, FromLineNamesTheField) {
  const auto field = [](const std::function<void(AuctionLine&)>& change) {
    AuctionLine line;
    EXPECT_TRUE(base::FromJson(kLine, &line).ok());
    change(line);
    return base::FieldOf(FromLine(line).status()).value_or("none");
  };
  EXPECT_EQ(field([](AuctionLine& l) { l.mutable_candidates(0)->set_click(2); }), "candidates[0].click");
  EXPECT_EQ(field([](AuctionLine& l) { l.mutable_candidates(0)->mutable_encoded_features(); }),
            "candidates[0].encoded_features");
}

Feedback Click() {
  Feedback feedback;
  feedback.set_feedback_id("f1");
  feedback.set_auction_id("a1");
  feedback.set_ad_id("ad1");
  feedback.set_kind(Feedback::CLICK);
  feedback.set_event_time(1);
  return feedback;
}

TEST(Feedback, ValidateNamesTheField) {
  EXPECT_TRUE(Validate(Click()).ok());
  const auto field = [](const std::function<void(Feedback&)>& change) {
    Feedback feedback = Click();
    change(feedback);
    return base::FieldOf(Validate(feedback)).value_or("none");
  };
  EXPECT_EQ(field([](Feedback& f) { f.clear_feedback_id(); }), "feedback_id");
  EXPECT_EQ(field([](Feedback& f) { f.clear_auction_id(); }), "auction_id");
  EXPECT_EQ(field([](Feedback& f) { f.clear_ad_id(); }), "ad_id");
  EXPECT_EQ(field([](Feedback& f) { f.clear_kind(); }), "kind");
  EXPECT_EQ(field([](Feedback& f) { f.clear_event_time(); }), "event_time");
  EXPECT_EQ(field([](Feedback& f) { f.set_value_micros(3); }), "value_micros");
}

TEST(Feedback, ATokenStandsForItsImpression) {
  Feedback feedback = Click();
  feedback.set_impression_token(MakeImpressionToken("a7", "ad9", 1, 1704067200000000));
  feedback.clear_ad_id();
  ASSERT_TRUE(ResolveToken(&feedback).ok());
  EXPECT_EQ(feedback.auction_id(), "a7");
  EXPECT_EQ(feedback.ad_id(), "ad9");
  feedback.set_impression_token(MakeImpressionToken("a7", "ad8", 1, 1));
  EXPECT_EQ(base::FieldOf(ResolveToken(&feedback)), "ad_id");
  for (const char* bad : {"", "%%%", "AAAA", "bm90IGEgdG9rZW4"}) {
    feedback.set_impression_token(bad);
    EXPECT_EQ(base::FieldOf(ResolveToken(&feedback)), "impression_token") << bad;
  }
}

TEST(Keys, SortByTime) {
  EXPECT_LT(AuctionKey(1, "z"), AuctionKey(2, "a"));
  EXPECT_LT(AuctionKey(255, "a"), AuctionKey(256, "a"));
  EXPECT_LT(AuctionKey(0x7fffffffffffff, "a"), AuctionKey(0x80000000000000, "a"));
  EXPECT_EQ(TimeKey(258), std::string("\0\0\0\0\0\0\1\2", 8));
  // The feedback of an id that another id starts with is not the other's.
  EXPECT_FALSE(FeedbackPrefix(1, "ab").starts_with(FeedbackPrefix(1, "a")));
}

}  // namespace
}  // namespace vickrey::log
