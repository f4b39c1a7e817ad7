// What runs apart from the calls, and what it may cost them.
#include "server/background.h"

#include <sched.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/shadow.h"
#include "tests/e2e/test_models.h"

namespace vickrey::server {
namespace {

using ::testing::ElementsAre;

TEST(Background, RunsJobsInOrderAndAllBeforeItEnds) {
  std::vector<int> ran;
  {
    absl::Notification go;  // outlives the threads that wait for it
    Background background;
    background.Run([&] { go.WaitForNotification(); });
    for (int i = 0; i < 3; ++i) {
      background.Run([&, i] { background.Do([&, i] { ran.push_back(i); }); });
    }
    background.Run(
        [&] { background.Run([&] { background.Do([&] { ran.push_back(3); }); }); });  // as a freed model does
    EXPECT_TRUE(ran.empty());                                                         // Run has not waited
    go.Notify();
  }
  EXPECT_THAT(ran, ElementsAre(0, 1, 2, 3));
}

TEST(Background, WhatIsHeavyRunsAtTheLowestPriorityAndTheRestDoesNot) {
  int heavy = -1, rest = -1, elsewhere = -1;
  {
    Background background;
    background.Run([&] {
      rest = sched_getscheduler(0);
      background.Do([&] { heavy = sched_getscheduler(0); });
    });
    background.Do([&] { elsewhere = sched_getscheduler(0); });
  }
  EXPECT_EQ(heavy, SCHED_IDLE);
  EXPECT_EQ(rest, sched_getscheduler(0));
  EXPECT_EQ(elsewhere, sched_getscheduler(0));
}

// Holds every prediction back until it is told to go on.
class Brake final : public ShadowObserver {
 public:
  void OnShadow(const ShadowReport& report) override {
    go.WaitForNotification();
    if (report.shadow.ok()) predicted += static_cast<int>(report.shadow->pctr.size());
  }
  absl::Notification go;
  std::atomic<int> predicted = 0;
};

TEST(Shadow, DropsWhatItCannotKeepUpWithAndNeverWaits) {
  const auto root = tests::FreshFolder("shadow_test");
  tests::WriteLogistic(root, "ctr", "1", -2);
  ShadowModel model = {.model = *model::Model::Load(root / "ctr/1"), .counts = std::make_shared<ShadowCounts>()};
  EXPECT_FALSE(model.counts->any());
  Brake brake;
  constexpr int kMore = 10;
  {
    Shadow shadow(&brake);
    vickrey::v1::Auction auction;
    for (int i = 0; i < Shadow::kMaxAuctions + kMore; ++i) {
      auction.Clear();
      auction.add_candidates();
      shadow.Offer(model, auction, {0.5});
    }
    EXPECT_EQ(auction.candidates_size(), 1);  // what is dropped is not taken
    EXPECT_EQ(model.counts->Read().dropped(), kMore);
    brake.go.Notify();
    while (brake.predicted < Shadow::kMaxAuctions) absl::SleepFor(absl::Milliseconds(1));
    while (model.counts->Read().dropped() == kMore) {  // one that is far too large, as soon as there is room for others
      auction.Clear();
      auction.add_candidates()->set_ad_id(std::string(Shadow::kMaxBytes, 'x'));
      shadow.Offer(model, auction, {0.5});
    }
    shadow.Offer({}, auction, {0.5});  // no shadow
    auto& fields = *auction.mutable_candidates(0)->mutable_features()->mutable_named()->mutable_fields();
    fields["unknown"].set_number_value(1);
    auction.mutable_candidates(0)->clear_ad_id();
    shadow.Offer(model, auction, {0.5});
    while (model.counts->Read().failed() == 0) absl::SleepFor(absl::Milliseconds(1));
  }
  const auto statistics = model.counts->Read();
  EXPECT_EQ(statistics.auctions(), Shadow::kMaxAuctions);
  EXPECT_EQ(statistics.candidates(), Shadow::kMaxAuctions);
  EXPECT_EQ(statistics.dropped(), kMore + 1);
  EXPECT_EQ(statistics.failed(), 1);
  EXPECT_NEAR(statistics.mean_pctr(), 0.11920292, 1e-7);  // sigmoid(-2)
  EXPECT_NEAR(statistics.mean_absolute_difference(), 0.5 - 0.11920292, 1e-7);
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace vickrey::server
