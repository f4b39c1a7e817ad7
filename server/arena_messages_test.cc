#include "server/arena_messages.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "vickrey/v1/prediction_service.pb.h"

namespace vickrey::server {
namespace {

using Messages = ArenaMessages<vickrey::v1::PredictRequest, vickrey::v1::PredictResponse>;

TEST(ArenaMessages, TheNextCallHasTheMemoryButNotTheContents) {
  Messages messages;
  auto* first = messages.AllocateMessages();
  first->request()->mutable_auction()->set_auction_id("a");
  first->response()->add_pctr(.5);
  EXPECT_EQ(messages.free_bytes(), 0);
  first->Release();
  EXPECT_EQ(messages.free_bytes(), Messages::kFirstBytes);

  auto* second = messages.AllocateMessages();
  EXPECT_EQ(second, first);
  EXPECT_EQ(second->request()->auction().auction_id(), "");
  EXPECT_EQ(second->response()->pctr_size(), 0);
  EXPECT_EQ(messages.free_bytes(), 0);
  second->Release();
}

TEST(ArenaMessages, GrowToWhatCallsNeedUpToABound) {
  Messages messages;
  const auto call = [&](int candidates) {
    auto* message = messages.AllocateMessages();
    for (int i = 0; i < candidates; ++i) message->request()->mutable_auction()->add_candidates();
    message->Release();
  };
  call(1000);
  const size_t grown = messages.free_bytes();
  EXPECT_GT(grown, Messages::kFirstBytes);
  call(1000);
  EXPECT_EQ(messages.free_bytes(), grown);
  call(100'000);
  EXPECT_EQ(messages.free_bytes(), Messages::kMostBytes);
  call(100'000);
  EXPECT_EQ(messages.free_bytes(), Messages::kMostBytes);
}

TEST(ArenaMessages, WhatWaitsIsBounded) {
  Messages messages;
  std::vector<grpc::MessageHolder<vickrey::v1::PredictRequest, vickrey::v1::PredictResponse>*> all(1000);
  for (auto& one : all) one = messages.AllocateMessages();
  for (auto* one : all) one->Release();
  EXPECT_EQ(messages.free_bytes(), Messages::kFreeBytes);
}

}  // namespace
}  // namespace vickrey::server
