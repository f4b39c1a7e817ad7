#ifndef TESTS_E2E_CALLBACK_QUEUE_H_
#define TESTS_E2E_CALLBACK_QUEUE_H_

#include "absl/synchronization/notification.h"
#include "client/client.h"
#include "gtest/gtest.h"

namespace vickrey::tests {

// gRPC 1.51 destroys its queue for callbacks with the last channel and server that use it, and makes a new one with the
// next; once in a while it frees it twice. A client that stays keeps one queue for all tests, as a process in use has.
class OneCallbackQueue : public testing::Environment {
 public:
  void SetUp() override {
    static auto* const client = new client::Client("127.0.0.1:1");
    absl::Notification failed;
    client->RunAuction(vickrey::v1::RunAuctionRequest(), [&](const auto&) { failed.Notify(); });
    failed.WaitForNotification();
  }
};

}  // namespace vickrey::tests

#endif  // TESTS_E2E_CALLBACK_QUEUE_H_
