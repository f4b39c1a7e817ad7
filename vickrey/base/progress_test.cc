#include "vickrey/base/progress.h"

#include <unistd.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vickrey::base {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

absl::Time now;
absl::Time Now() { return now; }

// What a Progress writes to a pipe.
template <typename F>
std::string Written(std::optional<int64_t> total, bool terminal, F use) {
  now = absl::FromUnixSeconds(1'700'000'000);
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  {
    Progress progress("import", "auctions", total, {.fd = ends[1], .now = &Now, .terminal = terminal});
    use(progress);
  }
  close(ends[1]);
  std::string text(1 << 16, '\0');
  const ssize_t got = read(ends[0], text.data(), text.size());
  close(ends[0]);
  text.resize(got > 0 ? got : 0);
  return text;
}

TEST(Progress, IsJsonLinesWhenPiped) {
  const std::string text = Written(1000, false, [](Progress& progress) {
    progress.Update(1);  // too early to report
    now += absl::Seconds(4);
    progress.Update(400);
    progress.Update(401);  // too soon after the last
    now += absl::Seconds(1);
    progress.Update(1000);
    progress.Finish();
  });
  EXPECT_EQ(
      text,
      R"({"progress":{"task":"import","done":"400","total":"1000","rate":100,"seconds_left":6,"finished":false,"values":{}}})"
      "\n"
      R"({"progress":{"task":"import","done":"1000","total":"1000","rate":200,"seconds_left":0,"finished":true,"values":{}}})"
      "\n");
}

TEST(Progress, UnknownTotalsAreNull) {
  const std::string text = Written(std::nullopt, false, [](Progress& progress) {
    now += absl::Seconds(2);
    progress.Update(10);
    progress.Finish();
    progress.Finish();
    progress.Update(20);
  });
  EXPECT_THAT(text, HasSubstr(R"("total":null,"rate":5,"seconds_left":null)"));
  EXPECT_THAT(text, EndsWith("\"finished\":true,\"values\":{}}}\n"));
}

TEST(Progress, OfWorkThatFailedDoesNotSayFinished) {
  const std::string text = Written(1000, false, [](Progress& progress) { progress.Update(10); });
  EXPECT_THAT(text, HasSubstr("\"done\":\"10\""));
  EXPECT_THAT(text, EndsWith("\"finished\":false,\"values\":{}}}\n"));
}

TEST(Progress, IsABarOnATerminal) {
  const std::string text = Written(2'000'000, true, [](Progress& progress) {
    now += absl::Seconds(10);
    progress.Update(500'000);
  });
  EXPECT_THAT(text, HasSubstr("import [=======                       ]  25 %  500k auctions  50k/s  30s left"));
  EXPECT_THAT(text, EndsWith("\n"));
}

TEST(Progress, ShowsWhatElseIsKnownAndRatesWithoutWhatWasSkipped) {
  const auto use = [](Progress& progress) {
    progress.Skip(600);
    progress.Show("objective", .25);
    now += absl::Seconds(10);
    progress.Update(800);
  };
  EXPECT_THAT(Written(1000, true, use), HasSubstr(" 80 %  800 auctions  20/s  10s left  objective 0.25"));
  EXPECT_THAT(Written(1000, false, use),
              HasSubstr(R"("rate":20,"seconds_left":10,"finished":false,"values":{"objective":0.25})"));
}

TEST(Progress, SurvivesNoTimePassingMoreThanTheTotalAndAClosedOutput) {
  EXPECT_THAT(Written(0, true, [](Progress& progress) { progress.Update(3); }), HasSubstr("3 auctions"));
  EXPECT_THAT(Written(2, true, [](Progress& progress) { progress.Update(3); }), HasSubstr("100 %"));
  Progress("x", "y", 1, {.fd = -1, .terminal = true}).Update(1);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);  // nobody reads
  Progress("x", "y", 1, {.fd = ends[1], .terminal = false}).Finish();
  close(ends[1]);
}

}  // namespace
}  // namespace vickrey::base
