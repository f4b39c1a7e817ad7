#include "vickrey/base/config.h"

#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/config/v1/forecast.pb.h"
#include "vickrey/config/v1/market.pb.h"
#include "vickrey/config/v1/simulate.pb.h"
#include "vickrey/config/v1/train.pb.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/features.pb.h"

namespace vickrey::base {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vickrey::config::v1::ForecastCandidate;
using vickrey::config::v1::MarketConfig;
using vickrey::config::v1::SimulateConfig;
using vickrey::config::v1::TrainConfig;

constexpr char kTrain[] = R"(# a comment
name: student
seed: 18446744073709551615
model:
  architecture: mlp
  hidden: [64, 32]
loss:
  loss: welfare_rank
  labels: teacher
  sigma: 4
  sigma_end: 2e1
)";

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

// The error of loading `text` into T.
template <typename T>
std::string LoadError(const std::string& text) {
  T config;
  const absl::Status status = LoadConfig(text, "f.yaml", &config);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << text << "\n" << status;
  EXPECT_EQ(config.ByteSizeLong(), 0u) << "half applied";
  return MessageOf(status);
}

TEST(LoadConfig, ReadsYamlAndFillsInDefaults) {
  TrainConfig config;
  ASSERT_TRUE(LoadConfig(kTrain, "train.yaml", &config).ok());
  EXPECT_EQ(config.name(), "student");
  EXPECT_EQ(config.seed(), 18446744073709551615u);
  EXPECT_THAT(config.model().hidden(), ElementsAre(64, 32));
  EXPECT_EQ(config.loss().sigma_end(), 20);
  EXPECT_EQ(config.loss().pairs(), "ppi");              // default
  EXPECT_EQ(config.optimizer().learning_rate(), 0.03);  // default in a message that was absent
  EXPECT_EQ(config.teacher().optimizer().epochs(), 8);  // two levels down
  EXPECT_FALSE(config.teacher().has_model());           // something in it is required: not made up
  EXPECT_FALSE(config.loss().has_scale());              // no default: stays absent
}

TEST(LoadConfig, ReadsJson) {
  MarketConfig config;
  ASSERT_TRUE(
      LoadConfig("{\n\t\"scenario\": \"linear\", \"candidates\": 3, \"start_time\": \"5\"}", "m.json", &config).ok());
  EXPECT_EQ(config.candidates(), 3);
  EXPECT_EQ(config.start_time(), 5);
}

TEST(LoadConfig, ReadsFloats) {
  vickrey::v1::FeatureField field;
  ASSERT_TRUE(LoadConfig("boundaries: [-1, 0.1, 1e-45, 3.4028235e38]", "f.yaml", &field).ok());
  EXPECT_THAT(field.boundaries(),
              ElementsAre(-1, 0.1f, std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::max()));
  for (const char* bad : {"1e39", ".nan", ".inf", "x", "'1'", "[1]", "~"}) {
    EXPECT_THAT(LoadError<vickrey::v1::FeatureField>("boundaries: [1, " + std::string(bad) + "]"),
                HasSubstr("f.yaml:1: boundaries[1]: "))
        << bad;
  }
}

TEST(LoadConfig, WhatItLoadedItCanLoadAgain) {
  TrainConfig config, again;
  ASSERT_TRUE(LoadConfig(kTrain, "train.yaml", &config).ok());
  const std::string effective = ToJson(config);
  ASSERT_TRUE(LoadConfig(effective, "effective.json", &again).ok());
  EXPECT_EQ(ToJson(again), effective);
}

TEST(LoadConfig, AnUnknownKeyNamesTheLineAndTheKnownKeys) {
  EXPECT_EQ(LoadError<TrainConfig>(
                "name: a\nmodel: {architecture: mlp}\nloss: {loss: logloss}\noptimizer:\n  beta1: 0.5\n  lr: 1\n"),
            "f.yaml:6: optimizer.lr: unknown key; known keys: learning_rate, beta1, beta2, batch_auctions, epochs, "
            "dense, tables, tables_learning_rate, epsilon, momentum, weight_decay, tables_weight_decay, clip_norm, "
            "schedule, warmup, dropout");
}

