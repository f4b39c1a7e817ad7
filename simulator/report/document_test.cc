#include "simulator/report/document.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "simulator/report/page.h"

namespace vickrey::simulator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kRun =
    R"({"format":1,"models":[{"ref":"a@1","welfare":null}],"comparisons":[{"metric":"welfare","a_model":"a@1","b_model":"b@1"}]})";
constexpr const char* kWalkforward = R"({"kind":"walkforward","results":[{"model":"lstm","loss":"mse"}]})";
constexpr const char* kBidders =
    R"({"format":1,"kind":"bidders","heads":[{"head":"marginal"}],"bidders":[{"bidder":"truthful"}],"claims":[]})";
constexpr const char* kCost =
    R"({"format":1,"kind":"cost","points":[{"name":"mlp, 64 auctions","status":"does not fit"}],"curves":[]})";
constexpr const char* kStudy =
    R"({"format":1,"scenarios":[{"name":"linear","losses":[]}],"claims":[{"claim":"more welfare"}]})";

constexpr const char* kTune = R"({"format":1,"kind":"tune","scenarios":[{"name":"linear","losses":[]}]})";

constexpr const char* kArithmetic =
    R"({"format":1,"kind":"arithmetic","results":[{"task":"addition","split":"train","loss":"ntl_was"}],"claims":[]})";

std::string ErrorOf(const std::string& json) {
  const auto document = CheckDocument(json);
  EXPECT_FALSE(document.ok()) << json;
  return std::string(document.status().message());
}

TEST(Document, KindsAreToldByTheirFields) {
  EXPECT_EQ(CheckDocument(kRun)->kind, "run");
  EXPECT_EQ(CheckDocument(kWalkforward)->kind, "walkforward");
  EXPECT_EQ(CheckDocument(kBidders)->kind, "bidders");
  EXPECT_EQ(CheckDocument(kCost)->kind, "cost");
  EXPECT_EQ(CheckDocument(kCost)->title, "Vickrey: what training costs");
  EXPECT_EQ(CheckDocument(kStudy)->kind, "study");
  EXPECT_EQ(CheckDocument(kTune)->kind, "tune");
  EXPECT_EQ(CheckDocument(kArithmetic)->kind, "arithmetic");
  EXPECT_EQ(CheckDocument(kRun)->json, kRun);
  EXPECT_EQ(CheckDocument(R"({"models":[{"ref":"a"}],"comparisons":[],"later":{"field":1}})")->kind, "run");
}

