// The server and the client library, over loopback.
#include "server/server.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/callback_queue.h"
#include "tests/e2e/test_models.h"
#include "vickrey/base/status.h"
#include "vickrey/log/reader.h"
#include "vickrey/log/record.h"
#include "vickrey/model/model.h"
#include "vickrey/v1/impression_log_service.grpc.pb.h"

namespace vickrey::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using vickrey::v1::Auction;
using vickrey::v1::RunAuctionRequest;

constexpr int64_t kTime = 1'704'067'200'000'000;

// Two candidates with x = 0 and 1.
Auction MakeAuction(const std::string& id) {
  Auction auction;
  auction.set_auction_id(id);
  auction.set_event_time(kTime);
  auction.set_currency_code("USD");
  for (const double x : {0.0, 1.0}) {
    auto& candidate = *auction.add_candidates();
    candidate.set_ad_id(absl::StrCat("ad", x));
    candidate.mutable_bid()->set_micros(1'000'000);
    (*candidate.mutable_features()->mutable_named()->mutable_fields())["x"].set_number_value(x);
  }
  return auction;
}

[[maybe_unused]] testing::Environment* const kOneQueue = testing::AddGlobalTestEnvironment(new tests::OneCallbackQueue);

class ServerTest : public testing::Test {
 protected:
  ServerTest() : folder_(tests::FreshFolder("server_test")) {
    tests::WriteLogistic(folder_ / "models", "ctr", "1", -2);
    tests::WriteLogistic(folder_ / "models", "ctr", "2", -3);
    server_ = Start();
    client_ = std::make_unique<client::Client>(server_->address());
  }
  ~ServerTest() override {
    client_ = nullptr;
    server_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  ServerOptions Options() const {
    ServerOptions options;
    options.artifact_root = folder_ / "models";
    options.log = folder_ / "log";
    options.models = {"ctr/1"};
    return options;
  }
  std::unique_ptr<Server> Start() const {
    auto server = Server::Start(Options());
    EXPECT_TRUE(server.ok()) << server.status();
    return *std::move(server);
  }

  static RunAuctionRequest Request(const std::string& id, bool log) {
    RunAuctionRequest request;
    request.mutable_model()->set_name("ctr");
    *request.mutable_auction() = MakeAuction(id);
    request.set_log(log);
    return request;
  }

  const std::filesystem::path folder_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<client::Client> client_;
};

TEST_F(ServerTest, PredictsTheBitsOfTheArtifact) {
  vickrey::v1::PredictRequest request;
  request.mutable_model()->set_name("ctr");
  *request.mutable_auction() = MakeAuction("a");
  request.mutable_auction()->mutable_candidates(0)->clear_bid();  // not read
  const auto response = client_->Predict(request);
  ASSERT_TRUE(response.ok()) << response.status();
  const auto expected = (*model::Model::Load(folder_ / "models/ctr/1"))->Predict(request.auction(), "");
  EXPECT_EQ((std::vector<double>{response->pctr(0), response->pctr(1)}), expected->pctr);
  EXPECT_DOUBLE_EQ(response->logits(1), -1);
  EXPECT_EQ(response->model_version(), "1");
  EXPECT_EQ(response->ad_ids(1), "ad1");
}

TEST_F(ServerTest, RunsAnAuction) {
  const auto outcome = client_->RunAuction(Request("a", false));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_EQ(outcome->placements_size(), 1);
  EXPECT_EQ(outcome->placements(0).ad_id(), "ad1");
  // The price that keeps sigmoid(-1) x price above sigmoid(-2) x 1,000,000, ties going to index 0.
  EXPECT_EQ(outcome->placements(0).price_micros(), 443'231);
  EXPECT_TRUE(outcome->impression_tokens().empty());
}

TEST_F(ServerTest, LogsWhatItDecidedAndTakesTheClick) {
  const auto outcome = client_->RunAuction(Request("a", true));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_EQ(outcome->impression_tokens_size(), 1);
  const auto again = client_->RunAuction(Request("a", true));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->impression_tokens(0), outcome->impression_tokens(0));
  RunAuctionRequest other = Request("a", true);
  other.mutable_auction()->mutable_candidates(0)->mutable_bid()->set_micros(5);
  EXPECT_TRUE(absl::IsAlreadyExists(client_->RunAuction(other).status()));

  vickrey::v1::Feedback click;
  click.set_feedback_id("f1");
  click.set_impression_token(outcome->impression_tokens(0));
  click.set_kind(vickrey::v1::Feedback::CLICK);
  click.set_event_time(kTime + 1);
  std::vector<vickrey::v1::AppendFeedbackResult> results;
  const absl::Status appended = client_->AppendFeedback({click, click}, &results);
  ASSERT_TRUE(appended.ok()) << appended;
  EXPECT_EQ(results[0].status(), vickrey::v1::AppendFeedbackResult::STORED);
  EXPECT_EQ(results[1].status(), vickrey::v1::AppendFeedbackResult::DUPLICATE);

  server_->Drain();
  const auto reader = log::LogReader::Open(folder_ / "log", "");
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto scan = (*reader)->NewScan({});
  vickrey::v1::LoggedAuction record;
  ASSERT_TRUE(*(*scan)->Next(&record));
  EXPECT_EQ(record.model(), "ctr@1");
  EXPECT_FALSE(record.schema_id().empty());
  EXPECT_EQ(record.candidates(0).slot(), 0);
  EXPECT_EQ(record.candidates(1).slot(), 1);
  EXPECT_EQ(record.candidates(1).examination(), 1);
  EXPECT_EQ(record.candidates(1).price_micros(), 443'231);
  EXPECT_TRUE(record.candidates(1).click());
  EXPECT_EQ(record.candidates(0).pctr(), outcome->pctr(0));
  EXPECT_FALSE(*(*scan)->Next(&record));
}

TEST_F(ServerTest, SellsAndLogsSeveralSlots) {
  RunAuctionRequest request = Request("several", true);
  auto& rules = *request.mutable_rules();
  rules.set_mechanism(vickrey::v1::AuctionRules::VCG);
  rules.set_slots(2);
  rules.add_position_multipliers(1);
  rules.add_position_multipliers(0.25);
  const auto outcome = client_->RunAuction(request);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_EQ(outcome->placements_size(), 2);
  ASSERT_EQ(outcome->impression_tokens_size(), 2);
  EXPECT_EQ(outcome->placements(0).ad_id(), "ad1");
  // Ad 0 is worth sigmoid(-2) x 1,000,000 an impression, and gets a quarter of them anyway: ad 1 takes three quarters
  // of that from it, .75 x 119,203 / sigmoid(-1) = 332,422.5 a click. Nobody is behind ad 0.
  EXPECT_EQ(outcome->placements(0).price_micros(), 332'423);
  EXPECT_EQ(outcome->placements(1).price_micros(), 0);

  server_->Drain();
  const auto reader = log::LogReader::Open(folder_ / "log", "");
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto scan = (*reader)->NewScan({});
  vickrey::v1::LoggedAuction record;
  ASSERT_TRUE(*(*scan)->Next(&record));
  EXPECT_EQ(record.candidates(1).slot(), 1);
  EXPECT_EQ(record.candidates(1).examination(), 1);
  EXPECT_EQ(record.candidates(0).slot(), 2);
  EXPECT_EQ(record.candidates(0).examination(), 0.25);
  EXPECT_EQ(record.candidates(0).price_micros(), 0);
}

TEST_F(ServerTest, AppendsAStreamInOrderAndStopsAtABadRecord) {
  std::vector<vickrey::v1::LoggedAuction> records(1000);
  for (size_t i = 0; i < records.size(); ++i) *records[i].mutable_auction() = MakeAuction(absl::StrCat("r", i));
  std::vector<vickrey::v1::AppendAuctionResult> results;
  ASSERT_TRUE(client_->AppendAuctions(records, &results).ok());
  ASSERT_EQ(results.size(), records.size());
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].auction_id(), absl::StrCat("r", i));
    EXPECT_EQ(results[i].status(), vickrey::v1::AppendAuctionResult::STORED);
    EXPECT_EQ(results[i].sequence(), i + 1);
  }
  results.clear();
  for (size_t i = 0; i < records.size(); ++i) records[i].mutable_auction()->set_auction_id(absl::StrCat("s", i));
  records[700].mutable_auction()->mutable_candidates(1)->mutable_bid()->set_micros(0);
  const absl::Status status = client_->AppendAuctions(records, &results);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("record 700 of the stream"));
  EXPECT_THAT(status.message(), HasSubstr("bid_micros"));
  EXPECT_EQ(results.size(), 700u);  // those before it are stored and answered for
  results.clear();
  records.resize(1);
  records[0].mutable_auction()->set_auction_id("other-currency");
  records[0].mutable_auction()->set_currency_code("EUR");
  EXPECT_THAT(client_->AppendAuctions(records, &results).message(), HasSubstr("currency_code"));
}