TEST(LoadConfig, AWrongTypeNamesTheLineTheValueAndWhatIsAllowed) {
  EXPECT_EQ(LoadError<MarketConfig>("scenario: linear\ncandidates: many\n"),
            "f.yaml:2: candidates: 'many' is not a whole number from -2147483648 to 2147483647");
  EXPECT_EQ(LoadError<MarketConfig>("scenario: linear\nmean_ctr: [1]\n"),
            "f.yaml:2: mean_ctr: a list is not a finite number");
  for (const char* value : {"1.5", "99999999999", "\"3\"", "1e3", "0x10", "{a: 1}", "[3]", "true", "3 4"}) {
    EXPECT_THAT(LoadError<MarketConfig>(std::string("scenario: linear\ncandidates: ") + value),
                HasSubstr("f.yaml:2: candidates: "));
  }
  for (const char* value : {".nan", ".inf", "nan", "inf", "1e999", "\"0.1\"", "x"}) {
    EXPECT_THAT(LoadError<MarketConfig>(std::string("scenario: linear\nmean_ctr: ") + value),
                HasSubstr("f.yaml:2: mean_ctr: "));
  }
  EXPECT_THAT(LoadError<TrainConfig>("name: a\nmodel: mlp\n"), HasSubstr("f.yaml:2: model: 'mlp' is not a map"));
  EXPECT_THAT(LoadError<TrainConfig>("name: a\nmodel:\n  hidden: 64\n"),
              HasSubstr("f.yaml:3: model.hidden: '64' is not a list"));
  EXPECT_THAT(LoadError<TrainConfig>("name: a\nmodel:\n  hidden:\n  - 64\n  - x\n"),
              HasSubstr("f.yaml:5: model.hidden[1]: 'x'"));
}

TEST(LoadConfig, AValueOutOfRangeNamesTheLineTheValueAndTheRange) {
  EXPECT_EQ(LoadError<MarketConfig>("scenario: linear\n\ncandidates: 0\n"),
            "f.yaml:3: candidates: 0 is out of range; it must be at least 1 and at most 10000");
  EXPECT_EQ(LoadError<MarketConfig>("scenario: linear\nmean_ctr: 0\n"),
            "f.yaml:2: mean_ctr: 0 is out of range; it must be greater than 0 and at most 0.5");
  EXPECT_THAT(LoadError<MarketConfig>("scenario: lunar\n"),
              HasSubstr("f.yaml:1: scenario: 'lunar' is not one of linear, two_segments, brand_queries, "));
  EXPECT_THAT(LoadError<MarketConfig>("scenario: linear\ncurrency_code: EURO"),
              HasSubstr("'EURO' does not match [A-Z]{3}"));
  EXPECT_THAT(LoadError<TrainConfig>("name: a\nmodel: {architecture: mlp, hidden: [8, 0]}\nloss: {loss: logloss}"),
              HasSubstr("f.yaml:2: model.hidden[1]: 0 is out of range"));
}

TEST(LoadConfig, WhatIsRequiredMustBeGiven) {
  EXPECT_THAT(LoadError<MarketConfig>(""), HasSubstr("scenario: is required"));
  EXPECT_EQ(LoadError<TrainConfig>("name: a\nmodel: {architecture: mlp}\nloss:\n  labels: click\n"),
            "f.yaml:3: loss.loss: is required");
  EXPECT_THAT(LoadError<SimulateConfig>("market: {scenario: linear}\n"), HasSubstr("models: is required"));
}

TEST(LoadConfig, RefusesTwoOfAOneofAndAKeyGivenTwice) {
  EXPECT_EQ(LoadError<SimulateConfig>("models: [a]\nmarket: {scenario: linear}\nreplay: {db: d, snapshot_id: s}\n"),
            "f.yaml:3: replay: only one of market and replay may be given");
  EXPECT_EQ(LoadError<MarketConfig>("scenario: linear\ncandidates: 2\ncandidates: 3\n"),
            "f.yaml:3: candidates: the key is given twice");
}

