#include "client/load/answer.h"

#include <array>
#include <string>

#include "gtest/gtest.h"
#include "vickrey/v1/auction_service.pb.h"
#include "vickrey/v1/prediction_service.pb.h"

namespace vickrey::client {
namespace {

constexpr std::array<int, 1> kPredict = {vickrey::v1::PredictResponse::kModelVersionFieldNumber};
constexpr std::array<int, 2> kAuction = {vickrey::v1::RunAuctionResponse::kOutcomeFieldNumber,
                                         vickrey::v1::Outcome::kModelVersionFieldNumber};

TEST(Answer, TheVersionIsFound) {
  vickrey::v1::PredictResponse predict;
  predict.set_auction_id("a");
  predict.set_model_name("name");
  predict.set_model_version("17");
  predict.add_pctr(.5);
  EXPECT_EQ(TextIn(predict.SerializeAsString(), kPredict), "17");
  vickrey::v1::RunAuctionResponse auction;
  auto& outcome = *auction.mutable_outcome();
  outcome.set_auction_id(std::string(300, 'a'));
  outcome.add_placements()->set_ad_id("ad");
  outcome.add_ranking(3);
  outcome.add_pctr(.25);
  outcome.set_model_version("v2");
  EXPECT_EQ(TextIn(auction.SerializeAsString(), kAuction), "v2");
}

TEST(Answer, BytesThatAreNoMessageHaveNone) {
  EXPECT_EQ(TextIn("", kPredict), "");
  EXPECT_EQ(TextIn(std::string(50, '\0'), kPredict), "");
  EXPECT_EQ(TextIn("\x1a\x7fxx", kPredict), "");                  // longer than what is there
  EXPECT_EQ(TextIn("\x1a\xff\xff\xff\xff\x0fxx", kPredict), "");  // than an int holds
  vickrey::v1::PredictResponse without;
  without.set_auction_id("a");
  EXPECT_EQ(TextIn(without.SerializeAsString(), kPredict), "");
}

}  // namespace
}  // namespace vickrey::client
