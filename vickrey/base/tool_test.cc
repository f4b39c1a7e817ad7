// What command-line programs have in common: words that there are not, and tables. The rest is tested by the programs.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/known_words.h"
#include "vickrey/base/status.h"
#include "vickrey/base/table.h"
#include "vickrey/v1/online_lines.pb.h"

namespace vickrey::base {
namespace {

using ::testing::HasSubstr;

class KnownWordsTest : public testing::Test {
 protected:
  KnownWordsTest() {
    app_.name("vickrey log");
    CLI::App& append = *app_.add_subcommand("append", "");
    append.add_option("--db", db_, "");
    append.add_flag("--json", json_, "");
    append.add_option("FILE", file_, "");
    app_.add_subcommand("snapshot", "")->add_subcommand("create", "")->add_option("--db", db_, "");
  }
  std::string Said(const std::vector<std::string>& words) { return std::string(CheckWords(app_, words).message()); }

  CLI::App app_;
  std::string db_, file_;
  bool json_ = false;
};

TEST_F(KnownWordsTest, LetsThroughWhatThereIs) {
  for (const auto& words : std::vector<std::vector<std::string>>{{},
                                                                 {"--help"},
                                                                 {"append", "--db", "append", "--json", "x"},
                                                                 {"append", "--db=x", "-h", "-1"},
                                                                 {"snapshot", "create", "--db", "x"},
                                                                 {"append", "--", "--what"}}) {
    EXPECT_EQ(Said(words), "");
  }
}

TEST_F(KnownWordsTest, NamesTheFirstThatThereIsNot) {
  EXPECT_EQ(Said({"apend", "--bd", "x"}),
            "'apend' is no verb of `vickrey log`; did you mean append?; its verbs: append, snapshot; see --help");
  EXPECT_EQ(Said({"append", "--bd", "x", "--jsn"}),
            "'--bd' is no flag of `vickrey log append`; did you mean --db?; see --help");
  EXPECT_EQ(Said({"append", "--database=x"}), "'--database' is no flag of `vickrey log append`; see --help");
  EXPECT_THAT(Said({"snapshot", "made"}), HasSubstr("'made' is no verb of `vickrey log snapshot`"));
  EXPECT_THAT(Said({"snapshot", "create", "--json"}), HasSubstr("no flag of `vickrey log snapshot create`"));
  EXPECT_EQ(FieldOf(CheckWords(app_, {"append", "--bd=x"})), "--bd");
}

TEST(TableOf, IsALineForEachValue) {
  vickrey::v1::PromotionLine line;
  line.set_candidate("ctr@2");
  line.set_promoted(true);
  auto& condition = *line.add_conditions();
  condition.set_condition("welfare >= 0");
  condition.mutable_ci95()->add_values()->set_number_value(1.0 / 3);
  condition.mutable_ci95()->add_values()->set_number_value(20);
  EXPECT_EQ(TableOf(line),
            "candidate                ctr@2\n"
            "incumbent                \n"
            "promoted                 true\n"
            "rolled_back              false\n"
            "conditions[0].ci95       0.333333, 20\n"
            "conditions[0].condition  welfare >= 0\n"
            "conditions[0].evidence   \n"
            "conditions[0].holds      false\n"
            "warnings                 -\n");
  EXPECT_THAT(TableOf(vickrey::v1::PromotionLine()), HasSubstr("conditions   -\n"));
}

}  // namespace
}  // namespace vickrey::base
