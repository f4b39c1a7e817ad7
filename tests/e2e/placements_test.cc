// Auctions by the rules that a server's operator has set.
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/server.h"
#include "tests/e2e/test_models.h"
#include "tests/e2e/test_server.h"
#include "vickrey/log/reader.h"

namespace vickrey::server {
namespace {

using ::testing::HasSubstr;
using vickrey::v1::RunAuctionRequest;

[[maybe_unused]] testing::Environment* const kOneQueue = testing::AddGlobalTestEnvironment(new tests::OneCallbackQueue);

class PlacementsTest : public testing::Test {
 protected:
  PlacementsTest() : folder_(tests::FreshFolder("placements_test")) {
    tests::WriteLogistic(folder_ / "models", "ctr", "1", -2);
    std::ofstream(folder_ / "placements.yaml") << R"(
placements:
- {name: top, mechanism: gsp, slots: 2, position_multipliers: [1, 0.5], reserve_click_micros: 10}
- {name: side, reserve_mille_micros: 7}
)";
  }
  ~PlacementsTest() override {
    client_ = nullptr;
    server_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  void Start(const std::function<void(ServerOptions&)>& change) {
    ServerOptions options;
    options.artifact_root = folder_ / "models";
    options.models = {"ctr/1"};
    options.placements = folder_ / "placements.yaml";
    change(options);
    auto server = Server::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    client_ = std::make_unique<client::Client>(server_->address());
  }

  static RunAuctionRequest Request(const std::string& id) {
    RunAuctionRequest request;
    request.mutable_model()->set_name("ctr");
    *request.mutable_auction() = tests::MakeAuction(id);
    return request;
  }

  const std::filesystem::path folder_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<client::Client> client_;
};

TEST_F(PlacementsTest, APlacementFixesTheRules) {
  Start([&](ServerOptions& options) { options.log = folder_ / "log"; });
  RunAuctionRequest by_name = Request("a");
  by_name.mutable_rules()->set_placement("top");
  RunAuctionRequest by_rules = Request("a");
  by_rules.mutable_rules()->set_mechanism(vickrey::v1::AuctionRules::GSP);
  by_rules.mutable_rules()->set_slots(2);
  by_rules.mutable_rules()->add_position_multipliers(1);
  by_rules.mutable_rules()->add_position_multipliers(0.5);
  by_rules.mutable_rules()->mutable_reserve()->set_click_micros(10);
  by_name.set_log(true);
  by_rules.set_log(true);
  const auto outcome = client_->RunAuction(by_name);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_EQ(outcome->placements_size(), 2);
  EXPECT_EQ(outcome->placements(1).price_micros(), 10);  // the reserve
  EXPECT_EQ(client_->RunAuction(by_rules)->SerializeAsString(), outcome->SerializeAsString());

  const auto refused = [&](const std::function<void(vickrey::v1::AuctionRules&)>& change) {
    RunAuctionRequest request = by_name;
    change(*request.mutable_rules());
    return std::string(client_->RunAuction(request).status().message());
  };
  EXPECT_THAT(refused([](auto& r) { r.set_slots(1); }), HasSubstr("rules.slots: is given beside a placement"));
  EXPECT_THAT(refused([](auto& r) { r.set_mechanism(vickrey::v1::AuctionRules::GSP); }),
              HasSubstr("rules.mechanism: "));
  EXPECT_THAT(refused([](auto& r) { r.add_position_multipliers(1); }), HasSubstr("rules.position_multipliers: "));
  EXPECT_THAT(refused([](auto& r) { r.mutable_reserve(); }), HasSubstr("rules.reserve: "));
  by_name.mutable_rules()->set_placement("bottom");
  const auto unknown = client_->RunAuction(by_name).status();
  EXPECT_TRUE(absl::IsNotFound(unknown));
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("'bottom' is not known; known: side, top"));

  server_->Drain();
  const auto reader = log::LogReader::Open(folder_ / "log", "");
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto scan = (*reader)->NewScan({});
  vickrey::v1::LoggedAuction record;
  ASSERT_TRUE(*(*scan)->Next(&record));
  EXPECT_EQ(record.reserve().click_micros(), 10);
  EXPECT_FALSE(*(*scan)->Next(&record));
}

TEST_F(PlacementsTest, AServerMayTakePlacementsOnly) {
  Start([](ServerOptions& options) { options.placements_only = true; });
  RunAuctionRequest request = Request("a");
  EXPECT_TRUE(absl::IsPermissionDenied(client_->RunAuction(request).status()));  // no reserve is a rule too
  request.mutable_rules()->set_slots(1);
  EXPECT_TRUE(absl::IsPermissionDenied(client_->RunAuction(request).status()));
  request.mutable_rules()->Clear();
  request.mutable_rules()->set_placement("side");
  EXPECT_TRUE(client_->RunAuction(request).ok());
}

TEST_F(PlacementsTest, StartsWithGoodPlacementsOnly) {
  const auto why = [&](const char* yaml, bool only = false) {
    ServerOptions options;
    options.artifact_root = folder_ / "models";
    if (*yaml != '\0') options.placements = folder_ / "bad.yaml";
    options.placements_only = only;
    std::ofstream(folder_ / "bad.yaml") << yaml;
    return std::string(Server::Start(options).status().message());
  };
  EXPECT_THAT(why("placements: [{name: a, slot: 2}]"), HasSubstr("placements[0].slot: unknown key"));
  EXPECT_THAT(why("placements: []"), HasSubstr("placements"));
  EXPECT_THAT(why("placements: [{name: a b}]"), HasSubstr("placements[0].name: "));
  EXPECT_THAT(why("placements: [{name: a, mechanism: dutch}]"), HasSubstr("placements[0].mechanism: "));
  EXPECT_THAT(why("placements: [{name: a, slots: 2}]"), HasSubstr("placements[0].slots: "));  // of a second price
  EXPECT_THAT(why("placements: [{name: a, mechanism: gsp, slots: 2, position_multipliers: [1, 2]}]"),
              HasSubstr("placements[0].position_multipliers"));
  EXPECT_THAT(why("placements: [{name: a, reserve_click_micros: 1, reserve_mille_micros: 1}]"), HasSubstr("reserve"));
  EXPECT_THAT(why("placements: [{name: a}, {name: a}]"), HasSubstr("placements[1].name: 'a' is there twice"));
  EXPECT_THAT(why("", true), HasSubstr("--placements-only: needs --placements"));
}

}  // namespace
}  // namespace vickrey::server
