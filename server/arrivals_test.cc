#include "server/arrivals.h"

#include <memory>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace vickrey::server {
namespace {

class ArrivalsTest : public testing::Test {
 protected:
  grpc::CallbackServerContext* Arrive() { return allocator_->NewCallbackServerContext(); }

  Arrivals arrivals_;
  const std::unique_ptr<grpc::ContextAllocator> allocator_ = arrivals_.NewAllocator();
};

TEST_F(ArrivalsTest, CountsThoseThatNobodyHasBegun) {
  const absl::Time before = absl::Now();
  grpc::CallbackServerContext *first = Arrive(), *second = Arrive(), *third = Arrive();
  EXPECT_EQ(arrivals_.Waiting(absl::Now()), 3);

  const absl::Time arrival = Arrivals::Begin(second);
  EXPECT_GE(arrival, before);
  EXPECT_LE(arrival, absl::Now());
  EXPECT_EQ(arrivals_.Waiting(absl::Now()), 2);
  EXPECT_EQ(Arrivals::Begin(second), arrival);  // counted once
  EXPECT_EQ(arrivals_.Waiting(absl::Now()), 2);

  allocator_->Release(first);  // gone before anybody came to it
  EXPECT_EQ(arrivals_.Waiting(absl::Now()), 1);
  allocator_->Release(second);
  allocator_->Release(third);
  EXPECT_EQ(arrivals_.Waiting(absl::Now()), 0);
}

TEST_F(ArrivalsTest, ForgetsThoseThatStay) {
  grpc::CallbackServerContext* const watch = Arrive();
  const absl::Time now = absl::Now();
  EXPECT_EQ(arrivals_.Waiting(now), 1);
  // Nor does it come back when the counters are used for other times.
  for (int k = 1; k <= 64; ++k) EXPECT_EQ(arrivals_.Waiting(now + k * Arrivals::kCounted), 0) << k;
  allocator_->Release(watch);
  EXPECT_EQ(arrivals_.Waiting(now), 0);
}

TEST_F(ArrivalsTest, AContextOfOthersArrivesNow) {
  grpc::CallbackServerContext context;
  const absl::Time before = absl::Now();
  EXPECT_GE(Arrivals::Begin(&context), before);
  EXPECT_EQ(arrivals_.Waiting(absl::Now()), 0);
}

}  // namespace
}  // namespace vickrey::server
