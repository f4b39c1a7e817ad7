#include "tools/promotion.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/status.h"

namespace vickrey::tools {
namespace {

using ::testing::HasSubstr;

TEST(Condition, ReadsWhatIsOne) {
  const auto at_least = Condition::Parse(" welfare>= -0.01 ");
  ASSERT_TRUE(at_least.ok()) << at_least.status();
  EXPECT_EQ(at_least->kind, Condition::Kind::kAtLeast);
  EXPECT_EQ(at_least->metric, "welfare");
  EXPECT_EQ(at_least->lo, -0.01);
  const auto at_most = Condition::Parse("regret <= 5e-2");
  ASSERT_TRUE(at_most.ok()) << at_most.status();
  EXPECT_EQ(at_most->kind, Condition::Kind::kAtMost);
  EXPECT_EQ(at_most->hi, 0.05);
  const auto within = Condition::Parse("calibration in .9..1.1");
  ASSERT_TRUE(within.ok()) << within.status();
  EXPECT_EQ(within->kind, Condition::Kind::kWithin);
  EXPECT_EQ(within->lo, 0.9);
  EXPECT_EQ(within->hi, 1.1);
}

TEST(Condition, RefusesWhatIsNone) {
  for (const char* text :
       {"", "welfare", ">= 0", "welfare > 0", "welfare = 0", "welfare >= much", "welfare >= nan", "welfare >= inf",
        "Welfare >= 0", "welfare >= 0 and more", "calibration in", "calibration in 0.9", "calibration in 1.1..0.9",
        "calibration in0.9..1.1", "calibration in 0.9...1.1", "calibration in 0...5", "welfare >= 0x1",
        "calibration in ..1"}) {
    const auto condition = Condition::Parse(text);
    EXPECT_TRUE(absl::IsInvalidArgument(condition.status())) << text;
    EXPECT_EQ(base::FieldOf(condition.status()), "--if") << text;
  }
}

TEST(Condition, HoldsByTheEndThatItAsksAbout) {
  struct Case {
    const char* condition;
    double lo, hi;
    bool holds;
  };
  for (const Case& c : std::vector<Case>{
           {"w >= -0.01", -0.01, 0.3, true},
           {"w >= -0.01", -0.0101, 0.3, false},
           {"w >= 0", 0.1, 0.1, true},
           {"w <= 0.05", -3, 0.05, true},
           {"w <= 0.05", -3, 0.051, false},
           {"w in 0.9..1.1", 0.9, 1.1, true},
           {"w in 0.9..1.1", 0.89, 1, false},
           {"w in 0.9..1.1", 1, 1.11, false},
       }) {
    EXPECT_EQ(Condition::Parse(c.condition)->Holds(std::pair(c.lo, c.hi)), c.holds) << c.condition << " " << c.lo;
    EXPECT_FALSE(Condition::Parse(c.condition)->Holds(std::nullopt));
  }
}

class EvidenceTest : public testing::Test {
 protected:
  EvidenceTest() : file_(std::filesystem::temp_directory_path() / absl::StrCat("promotion_test.", getpid())) {}
  ~EvidenceTest() override { std::filesystem::remove(file_); }

  absl::StatusOr<Evidence> Read(const std::string& text) {
    std::ofstream(file_) << text;
    return Evidence::Read(file_);
  }
  // What is judged of ctr@2 against ctr@1: "holds" or not, in order; or the error.
  std::string Judged(const std::vector<Evidence>& evidence, const std::vector<std::string>& conditions) {
    std::vector<Condition> parsed;
    for (const std::string& text : conditions) parsed.push_back(*Condition::Parse(text));
    const auto judged = Judge(parsed, evidence, "ctr@2", "ctr@1");
    if (!judged.ok()) return std::string(judged.status().message());
    std::string text;
    for (const auto& line : *judged) text += line.holds() ? 'y' : 'n';
    return text;
  }

  const std::filesystem::path file_;
};

constexpr char kGood[] = R"({"models":[
  {"ref":"ctr@2","calibration":1.02,"calibration_ci95":[0.95,1.09],"auc":0.7,"ece":null},
  {"ref":"ctr@1","calibration":3,"auc":0.6}],
 "comparisons":[
  {"metric":"welfare","a_model":"ctr@2","b_model":"ctr@1","relative_ci95":[0.02,0.08]},
  {"metric":"welfare","a_model":"ctr@1","b_model":"ctr@2","relative_ci95":[-0.5,-0.4]},
  {"metric":"revenue","a_model":"ctr@2","b_model":"ctr@1","relative_ci95":null}]})";

