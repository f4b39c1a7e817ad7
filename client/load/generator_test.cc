#include "client/load/generator.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/v1/prediction_service.grpc.pb.h"

namespace vickrey::client {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using vickrey::v1::PredictionService;

// Answers with the version "v" and counts what it was asked; every `fail_each`th call fails.
class FakeServer final : public PredictionService::CallbackService {
 public:
  explicit FakeServer(int fail_each = 0) : fail_each_(fail_each) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }

  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context, const vickrey::v1::PredictRequest* request,
                                    vickrey::v1::PredictResponse* response) override {
    auto* reactor = context->DefaultReactor();
    absl::MutexLock lock(&mu_);
    ids_.insert(request->auction().auction_id());
    peers_.insert(context->peer());
    response->set_model_version("v");
    const bool fails = fail_each_ > 0 && ++calls_ % fail_each_ == 0;
    reactor->Finish(fails ? grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "") : grpc::Status::OK);
    return reactor;
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  std::multiset<std::string> ids() {
    absl::MutexLock lock(&mu_);
    return ids_;
  }
  size_t connections() {
    absl::MutexLock lock(&mu_);
    return peers_.size();
  }

 private:
  const int fail_each_;
  int port_ = 0;
  absl::Mutex mu_;
  int calls_ = 0;
  std::multiset<std::string> ids_;
  std::set<std::string> peers_;
  std::unique_ptr<grpc::Server> server_;  // ends first
};

LoadOptions OptionsFor(const FakeServer& server) {
  LoadOptions options;
  options.address = server.address();
  options.method = "/vickrey.v1.PredictionService/Predict";
  options.version_path = {vickrey::v1::PredictResponse::kModelVersionFieldNumber};
  return options;
}

// Of an auction of this id.
PreparedRequest Request(const std::string& id) {
  vickrey::v1::PredictRequest request;
  request.mutable_auction()->set_auction_id(id);
  request.mutable_auction()->add_candidates()->set_ad_id("ad");
  return {.bytes = request.SerializeAsString()};
}

TEST(Generator, ClosedLoopSendsEachRequestInTurn) {
  FakeServer server;
  LoadOptions options = OptionsFor(server);
  options.concurrency = 5;
  options.connections = 3;
  options.calls = 99;
  const auto result = GenerateLoad(options, {Request("a"), Request("b")});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sent, 99);
  EXPECT_EQ(result->ok, 99);
  EXPECT_EQ(result->uncounted, 1);
  EXPECT_EQ(result->latency.count(), 99);
  EXPECT_THAT(result->versions, ElementsAre(Pair("v", 99)));
  EXPECT_EQ(result->request_bytes, 99.0 * static_cast<double>(Request("a").bytes.size()));
  EXPECT_EQ(result->answer_bytes, 99.0 * 3);
  EXPECT_EQ(server.ids().count("a"), 50u);
  EXPECT_EQ(server.ids().count("b"), 50u);
  EXPECT_EQ(server.connections(), 3u);
}

TEST(Generator, OpenLoopSendsEveryCallUnderAnIdOfItsOwn) {
  FakeServer server;
  LoadOptions options = OptionsFor(server);
  options.rate = 5000;
  options.warm_up = absl::Milliseconds(100);  // 250 calls
  options.calls = 500;
  PreparedRequest request = Request("run-000000000000-");
  request.id_at = request.bytes.find("000000000000");
  const auto result = GenerateLoad(options, {request, request, request});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sent, 500);
  EXPECT_EQ(result->ok, 500);
  EXPECT_NEAR(static_cast<double>(result->uncounted), 251, 1);
  const auto ids = server.ids();
  EXPECT_EQ(ids.size(), static_cast<size_t>(result->sent + result->uncounted));
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), ids.size());
  EXPECT_EQ(*ids.begin(), "run-000000000000-");
  EXPECT_EQ(*std::next(ids.begin()), "run-000000000001-");
}

TEST(Generator, ErrorsAreCountedByCode) {
  FakeServer server(/*fail_each=*/4);
  LoadOptions options = OptionsFor(server);
  options.calls = 103;  // with the first call 104
  const auto result = GenerateLoad(options, {Request("a")});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sent, 103);
  EXPECT_EQ(result->ok, 77);
  EXPECT_EQ(result->latency.count(), 77);
  EXPECT_THAT(result->errors, ElementsAre(Pair(absl::StatusCode::kResourceExhausted, 26)));
}

TEST(Generator, TheFirstCallsErrorIsItsOwn) {
  FakeServer server(/*fail_each=*/1);
  LoadOptions options = OptionsFor(server);
  options.calls = 1;
  EXPECT_EQ(GenerateLoad(options, {Request("a")}).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(Generator, StopsWhenToldTo) {
  FakeServer server;
  for (const bool open : {false, true}) {
    LoadOptions options = OptionsFor(server);
    if (open) options.rate = 1000;
    std::atomic<int64_t> done = 0;
    options.progress = [&](int64_t calls) { done = calls; };
    options.stop = [&] { return done >= 10; };
    const auto result = GenerateLoad(options, {Request("a")});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(result->interrupted);
    EXPECT_GE(result->sent, 10);
    EXPECT_EQ(result->sent, result->ok);
  }
}

}  // namespace
}  // namespace vickrey::client
