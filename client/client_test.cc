#include "client/client.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/v1/auction_service.grpc.pb.h"
#include "vickrey/v1/impression_log_service.grpc.pb.h"

namespace vickrey::client {
namespace {

using ::testing::HasSubstr;

// Cancels its first calls, as a server of gRPC does that ends.
class Ending {
 public:
  explicit Ending(int cancelled) : left_(cancelled) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&auctions_);
    builder.RegisterService(&log_);
    server_ = builder.BuildAndStart();
  }
  ~Ending() { server_->Shutdown(); }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  int calls() const { return calls_; }

 private:
  grpc::Status Answer() {
    ++calls_;
    return left_-- > 0 ? grpc::Status(grpc::StatusCode::CANCELLED, "CANCELLED") : grpc::Status::OK;
  }
  struct Auctions final : vickrey::v1::AuctionService::Service {
    explicit Auctions(Ending* own) : owner(own) {}
    grpc::Status RunAuction(grpc::ServerContext*, const vickrey::v1::RunAuctionRequest*,
                            vickrey::v1::RunAuctionResponse*) override {
      return owner->Answer();
    }
    Ending* const owner;
  };
  struct Log final : vickrey::v1::ImpressionLogService::Service {
    explicit Log(Ending* own) : owner(own) {}
    grpc::Status CreateSnapshot(grpc::ServerContext*, const vickrey::v1::CreateSnapshotRequest*,
                                vickrey::v1::CreateSnapshotResponse*) override {
      return owner->Answer();
    }
    Ending* const owner;
  };

  std::atomic<int> left_, calls_ = 0;
  Auctions auctions_{this};
  Log log_{this};
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST(Client, TriesAnAuctionAgainThatTheServersEndCancelled) {
  const Ending server(2);
  EXPECT_TRUE(Client(server.address()).RunAuction(vickrey::v1::RunAuctionRequest()).ok());
  EXPECT_EQ(server.calls(), 3);
}

TEST(Client, WhatTheServerCancelsEachTimeIsUnavailable) {
  const Ending server(100);
  const absl::Status status = Client(server.address()).RunAuction(vickrey::v1::RunAuctionRequest()).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("the server at ", server.address())));
  EXPECT_EQ(server.calls(), 4);
}

TEST(Client, WhatMayHaveBeenDoneIsNotDoneTwice) {
  const Ending server(1);
  EXPECT_TRUE(absl::IsUnavailable(Client(server.address()).CreateSnapshot().status()));
  EXPECT_EQ(server.calls(), 1);
}

}  // namespace
}  // namespace vickrey::client