TEST_F(EvidenceTest, IsOfTheCandidateAgainstTheIncumbent) {
  const std::vector<Evidence> good = {*Read(kGood)};
  EXPECT_EQ(Judged(good, {"welfare >= 0"}), "y");
  EXPECT_EQ(Judged(good, {"welfare >= 0.03"}), "n");
  EXPECT_EQ(Judged(good, {"calibration in 0.9..1.1", "calibration in 1.0..1.1", "auc in 0.7..1"}), "yny");
  EXPECT_EQ(Judged(good, {"ece in 0..1", "revenue >= -1"}), "nn");  // known not to be defined
}

TEST_F(EvidenceTest, AllOfItCounts) {
  const auto worse = R"({"models":[],"comparisons":[
    {"metric":"welfare","a_model":"ctr@2","b_model":"ctr@1","relative_ci95":[-0.2,0.1]}]})";
  const std::vector<Evidence> both = {*Read(kGood), *Read(worse)};
  EXPECT_EQ(Judged(both, {"welfare >= 0", "auc in 0..1"}), "yny");
}

TEST_F(EvidenceTest, WhatNobodyLookedAtIsAnError) {
  const std::vector<Evidence> good = {*Read(kGood)};
  EXPECT_THAT(Judged(good, {"welfare >= 0", "regret <= 0"}),
              HasSubstr("--evidence: says nothing of regret for ctr@2 against ctr@1, which --if 'regret <= 0'"));
  EXPECT_THAT(Judged(good, {"logloss in 0..1"}), HasSubstr("says nothing of logloss of ctr@2"));
  EXPECT_THAT(Judged({}, {"welfare >= 0"}), HasSubstr("says nothing"));
}

TEST_F(EvidenceTest, RefusesWhatIsNone) {
  for (const auto& [text, what] : std::vector<std::pair<const char*, const char*>>{
           {"", "is not JSON"},
           {"[]", "has no models and comparisons"},
           {R"({"models":[]})", "has no models and comparisons"},
           {R"({"models":[1],"comparisons":[]})", "an entry of models that is no object"},
           {R"({"models":[],"comparisons":[3]})", "an entry of comparisons that is no object"},
           {R"({"models":[{"ref":"a@1"},{"ref":"a@1"}],"comparisons":[]})", "has the model a@1 twice"},
           {R"({"models":[],"comparisons":[{"metric":"welfare"},{"metric":"welfare"}]})", "compares welfare of"},
           {R"({"models":[],"comparisons":[)", "is not JSON"}}) {
    const auto read = Read(text);
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(what)) << text;
  }
  EXPECT_THAT(std::string(Evidence::Read("/nowhere").status().message()),
              HasSubstr("--evidence: /nowhere cannot be read"));
  // What is odd within is as if it were not there.
  const std::vector<Evidence> odd = {*Read(R"({"models":[{"ref":7,"auc":"x"}],"comparisons":[{"metric":"welfare"}]})")};
  EXPECT_THAT(Judged(odd, {"welfare >= 0"}), HasSubstr("says nothing"));
}

TEST_F(EvidenceTest, CountsAreNumbersAndIntervalsAreTheRightWayRound) {
  const std::vector<Evidence> counts = {
      *Read(R"({"models":[{"ref":"ctr@2","clicks":"700","auc_ci95":[0.7,0.6],"auc":0.65}],
    "comparisons":[{"metric":"welfare","a_model":"ctr@2","b_model":"ctr@1","relative_ci95":[0.5,-0.6]}]})")};
  EXPECT_EQ(Judged(counts, {"clicks in 500..1e9", "clicks in 701..1e9", "auc in 0..1", "welfare >= 0.4"}), "ynnn");
}

TEST_F(EvidenceTest, IsOfTheArtifactsThatItSays) {
  const auto evidence = Read(R"({"models":[{"ref":"ctr@2","sha256":"aa"},{"ref":"ctr@1"}],"comparisons":[],
    "warnings":["doubtful",7]})");
  EXPECT_TRUE(evidence->CheckIsOf("ctr@2", "aa").ok());
  EXPECT_TRUE(evidence->CheckIsOf("ctr@1", "anything").ok());
  EXPECT_THAT(std::string(evidence->CheckIsOf("ctr@2", "bb").message()), HasSubstr("is of another artifact of ctr@2"));
  EXPECT_THAT(evidence->warnings(), testing::ElementsAre("doubtful"));
}

}  // namespace
}  // namespace vickrey::tools
