#include "vickrey/market/records.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "vickrey/features/encode.h"
#include "vickrey/features/schema.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::market {
namespace {

using vickrey::v1::FeatureField;
using vickrey::v1::LoggedAuction;

// The line of Market::ToLine as a record, its features encoded.
LoggedAuction EncodedLine(const Market& market, const features::Schema& schema, int64_t index) {
  const vickrey::v1::AuctionLine line = market.GenerateLine(index);
  LoggedAuction record;
  record.set_schema_id(line.schema_id());
  auto& auction = *record.mutable_auction();
  auction.set_auction_id(line.auction_id());
  auction.set_event_time(line.event_time());
  auction.set_currency_code(line.currency_code());
  const auto encode = [&](FeatureField::Side side, const google::protobuf::Struct& named,
                          vickrey::v1::Features* features) {
    EXPECT_TRUE(features::Encode(schema, side, named, "", features->mutable_encoded()).ok());
  };
  encode(FeatureField::CONTEXT, line.context(), auction.mutable_context());
  for (const auto& from : line.candidates()) {
    auto& candidate = *auction.add_candidates();
    candidate.set_ad_id(from.ad_id());
    candidate.mutable_bid()->set_micros(from.bid_micros());
    encode(FeatureField::AD, from.features(), candidate.mutable_features());
    auto& logged = *record.add_candidates();
    logged.set_click(from.click() == 1);
    logged.set_ctr(from.ctr());
  }
  return record;
}

TEST(Records, AreTheLinesEncoded) {
  for (const ScenarioInfo& info : ListScenarios()) {
    for (const bool extra : {false, true}) {
      vickrey::config::v1::MarketConfig config;
      config.set_scenario(std::string(info.name));
      config.set_candidates(3);
      config.set_max_candidates(9);
      if (extra) {
        config.mutable_extra()->set_dense(2);
        config.mutable_extra()->set_categorical(3);
      }
      const auto market = Market::Create(config, 7).value();
      const auto schema = features::Schema::Create(market->schema()).value();
      Records records(market.get());
      LoggedAuction record;  // used again for each: what one leaves must not show in the next
      for (int64_t index = 0; index < 40; ++index) {
        records.Write(index, &record);
        EXPECT_EQ(record.SerializeAsString(), EncodedLine(*market, *schema, index).SerializeAsString())
            << info.name << " " << extra << " " << index;
      }
    }
  }
}

}  // namespace
}  // namespace vickrey::market