TEST(LoadConfig, RefusesWhatIsNotYaml) {
  EXPECT_THAT(LoadError<MarketConfig>("scenario: [\n"), HasSubstr("f.yaml:"));
  EXPECT_THAT(LoadError<MarketConfig>("a: 1\n---\na: 2\n"), HasSubstr("more than one YAML document"));
  for (const char* endless : {",", "]", "scenario: linear\n,\n", "[a],"}) {  // yaml-cpp would not stop at
    EXPECT_THAT(LoadError<MarketConfig>(endless), HasSubstr("f.yaml")) << endless;
  }
  EXPECT_THAT(LoadError<MarketConfig>("- a\n- b\n"), HasSubstr("a list is not a map"));
  EXPECT_THAT(LoadError<MarketConfig>("? [a]\n: b\n"), HasSubstr("a key must be a plain name"));
  EXPECT_THAT(LoadError<MarketConfig>("scenario: *nowhere\n"), HasSubstr("f.yaml:"));
  EXPECT_THAT(LoadError<MarketConfig>(std::string(100'000, '[')), HasSubstr("f.yaml"));
  EXPECT_THAT(LoadError<MarketConfig>(std::string(100'000, '{')), HasSubstr("f.yaml"));
  EXPECT_THAT(LoadError<MarketConfig>(std::string(kMaxConfigBytes + 1, ' ')), HasSubstr("bytes"));
  LoadError<MarketConfig>(std::string("\0\xff\x01", 3));
}

TEST(LoadConfig, NullIsNotGiven) {
  MarketConfig config;
  ASSERT_TRUE(LoadConfig("scenario: linear\ncandidates:\nmean_ctr: null\n", "m.yaml", &config).ok());
  EXPECT_EQ(config.candidates(), 8);
  EXPECT_FALSE(config.has_mean_ctr());
}

TEST(LoadConfig, AFailureLeavesTheMessageAsItWas) {
  MarketConfig config;
  config.set_scenario("linear");
  EXPECT_FALSE(LoadConfig("scenario: two_segments\ncandidates: 0\n", "m.yaml", &config).ok());
  EXPECT_EQ(config.scenario(), "linear");
}

TEST(LoadConfig, ReadsEnumsInLowerCase) {
  vickrey::v1::AuctionRules rules;
  ASSERT_TRUE(LoadConfig("mechanism: second_price\n", "r.yaml", &rules).ok());
  EXPECT_EQ(rules.mechanism(), vickrey::v1::AuctionRules::SECOND_PRICE);
  EXPECT_EQ(LoadError<vickrey::v1::AuctionRules>("mechanism: lottery\n"),
            "f.yaml:1: mechanism: 'lottery' is not one of second_price, gsp, vcg, first_price");
}

TEST(LoadConfigFile, NamesTheFile) {
  MarketConfig config;
  const absl::Status status = LoadConfigFile("no/such.yaml", &config);
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(MessageOf(status), HasSubstr("no/such.yaml"));
}

TEST(LoadConfig, ATextIsNotANumberAndANumberNotAText) {
  EXPECT_THAT(LoadError<TrainConfig>("name: 3\n"), HasSubstr("f.yaml:1: name: '3' is not a text"));
  EXPECT_THAT(LoadError<TrainConfig>("name: true\n"), HasSubstr("is not a text"));
  EXPECT_THAT(LoadError<MarketConfig>("scenario: linear\nmean_ctr: 0x10\n"), HasSubstr("is not a finite number"));
  EXPECT_THAT(LoadError<MarketConfig>("scenario: linear\ncandidates: !!str 4\n"), HasSubstr("is not a whole number"));
  EXPECT_THAT(LoadError<TrainConfig>("name: \"a\xff\"\n"), HasSubstr("not UTF-8"));
  EXPECT_THAT(LoadError<TrainConfig>("name: ../x\nmodel: {architecture: mlp}\nloss: {loss: logloss}"),
              HasSubstr("f.yaml:1: name: '../x' does not match"));
  EXPECT_THAT(LoadError<vickrey::v1::AuctionRules>("mechanism: unspecified\n"), HasSubstr("is not one of"));
}

TEST(LoadConfig, OneOfARequiredOneofMustBeGiven) {
  EXPECT_THAT(LoadError<SimulateConfig>("models: [a]\n"), HasSubstr("source: one of market, replay is required"));
}

TEST(LoadConfig, BoundsAreExactAndShownInFull) {
  const std::string base = "models: [a]\nmarket: {scenario: linear}\nreserve_mille_micros: ";
  EXPECT_THAT(LoadError<SimulateConfig>(base + "1000000000000000001"), HasSubstr("at most 1000000000000000000"));
  EXPECT_THAT(LoadError<MarketConfig>("scenario: linear\nmean_ctr: 0.50000000000000011\n"),
              HasSubstr("0.5000000000000001 is out of range"));
}

TEST(SetConfigField, TextsAreTakenAsTheyAre) {
  SimulateConfig config;
  for (const char* value : {"[::1]:8080", "a #b", "~", "%a", "'", "5"}) {
    ASSERT_TRUE(SetConfigField("address", value, "--address", &config).ok()) << value;
    EXPECT_EQ(config.address(), value);
  }
  EXPECT_THAT(MessageOf(SetConfigField("address", "", "--address", &config)), HasSubstr("needs a value"));
  EXPECT_THAT(MessageOf(SetConfigField("auctions", "", "--auctions", &config)), HasSubstr("needs a value"));
  EXPECT_THAT(MessageOf(SetConfigField("auctions", "~", "--auctions", &config)), HasSubstr("needs a value"));
  ASSERT_TRUE(SetConfigField("replay.db", "d", "--db", &config).ok());
  EXPECT_THAT(MessageOf(SetConfigField("market.scenario", "linear", "--market", &config)),
              HasSubstr("only one of replay and market"));
}

TEST(SetConfigField, WorksAsAFlagDoes) {
  TrainConfig config;
  ASSERT_TRUE(LoadConfig(kTrain, "train.yaml", &config).ok());
  ASSERT_TRUE(SetConfigField("loss.sigma", "7", "--set", &config).ok());
  ASSERT_TRUE(SetConfigField("model.hidden", "[8]", "--set", &config).ok());
  EXPECT_EQ(config.loss().sigma(), 7);
  EXPECT_EQ(config.loss().sigma_end(), 20);  // what stands beside it stays
  EXPECT_THAT(config.model().hidden(), ElementsAre(8));
  const absl::Status status = SetConfigField("loss.sigmma", "7", "--set", &config);
  EXPECT_THAT(MessageOf(status), HasSubstr("--set: loss.sigmma: unknown key; known keys: loss, labels"));
  EXPECT_EQ(FieldOf(status), "loss.sigmma");
  EXPECT_THAT(MessageOf(SetConfigField("seed", "x", "--seed", &config)), HasSubstr("--seed: seed: 'x' is not"));
  EXPECT_FALSE(SetConfigField("", "x", "--set", &config).ok());
  EXPECT_FALSE(SetConfigField("loss..sigma", "x", "--set", &config).ok());
}

TEST(SetConfigField, SetsWhatIsGivenAsKeyAndValue) {
  TrainConfig config;
  ASSERT_TRUE(LoadConfig(kTrain, "train.yaml", &config).ok());
  ASSERT_TRUE(SetConfigFields({"loss.sigma=7", "loss.sigma=8", "name=a=b"}, "loss.sigma=4", &config).ok());
  EXPECT_EQ(config.loss().sigma(), 8);  // the later counts
  EXPECT_EQ(config.name(), "a=b");
  for (const char* setting : {"loss.sigma", "=4", ""}) {
    const absl::Status status = SetConfigFields({setting}, "loss.sigma=4", &config);
    EXPECT_THAT(MessageOf(status), HasSubstr("' is not KEY=VALUE, such as loss.sigma=4"));
    EXPECT_EQ(FieldOf(status), "--set");
  }
}

TEST(DefaultOf, IsThatOfTheDefinition) {
  EXPECT_EQ(DefaultOf(*SimulateConfig::descriptor(), "mechanism"), "second_price");
  EXPECT_EQ(DefaultOf(*SimulateConfig::descriptor(), "replay.skip"), "0");
  EXPECT_EQ(DefaultOf(*SimulateConfig::descriptor(), "replay.db"), "");  // required
  EXPECT_EQ(DefaultOf(*SimulateConfig::descriptor(), "replay.nothing"), "");
  EXPECT_EQ(DefaultOf(*SimulateConfig::descriptor(), "seed.nothing"), "");
}

TEST(FinishConfig, ChecksWhatFlagsBuilt) {
  MarketConfig config;
  EXPECT_THAT(MessageOf(FinishConfig("flags", &config)), HasSubstr("scenario: is required"));
  ASSERT_TRUE(SetConfigField("scenario", "linear", "--scenario", &config).ok());
  ASSERT_TRUE(FinishConfig("flags", &config).ok());
  EXPECT_EQ(config.candidates(), 8);
  ASSERT_TRUE(SetConfigField("candidates", "0", "--candidates", &config).ok());
  EXPECT_THAT(MessageOf(FinishConfig("flags", &config)), HasSubstr("candidates: 0 is out of range"));
}

// Every default in the definitions must itself pass the rules.
TEST(Rules, EveryDefaultIsValid) {
  TrainConfig train;
  EXPECT_TRUE(
      LoadConfig(
          "name: a\nmodel: {architecture: logistic}\nloss: {loss: logloss}\nteacher: {model: {architecture: mlp}}", "t",
          &train)
          .ok());
  SimulateConfig simulate;
  EXPECT_TRUE(LoadConfig("models: [a]\nmarket: {scenario: interaction}\n", "s", &simulate).ok());
  EXPECT_EQ(simulate.market().candidates(), 8);
}

// Settings of other fields: any keys, scalars and lists as they are written.
TEST(LoadConfig, ReadsMapsOfTexts) {
  ForecastCandidate config;
  ASSERT_TRUE(
      LoadConfig("settings:\n  loss.a: 1e-3\n  model.hidden: [8, 4]\n  x: 'y'\n  none: []\n", "f", &config).ok());
  EXPECT_EQ(ToJson(config), R"({"settings":{"loss.a":"1e-3","model.hidden":"[8, 4]","none":"[]","x":"y"}})");
  ForecastCandidate again;
  ASSERT_TRUE(LoadConfig(ToJson(config), "f", &again).ok());
  EXPECT_EQ(ToJson(again), ToJson(config));
  EXPECT_EQ(LoadError<ForecastCandidate>("settings:\n  a: 1\n  a: 2"), "f.yaml:3: settings.a: the key is given twice");
  EXPECT_EQ(LoadError<ForecastCandidate>("settings: [a]"),
            "f.yaml:1: settings: a list is not a map of keys and values");
  for (const char* bad : {"{b: 1}", "[[1]]", "~", "[{}]"}) {
    EXPECT_THAT(LoadError<ForecastCandidate>("settings:\n  a: " + std::string(bad)),
                HasSubstr("f.yaml:2: settings.a: "))
        << bad;
  }
}

TEST(LoadConfig, ErrorsOfFillNameTheLineOfTheirField) {
  const auto error = [](const std::string& text, const absl::Status& status) {
    TrainConfig config;
    return MessageOf(LoadConfig(text, "f.yaml", &config, [&](google::protobuf::Message*) { return status; }));
  };
  const std::string text = "name: a\nmodel:\n  architecture: mlp\n";
  EXPECT_EQ(error(text, InvalidField("model.architecture", "is bad")), "f.yaml:3: model.architecture: is bad");
  EXPECT_EQ(error(text, InvalidField("model.hidden", "is bad")), "model.hidden: is bad");            // not written
  EXPECT_EQ(error(text, Annotate(InvalidField("name", "is bad"), "--set")), "--set: name: is bad");  // nor there
  EXPECT_EQ(error(text, absl::NotFoundError("gone")), "gone");
}

}  // namespace
}  // namespace vickrey::base
