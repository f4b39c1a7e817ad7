#include "vickrey/series/windows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "vickrey/base/status.h"

namespace vickrey::series {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr WindowPlan kPlan{.in_sample = 4, .validation = 2, .out_of_sample = 3};

TEST(WindowsTest, RollingWindowsMoveByTheOutOfSampleLength) {
  // 13 periods: 0..3 4..5 6..8, 3..6 7..8 9..11, 6..9 10..11 12.
  EXPECT_THAT(*WindowsOf(kPlan, 13), ElementsAre(Window{0, {0, 4}, {4, 6}, {6, 9}}, Window{1, {3, 7}, {7, 9}, {9, 12}},
                                                 Window{2, {6, 10}, {10, 12}, {12, 13}}));
}

TEST(WindowsTest, AnchoredWindowsGrow) {
  WindowPlan plan = kPlan;
  plan.begin = WindowPlan::Begin::kAnchored;
  EXPECT_THAT(*WindowsOf(plan, 12), ElementsAre(Window{0, {0, 4}, {4, 6}, {6, 9}}, Window{1, {0, 7}, {7, 9}, {9, 12}}));
}

TEST(WindowsTest, TheLastCanBeDropped) {
  WindowPlan plan = kPlan;
  plan.last = WindowPlan::Last::kDropped;
  for (const int64_t periods : {12, 13, 14}) EXPECT_EQ(WindowsOf(plan, periods)->size(), 2u) << periods;
  EXPECT_EQ(WindowsOf(plan, 15)->size(), 3u);
  EXPECT_FALSE(WindowsOf(plan, 8).ok());
  EXPECT_TRUE(WindowsOf(plan, 9).ok());
}

TEST(WindowsTest, AStepMayLeaveGaps) {
  WindowPlan plan = kPlan;
  plan.step = 5;
  EXPECT_THAT(*WindowsOf(plan, 14),
              ElementsAre(Window{0, {0, 4}, {4, 6}, {6, 9}}, Window{1, {5, 9}, {9, 11}, {11, 14}}));
}

TEST(WindowsTest, EveryPeriodBehindTheFirstValidationIsJudgedOnce) {
  for (const auto begin : {WindowPlan::Begin::kRolling, WindowPlan::Begin::kAnchored}) {
    for (int64_t periods = 7; periods < 60; ++periods) {
      WindowPlan plan = kPlan;
      plan.begin = begin;
      const auto windows = WindowsOf(plan, periods);
      ASSERT_TRUE(windows.ok());
      int64_t next = 6;
      for (const Window& w : *windows) {
        EXPECT_EQ(w.in_sample.end, w.validation.begin);
        EXPECT_EQ(w.validation.end, w.out_of_sample.begin);
        EXPECT_EQ(w.validation.size(), 2);
        EXPECT_EQ(w.out_of_sample.begin, next);
        next = w.out_of_sample.end;
      }
      EXPECT_EQ(next, periods);
    }
  }
}

TEST(WindowsTest, RefusesNamingTheField) {
  const auto field_of = [](WindowPlan plan, int64_t periods) {
    return base::FieldOf(WindowsOf(plan, periods).status()).value_or("none");
  };
  EXPECT_EQ(field_of({0, 2, 3}, 100), "in_sample");
  EXPECT_EQ(field_of({4, 0, 3}, 100), "validation");
  EXPECT_EQ(field_of({4, 2, -1}, 100), "out_of_sample");
  EXPECT_EQ(field_of({kMaxPeriods + 1, 2, 3}, 100), "in_sample");
  EXPECT_EQ(field_of({4, 2, 3, 2}, 100), "step");
  EXPECT_EQ(field_of({4, 2, 3, -3}, 100), "step");
  EXPECT_EQ(field_of({4, 2, 3}, 6), "in_sample");
  EXPECT_EQ(field_of({4, 2, 3}, 7), "none");
  EXPECT_THAT(std::string(WindowsOf(kPlan, 6).status().message()), HasSubstr("the series has 6 periods"));
}

}  // namespace
}  // namespace vickrey::series