TEST_F(ServerTest, AStreamThatReadsLateGetsEveryAnswer) {
  const auto stub = vickrey::v1::ImpressionLogService::NewStub(
      grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const auto stream = stub->AppendAuctions(&context);
  constexpr int kRecords = 3000;
  std::thread writer([&] {
    for (int i = 0; i < kRecords; ++i) {
      vickrey::v1::AppendAuctionsRequest request;
      *request.mutable_record()->mutable_auction() = MakeAuction(absl::StrCat("late", i));
      if (!stream->Write(request)) break;
    }
    stream->WritesDone();
  });
  absl::SleepFor(absl::Milliseconds(500));  // meanwhile the server must stop reading
  vickrey::v1::AppendAuctionsResponse response;
  int answers = 0;
  while (stream->Read(&response)) {
    EXPECT_LE(response.results_size(), 256);
    answers += response.results_size();
    EXPECT_EQ(response.acknowledged(), static_cast<uint64_t>(answers));
  }
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(answers, kRecords);
}

TEST_F(ServerTest, StreamsThatAreCutOffDoNoHarm) {
  const auto stub = vickrey::v1::ImpressionLogService::NewStub(
      grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  for (int round = 0; round < 200; ++round) {
    grpc::ClientContext context;
    const auto stream = stub->AppendAuctions(&context);
    for (int i = 0; i <= round % 7; ++i) {
      vickrey::v1::AppendAuctionsRequest request;
      *request.mutable_record()->mutable_auction() = MakeAuction(absl::StrCat("cut", round, "-", i));
      stream->Write(request);
    }
    if (round % 2 == 0) absl::SleepFor(absl::Microseconds(100 * (round % 11)));
    context.TryCancel();
    stream->Finish();
  }
  EXPECT_TRUE(client_->RunAuction(Request("after", true)).ok());
}

TEST_F(ServerTest, NamesTheFieldOfEveryBadRequest) {
  const auto message = [&](auto change) {
    RunAuctionRequest request = Request("a", true);
    change(request);
    const absl::Status status = client_->RunAuction(request).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  };
  using R = RunAuctionRequest;
  EXPECT_THAT(message([](R& r) { r.clear_model(); }), StartsWith("model.name: "));
  EXPECT_THAT(message([](R& r) { r.clear_auction(); }), StartsWith("auction.auction_id: "));
  EXPECT_THAT(message([](R& r) { r.mutable_auction()->set_auction_id("a b"); }),
              StartsWith("auction.auction_id: 'a b'"));
  EXPECT_THAT(message([](R& r) { r.mutable_auction()->clear_candidates(); }), StartsWith("auction.candidates: "));
  EXPECT_THAT(message([](R& r) { r.mutable_auction()->set_currency_code("usd"); }),
              StartsWith("auction.currency_code: "));
  EXPECT_THAT(message([](R& r) { r.mutable_auction()->set_event_time(0); }), HasSubstr("event_time: "));
  EXPECT_THAT(message([](R& r) { r.mutable_auction()->set_event_time(-1); }), StartsWith("auction.event_time: "));
  EXPECT_THAT(message([](R& r) { r.mutable_auction()->mutable_candidates(1)->clear_ad_id(); }),
              StartsWith("auction.candidates[1].ad_id: "));
  EXPECT_THAT(message([](R& r) { r.mutable_auction()->mutable_candidates(1)->mutable_bid()->set_micros(0); }),
              StartsWith("auction.candidates[1].bid.micros: 0 is out of range"));
  EXPECT_THAT(message([](R& r) {
                r.mutable_auction()->mutable_candidates(0)->mutable_bid()->set_unit(vickrey::v1::Bid::CONVERSION);
              }),
              StartsWith("auction.candidates[0].bid.unit: CONVERSION is not accepted"));
  EXPECT_THAT(message([](R& r) {
                auto& fields =
                    *r.mutable_auction()->mutable_candidates(0)->mutable_features()->mutable_named()->mutable_fields();
                fields["y"].set_number_value(1);
              }),
              StartsWith("auction.candidates[0].features.y: unknown field"));
  EXPECT_THAT(message([](R& r) {
                r.mutable_auction()->mutable_candidates(0)->mutable_features()->mutable_encoded()->set_schema_id("0");
              }),
              StartsWith("auction.candidates[0].features.schema_id: "));
  EXPECT_THAT(message([](R& r) { r.mutable_rules()->set_slots(2); }), StartsWith("rules.slots: "));
  EXPECT_THAT(message([](R& r) {
                r.mutable_rules()->set_mechanism(vickrey::v1::AuctionRules::VCG);
                r.mutable_rules()->set_slots(101);
              }),
              StartsWith("rules.slots: 101"));
  EXPECT_THAT(message([](R& r) {
                r.mutable_rules()->set_mechanism(vickrey::v1::AuctionRules::GSP);
                r.mutable_rules()->set_slots(2);
                r.mutable_rules()->add_position_multipliers(1);
                r.mutable_rules()->add_position_multipliers(1.5);
              }),
              StartsWith("rules.position_multipliers[1]: 1.5"));
  EXPECT_THAT(
      message([](R& r) { r.mutable_rules()->set_mechanism(static_cast<vickrey::v1::AuctionRules::Mechanism>(77)); }),
      StartsWith("rules.mechanism: 77"));
  EXPECT_THAT(message([](R& r) { r.mutable_rules()->mutable_reserve()->set_click_micros(-1); }),
              StartsWith("rules.reserve"));
  EXPECT_EQ(base::FieldOf(client_->RunAuction(RunAuctionRequest()).status()), "model.name");
}

TEST_F(ServerTest, SwapsModelsUnderLiveCalls) {
  std::atomic<bool> stop = false;
  std::atomic<int> calls = 0, failed = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < 3; ++t) {
    callers.emplace_back([&] {
      while (!stop) {
        failed += !client_->RunAuction(Request("a", false)).ok();
        ++calls;
      }
    });
  }
  ASSERT_TRUE(client_->RegisterModel("ctr/2").ok());
  vickrey::v1::SetModelLabelRequest label;
  label.set_name("ctr");
  label.set_label("stable");
  for (int i = 0; i < 20; ++i) {
    label.set_version(i % 2 == 0 ? "2" : "1");
    ASSERT_TRUE(client_->SetModelLabel(label).ok());
    EXPECT_EQ(client_->RunAuction(Request("a", false))->model_version(), label.version());
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
  EXPECT_GT(calls, 0);
}

TEST_F(ServerTest, DrainsCallsUnderWayAndSaysSo) {
  EXPECT_TRUE(*client_->IsServing());
  std::atomic<int> answered = 0;
  constexpr int kCalls = 200;
  for (int i = 0; i < kCalls; ++i) {
    client_->RunAuction(Request(absl::StrCat("d", i), true), [&](const auto& outcome) {
      answered += outcome.ok() || absl::IsUnavailable(outcome.status());  // refused is an answer, lost is not
    });
  }
  server_->Drain();
  for (int i = 0; i < 1000 && answered < kCalls; ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_EQ(answered, kCalls);
}

TEST_F(ServerTest, StartsOnlyWhereItMay) {
  const auto why = [&](auto change) {
    ServerOptions options = Options();
    options.log = std::nullopt;
    change(options);
    return std::string(Server::Start(options).status().message());
  };
  EXPECT_THAT(why([](auto& o) { o.address = "0.0.0.0:0"; }), HasSubstr("--insecure"));
  EXPECT_THAT(why([](auto& o) { o.address = "127.0.0.1"; }), HasSubstr("is not HOST:PORT"));
  EXPECT_THAT(why([](auto& o) { o.address = "127.0.0.1:70000"; }), HasSubstr("is not HOST:PORT"));
  EXPECT_THAT(why([&](auto& o) { o.address = server_->address(); }), HasSubstr("cannot listen on"));
  EXPECT_THAT(why([](auto& o) { o.artifact_root = "/nonexistent"; }), StartsWith("--artifact-root: "));
  EXPECT_THAT(why([](auto& o) { o.models = {"ctr/9"}; }), StartsWith("--model: "));
  EXPECT_THAT(why([&](auto& o) { o.log = folder_ / "log"; }), HasSubstr("a log has one writer at a time"));
  ServerOptions anywhere = Options();
  anywhere.log = std::nullopt;
  anywhere.address = "0.0.0.0:0";
  anywhere.insecure = true;
  EXPECT_TRUE(Server::Start(anywhere).ok());
}

TEST_F(ServerTest, WithoutALogItSaysSo) {
  ServerOptions options = Options();
  options.log = std::nullopt;
  const auto server = Server::Start(options);
  ASSERT_TRUE(server.ok()) << server.status();
  const client::Client client((*server)->address());
  EXPECT_TRUE(client.RunAuction(Request("a", false)).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(client.RunAuction(Request("a", true)).status()));
  std::vector<vickrey::v1::AppendAuctionResult> results;
  EXPECT_TRUE(absl::IsFailedPrecondition(client.AppendAuctions({vickrey::v1::LoggedAuction()}, &results)));
}

TEST(Client, SaysWhereThereIsNoServer) {
  const client::Client client("127.0.0.1:1");
  EXPECT_THAT(std::string(client.IsServing().status().message()), StartsWith("no server at 127.0.0.1:1"));
}

TEST(Client, ReadsModelReferences) {
  EXPECT_EQ(client::ParseModelRef("ctr")->name(), "ctr");
  EXPECT_EQ(client::ParseModelRef("ctr@1")->version(), "1");
  EXPECT_EQ(client::ParseModelRef("ctr:canary")->label(), "canary");
  EXPECT_EQ(client::ParseModelRef("a:b@1")->name(), "a:b");
  for (const char* bad : {"", "@", "ctr@", "@1", "ctr:", ":x", "a b", "a/b", "ctr@1@2"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(client::ParseModelRef(bad).status())) << bad;
  }
}

}  // namespace
}  // namespace vickrey::server