TEST(Document, ErrorsNameTheFieldAndWhatItMustBe) {
  EXPECT_THAT(ErrorOf(R"({"models":[{"ref":7}],"comparisons":[]})"),
              HasSubstr("models[0].ref: is number, must be a text"));
  EXPECT_THAT(ErrorOf(R"({"models":[{"ref":"a"},{}],"comparisons":[]})"), HasSubstr("models[1].ref: is missing"));
  EXPECT_THAT(ErrorOf(R"({"kind":"bidders","heads":[{"head":3}],"bidders":[]})"),
              HasSubstr("heads[0].head: is number, must be a text"));
  EXPECT_THAT(ErrorOf(R"({"kind":"bidders","heads":[{"head":"a"}]})"), HasSubstr("bidders: is missing"));
  EXPECT_THAT(ErrorOf(R"({"kind":"cost","points":[{"name":"a"}],"curves":[]})"),
              HasSubstr("points[0].status: is missing"));
  EXPECT_THAT(ErrorOf(R"({"kind":"cost","points":[{"name":null,"status":"failed"}],"curves":[]})"),
              HasSubstr("points[0].name: is null, must be a text"));
  EXPECT_THAT(ErrorOf(R"({"kind":"cost","points":[{"name":"a","status":"failed"}]})"), HasSubstr("curves: is missing"));
  EXPECT_THAT(ErrorOf(R"({"kind":"cost","points":[],"curves":[]})"), HasSubstr("points: is empty"));
  EXPECT_THAT(ErrorOf(R"({"models":[3],"comparisons":[]})"), HasSubstr("models[0]: is number, must be an object"));
  EXPECT_THAT(ErrorOf(R"({"models":{},"comparisons":[]})"), HasSubstr("models: is object, must be a list"));
  EXPECT_THAT(ErrorOf(R"({"models":[],"comparisons":[]})"), HasSubstr("models: is empty"));
  EXPECT_THAT(ErrorOf(R"({"scenarios":[{"name":"x"}],"claims":[]})"), HasSubstr("scenarios[0].losses: is missing"));
  EXPECT_THAT(ErrorOf(R"({"kind":"tune","scenarios":[{"losses":[]}]})"), HasSubstr("scenarios[0].name: is missing"));
  EXPECT_THAT(ErrorOf(R"({"kind":"arithmetic","results":[{"task":"addition","split":"train"}],"claims":[]})"),
              HasSubstr("results[0].loss: is missing"));
  EXPECT_THAT(ErrorOf(R"({"kind":"arithmetic","results":[],"claims":[]})"), HasSubstr("results: is empty"));
  EXPECT_THAT(ErrorOf(R"({"kind":"tune"})"), HasSubstr("scenarios: is missing"));
  EXPECT_THAT(ErrorOf(R"({"kind":"tune","scenarios":[]})"), HasSubstr("scenarios: is empty"));
  EXPECT_THAT(ErrorOf(R"({"kind":"tune","format":2,"scenarios":[]})"), HasSubstr("format: 2"));
  EXPECT_THAT(ErrorOf(R"({"kind":"walkforward","results":[{"loss":"mse"}]})"),
              HasSubstr("results[0].model: is missing"));
  EXPECT_THAT(ErrorOf(R"({"kind":"walkforward","results":[]})"), HasSubstr("results: is empty"));
  EXPECT_THAT(ErrorOf(R"({"format":2,"models":[{"ref":"a"}],"comparisons":[]})"), HasSubstr("format: 2 is not known"));
}

TEST(Document, OtherFilesAreToldApart) {
  EXPECT_THAT(ErrorOf("[1]"), HasSubstr("must be an object"));
  EXPECT_THAT(ErrorOf("{"), Not(HasSubstr("JSON Lines")));
  EXPECT_THAT(ErrorOf(R"({"x":1})"), HasSubstr("models, comparisons"));
  EXPECT_THAT(ErrorOf(R"({"kind":"tuna","scenarios":[]})"), HasSubstr("(kind tune)"));
  EXPECT_THAT(ErrorOf(R"({"kind":["tune"],"scenarios":[]})"), HasSubstr("(kind tune)"));
  EXPECT_THAT(ErrorOf(R"({"auction_id":"1"})"), HasSubstr("--summary"));
  EXPECT_THAT(ErrorOf("{\"auction_id\":\"1\"}\n{\"auction_id\":\"2\"}\n"), HasSubstr("JSON Lines"));
  EXPECT_THAT(ErrorOf(""), Not(HasSubstr("JSON Lines")));
}

TEST(Page, NoTextOfTheDocumentEndsTheScript) {
  const auto document = CheckDocument(R"({"models":[{"ref":"</script><!--{{data}}"}],"comparisons":[]})");
  ASSERT_TRUE(document.ok());
  const auto page = FillPage("<a>{{data}}</a>", *document, "</script>\"");
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(*page,
            "<a>{\"title\":\"\\u003c/script>\\\"\",\"document\":"
            "{\"models\":[{\"ref\":\"\\u003c/script>\\u003c!--{{data}}\"}],\"comparisons\":[]}}</a>");
  EXPECT_FALSE(FillPage("<a></a>", *document, "x").ok());
}

TEST(Page, LiesBesideThePrograms) { EXPECT_EQ(PageFile("/opt/vickrey/bin"), "/opt/vickrey/share/vickrey/report.html"); }

}  // namespace
}  // namespace vickrey::simulator
