// Streams of appends that end badly: what was acknowledged is in the log all the same, and nothing hangs.
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/server.h"
#include "tests/e2e/callback_queue.h"
#include "tests/e2e/test_models.h"
#include "vickrey/log/reader.h"
#include "vickrey/v1/impression_log_service.grpc.pb.h"

namespace vickrey::server {
namespace {

using vickrey::v1::LoggedAuction;

constexpr int64_t kTime = 1'704'067'200'000'000;

[[maybe_unused]] testing::Environment* const kOneQueue = testing::AddGlobalTestEnvironment(new tests::OneCallbackQueue);

LoggedAuction Record(int i) {
  LoggedAuction record;
  auto& auction = *record.mutable_auction();
  auction.set_auction_id(absl::StrCat("a", i));
  auction.set_event_time(kTime + i);  // in the order of which a scan gives them
  auction.set_currency_code("USD");
  auto& candidate = *auction.add_candidates();
  candidate.set_ad_id("ad");
  candidate.mutable_bid()->set_micros(1'000'000);
  return record;
}

class AppendEdgesTest : public testing::Test {
 protected:
  AppendEdgesTest() : folder_(tests::FreshFolder("append_edges_test")) {
    std::filesystem::create_directories(folder_ / "models");
    ServerOptions options;
    options.artifact_root = folder_ / "models";
    options.log = folder_ / "log";
    options.drain = absl::Milliseconds(500);
    auto server = Server::Start(options);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = vickrey::v1::ImpressionLogService::NewStub(
        grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  }
  ~AppendEdgesTest() override {
    stub_ = nullptr;
    server_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  // Appends a0, a1, ... over one stream until it ends; meanwhile calls `f` with the number acknowledged, each time that
  // grows. How it ended.
  grpc::Status AppendUntilItEnds(grpc::ClientContext* context, const std::function<void(int)>& f) {
    const auto stream = stub_->AppendAuctions(context);
    std::thread writer([&] {
      vickrey::v1::AppendAuctionsRequest request;
      for (int i = 0;; ++i) {
        *request.mutable_record() = Record(i);
        if (!stream->Write(request)) return;
      }
    });
    vickrey::v1::AppendAuctionsResponse response;
    while (stream->Read(&response)) {
      acknowledged_ = static_cast<int>(response.acknowledged());
      f(acknowledged_);
    }
    writer.join();
    return stream->Finish();
  }

  // How many auctions there are, which must be the first ones of the stream.
  int CountOf(const std::string& snapshot_id) const {
    const auto reader = log::LogReader::Open(folder_ / "log", snapshot_id);
    EXPECT_TRUE(reader.ok()) << reader.status();
    const auto scan = (*reader)->NewScan({}).value();
    LoggedAuction record;
    int count = 0;
    for (; scan->Next(&record).value(); ++count) {
      if (record.auction().auction_id() != absl::StrCat("a", count)) {
        ADD_FAILURE() << record.auction().auction_id() << " without a" << count;
        break;
      }
    }
    return count;
  }
  void ExpectWhatWasAcknowledged() {
    server_ = nullptr;  // the log is read as the next process finds it
    EXPECT_GT(acknowledged_, 0);
    EXPECT_GE(CountOf(""), acknowledged_);
  }

  const std::filesystem::path folder_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<vickrey::v1::ImpressionLogService::Stub> stub_;
  std::atomic<int> acknowledged_ = 0;
};

TEST_F(AppendEdgesTest, ADeadlineInTheMiddle) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(1));
  const grpc::Status status = AppendUntilItEnds(&context, [](int) {});
  EXPECT_EQ(status.error_code(), grpc::DEADLINE_EXCEEDED) << status.error_message();
  ExpectWhatWasAcknowledged();
}

TEST_F(AppendEdgesTest, ACallerThatGoes) {
  grpc::ClientContext context;
  const grpc::Status status = AppendUntilItEnds(&context, [&](int acknowledged) {
    if (acknowledged > 500) context.TryCancel();
  });
  EXPECT_EQ(status.error_code(), grpc::CANCELLED) << status.error_message();
  ExpectWhatWasAcknowledged();
}

TEST_F(AppendEdgesTest, ADrain) {
  grpc::ClientContext context;
  std::thread drain;
  absl::Duration took;
  const grpc::Status status = AppendUntilItEnds(&context, [&](int) {
    if (drain.joinable()) return;
    drain = std::thread([&] {
      const absl::Time begin = absl::Now();
      server_->Drain();
      took = absl::Now() - begin;
    });
  });
  EXPECT_FALSE(status.ok());  // the caller learns that the rest is not stored
  ASSERT_TRUE(drain.joinable());
  drain.join();
  EXPECT_LT(took, absl::Seconds(10));
  ExpectWhatWasAcknowledged();
}

TEST_F(AppendEdgesTest, SnapshotsMeanwhileHoldWhatWasAcknowledgedBefore) {
  grpc::ClientContext context;
  std::thread caller([&] { AppendUntilItEnds(&context, [](int) {}); });
  const client::Client client(server_->address());
  int last = 0;
  for (int i = 0; i < 10; ++i) {
    const int before = acknowledged_;
    const auto snapshot = client.CreateSnapshot();
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    if (!snapshot.ok()) break;
    const int count = CountOf(snapshot->snapshot_id());
    EXPECT_EQ(count, snapshot->auctions());
    EXPECT_GE(count, before);
    EXPECT_GE(count, last);
    last = count;
  }
  context.TryCancel();
  caller.join();
  EXPECT_GT(last, 0);
}

}  // namespace
}  // namespace vickrey::server
