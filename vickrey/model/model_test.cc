#include "vickrey/model/model.h"

#include <unistd.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/json.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/features/fingerprint.h"
#include "vickrey/model/layout.h"
#include "vickrey/model/networks_testing.h"

namespace vickrey::model {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vickrey::storage::v1::Calibration;
using vickrey::storage::v1::ModelFile;
using vickrey::v1::Auction;
using vickrey::v1::EncodedFeatures;
using vickrey::v1::Features;

Calibration CalibrationOf(double multiplier, double logit_offset) {
  Calibration calibration;
  calibration.set_multiplier(multiplier);
  calibration.set_logit_offset(logit_offset);
  return calibration;
}

TEST(Probability, ByHand) {
  EXPECT_DOUBLE_EQ(Probability(CalibrationOf(1, 0), 0), 0.5);
  EXPECT_DOUBLE_EQ(Probability(CalibrationOf(1.5, 0), 0), 0.75);
  EXPECT_DOUBLE_EQ(Probability(CalibrationOf(1, std::log(3)), 0), 0.75);  // 3 to 1
  EXPECT_DOUBLE_EQ(Probability(CalibrationOf(2, -std::log(9)), 0), 0.2);  // 1 to 9, doubled
  EXPECT_DOUBLE_EQ(Probability(CalibrationOf(0.5, 1), -1), 0.25);         // the offset undoes the logit
  // 1 / (1 + e^-2), from Python's decimal.
  EXPECT_DOUBLE_EQ(Probability(CalibrationOf(1, 0), 2), 0.880797077977882444);
}

TEST(Probability, StaysBetweenZeroAndOne) {
  EXPECT_EQ(Probability(CalibrationOf(2, 0), 0), 1);
  EXPECT_EQ(Probability(CalibrationOf(3, 0), 0), 1);
  EXPECT_EQ(Probability(CalibrationOf(1, 0), 1000), 1);
  EXPECT_EQ(Probability(CalibrationOf(1, 0), -1000), 0);
  EXPECT_EQ(Probability(CalibrationOf(1e300, 0), -1e30f), 0);
  EXPECT_EQ(Probability(CalibrationOf(1, 0), std::numeric_limits<float>::infinity()), 1);
}

// Dense, categorical and bag fields on both sides.
constexpr char kModel[] = R"({"name":"ctr","version":"7",
  "schema":{"fields":[
    {"name":"hour","side":"CONTEXT","kind":"DENSE","transform":"NONE"},
    {"name":"platform","side":"CONTEXT","kind":"CATEGORICAL","buckets":5,"embedding_width":2},
    {"name":"words","side":"CONTEXT","kind":"BAG","buckets":9,"embedding_width":3},
    {"name":"price","side":"AD","kind":"DENSE","transform":"NONE"},
    {"name":"seen","side":"AD","kind":"DENSE","transform":"SIGNED_LOG1P"},
    {"name":"C1","side":"AD","kind":"CATEGORICAL","buckets":3,"embedding_width":2},
    {"name":"tags","side":"AD","kind":"BAG","buckets":7,"embedding_width":2},
    {"name":"colours","side":"AD","kind":"BAG","buckets":4,"embedding_width":2}]},
  "calibration":{"multiplier":1.5,"logit_offset":-0.25}})";

class ModelTest : public testing::TestWithParam<std::string> {
 protected:
  ModelTest() : root_(fs::path(testing::TempDir()) / absl::StrCat("model_test-", getpid())) {
    fs::remove_all(root_);
    EXPECT_TRUE(base::FromJson(kModel, &file_).ok());
    file_.mutable_spec()->set_architecture("logistic");
    schema_ = *features::Schema::Create(file_.schema());
  }
  ~ModelTest() override { fs::remove_all(root_); }

  std::shared_ptr<const Model> Load(const TensorFile& weights) const {
    const auto written = WriteArtifact(root_, file_, ViewOf(weights));
    EXPECT_TRUE(written.ok()) << written.status();
    auto model = Model::Load(written->folder);
    EXPECT_TRUE(model.ok()) << model.status();
    return *model;
  }

  // A network all of whose weights matter, from the text of its ModelSpec in JSON.
  std::shared_ptr<const Model> RandomModel(const std::string& json, double deviation = 0.5) {
    *file_.mutable_spec() = SpecOf(json);
    TensorFile weights = StartTensors(*MakeLayout(file_.spec(), *schema_), 1);
    base::RandomStream random(2, base::StreamId("test"), 0);
    for (auto& [name, tensor] : weights.tensors) {
      for (float& value : tensor.values) value = static_cast<float>(deviation * random.Normal());
    }
    return Load(weights);
  }

  // The features named in JSON.
  static Features Named(const std::string& json) {
    Features features;
    EXPECT_TRUE(base::FromJson(json, features.mutable_named()).ok()) << json;
    return features;
  }

  // The logistic network with weights that are exact in binary.
  std::shared_ptr<const Model> HandMadeModel() const {
    TensorFile weights;
    weights.tensors["table.platform"] = {.shape = {5, 1}, .values = {0.5, 0, 0, 0, 0}};
    weights.tensors["table.words"] = {.shape = {9, 1}, .values = {64, 64, 64, 64, 64, 64, 64, 64, 64}};
    weights.tensors["table.C1"] = {.shape = {3, 1}, .values = {-1, -2, -4}};
    weights.tensors["table.tags"] = {.shape = {7, 1}, .values = {99, 0.25, 0.5, 99, 99, 99, 99}};
    weights.tensors["table.colours"] = {.shape = {4, 1}, .values = {99, 1024, 2048, 4096}};
    weights.tensors["context.weight"] = {.shape = {2}, .values = {0.125, 8}};
    weights.tensors["ad.weight"] = {.shape = {4}, .values = {2, 16, 1, 32}};
    weights.tensors["bias"] = {.shape = {1}, .values = {-3}};
    return Load(weights);
  }

  Auction RandomAuction(base::RandomStream& random, int candidates) const {
    Auction auction;
    *auction.mutable_context() = Named(absl::StrCat(R"({"hour":)", random.Below(24), R"(,"platform":"p)",
                                                    random.Below(9), R"(","words":["w)", random.Below(99), "\"]}"));
    for (int i = 0; i < candidates; ++i) {
      std::string tags;
      for (uint64_t t = random.Below(4); t > 0; --t) {
        absl::StrAppend(&tags, tags.empty() ? "" : ",", "\"t", random.Below(99), "\"");
      }
      *auction.add_candidates()->mutable_features() =
          Named(absl::StrCat(R"({"price":)", random.Normal(), R"(,"seen":)", random.Below(500), R"(,"C1":)",
                             random.Below(99), R"(,"tags":[)", tags, "]}"));
    }
    return auction;
  }

  const fs::path root_;
  ModelFile file_;
  std::shared_ptr<const features::Schema> schema_;
};

TEST_F(ModelTest, ByHand) {
  const auto model = HandMadeModel();
  EXPECT_EQ(model->ref(), "ctr@7");
  Auction auction;
  *auction.mutable_context() = Named(R"({"hour":6,"words":["a","b","c"]})");
  *auction.add_candidates()->mutable_features() = Named(R"({"price":1.5,"seen":0,"C1":"68fd1e64"})");
  *auction.add_candidates()->mutable_features() = Named("{}");
  EncodedFeatures& bags = *auction.add_candidates()->mutable_features()->mutable_encoded();
  bags.set_schema_id(schema_->id());
  for (int i = 0; i < 2; ++i) bags.add_dense(0);
  bags.add_fingerprints(0);
  for (const uint64_t fingerprint : {6, 7, 5}) bags.add_bag_fingerprints(fingerprint);
  bags.add_bag_lengths(2);
  bags.add_bag_lengths(1);
  const auto prediction = model->Predict(auction, "auction.");
  ASSERT_TRUE(prediction.ok()) << prediction.status();
  // Context: 0.125 x 6, platform missing 0.5, the mean of the words 64: 65.25. xxh64("C1\x1f" "68fd1e64") is
  // 0x6cc25f8365400c55 by Python's xxhash, odd, so bucket 1 + 1 = 2 of 3. The first ad: 2 x 1.5 + log 1 - 4.
  // The second: price and seen missing 16 + 32, C1 missing -1, no bags. The third: C1 missing -1; tags 6 and 7 of 7
  // buckets, so 1 + 0 and 1 + 1, mean 0.375; colour 5 of 4 buckets, so 1 + 2.
  EXPECT_THAT(prediction->logits, ElementsAre(62.25 - 1, 62.25 + 47, 62.25 - 1 + 0.375 + 4096));
  EXPECT_THAT(prediction->pctr, ElementsAre(1, 1, 1));
}

TEST_F(ModelTest, PctrIsTheCalibratedLogit) {
  const auto model = RandomModel(R"({"architecture":"logistic"})",
                                 /*deviation=*/0.1);  // logits on both sides of the one that calibration takes to 1
  base::RandomStream random(3, base::StreamId("test"), 0);
  int clamped = 0;
  for (int a = 0; a < 50; ++a) {
    const auto prediction = *model->Predict(RandomAuction(random, 1), "");
    const double calibrated = 1.5 / (1 + std::exp(0.25 - prediction.logits[0]));
    clamped += calibrated > 1;
    EXPECT_DOUBLE_EQ(prediction.pctr[0], calibrated > 1 ? 1 : calibrated);
  }
  EXPECT_GT(clamped, 0);
  EXPECT_LT(clamped, 50);
}

TEST_P(ModelTest, NamedAndEncodedFeaturesGiveTheSameBits) {
  const auto model = RandomModel(GetParam());
  Auction named, encoded;
  *named.mutable_context() = Named(R"({"hour":3.25,"platform":"desktop","words":["a","b"]})");
  *named.add_candidates()->mutable_features() =
      Named(R"({"price":-0.3,"seen":1e9,"C1":17,"tags":[],"colours":["red"]})");
  *named.add_candidates()->mutable_features() = Named(R"({"seen":null,"price":"NaN","tags":["x","y","x"]})");
  EncodedFeatures& context = *encoded.mutable_context()->mutable_encoded();
  context.set_schema_id(schema_->id());
  context.add_dense(3.25);
  context.add_fingerprints(features::Fingerprint("platform", "desktop"));
  for (const char* word : {"a", "b"}) context.add_bag_fingerprints(features::Fingerprint("words", word));
  context.add_bag_lengths(2);
  EncodedFeatures& first = *encoded.add_candidates()->mutable_features()->mutable_encoded();
  first.set_schema_id(schema_->id());
  first.add_dense(-0.3f);
  first.add_dense(1e9f);
  first.add_fingerprints(features::Fingerprint("C1", "17"));
  first.add_bag_fingerprints(features::Fingerprint("colours", "red"));
  first.add_bag_lengths(0);
  first.add_bag_lengths(1);
  EncodedFeatures& second = *encoded.add_candidates()->mutable_features()->mutable_encoded();
  second.set_schema_id(schema_->id());
  second.add_dense(NAN);
  second.add_dense(NAN);
  second.add_fingerprints(0);
  for (const char* tag : {"x", "y", "x"}) second.add_bag_fingerprints(features::Fingerprint("tags", tag));
  second.add_bag_lengths(3);
  second.add_bag_lengths(0);
  const auto a = model->Predict(named, ""), b = model->Predict(encoded, "");
  ASSERT_TRUE(a.ok()) << a.status();
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_EQ(a->logits, b->logits);
  EXPECT_EQ(a->pctr, b->pctr);
  EXPECT_NE(a->logits[0], a->logits[1]);
}

TEST_P(ModelTest, AbsentFeaturesAreAllMissing) {
  const auto model = RandomModel(GetParam());
  Auction absent, empty, nulls;
  absent.add_candidates();
  *empty.mutable_context() = Named("{}");
  *empty.add_candidates()->mutable_features() = Named("{}");
  *nulls.mutable_context() = Named(R"({"hour":null,"platform":null,"words":null})");
  *nulls.add_candidates()->mutable_features() = Named(R"({"price":null,"seen":"NaN","C1":null,"tags":[]})");
  const auto prediction = *model->Predict(absent, "");
  EXPECT_EQ(prediction.logits.size(), 1u);
  EXPECT_EQ(prediction.logits, model->Predict(empty, "")->logits);
  EXPECT_EQ(prediction.logits, model->Predict(nulls, "")->logits);
}

TEST_P(ModelTest, PredictionsDoNotDependOnTheOtherCandidates) {
  const auto model = RandomModel(GetParam());
  base::RandomStream random(4, base::StreamId("test"), 0);
  for (int n = 1; n <= 9; ++n) {
    const Auction auction = RandomAuction(random, n);
    const auto together = *model->Predict(auction, "");
    ASSERT_EQ(together.logits.size(), static_cast<size_t>(n));
    Auction reversed = auction;
    for (int i = 0; i < n; ++i) {
      *reversed.mutable_candidates(n - 1 - i) = auction.candidates(i);
      Auction alone = auction;
      alone.clear_candidates();
      *alone.add_candidates() = auction.candidates(i);
      const auto single = *model->Predict(alone, "");
      EXPECT_EQ(single.logits[0], together.logits[i]);
      EXPECT_EQ(single.pctr[0], together.pctr[i]);
    }
    const auto backwards = *model->Predict(reversed, "");
    EXPECT_EQ(std::vector<double>(backwards.logits.rbegin(), backwards.logits.rend()), together.logits);
  }
  Auction none;
  EXPECT_THAT(model->Predict(none, "")->pctr, ElementsAre());
}

INSTANTIATE_TEST_SUITE_P(Architectures, ModelTest, testing::ValuesIn(TestSpecs()),
                         [](const auto& info) { return NameOf(info.param); });

TEST_F(ModelTest, BadFeaturesAreNamedUnderThePrefix) {
  const auto model = RandomModel(R"({"architecture":"logistic"})");
  const std::string ad = "auction.candidates[1].features";
  const auto encoded = [&](const std::string& json) {
    Features features;
    EXPECT_TRUE(base::FromJson(json, features.mutable_encoded()).ok()) << json;
    return features;
  };
  const auto with = [&](const std::string& id, const std::string& dense) {
    return encoded(
        absl::StrCat(R"({"schema_id":")", id, R"(","dense":)", dense, R"(,"fingerprints":["0"],"bag_lengths":[0,0]})"));
  };
  const struct {
    Features features;
    std::string field;
  } cases[] = {
      {Named(R"({"nope":1})"), ad + ".nope"},
      {Named(R"({"hour":1})"), ad + ".hour"},
      {Named(R"({"price":"1"})"), ad + ".price"},
      {Named(R"({"price":[1]})"), ad + ".price"},
      {Named(R"({"price":true})"), ad + ".price"},
      {Named(R"({"price":1e39})"), ad + ".price"},
      {Named(R"({"C1":["a"]})"), ad + ".C1"},
      {Named(R"({"C1":1.5})"), ad + ".C1"},
      {Named(R"({"tags":"x"})"), ad + ".tags"},
      {Named(R"({"tags":["x",[]]})"), ad + ".tags[1]"},
      {with("0123456789abcdef", "[0,0]"), ad + ".schema_id"},
      {with("", "[0,0]"), ad + ".schema_id"},
      {with(schema_->id(), "[0]"), ad + ".dense"},
      {with(schema_->id(), "[0,0,0]"), ad + ".dense"},
      {with(schema_->id(), R"([0,"Infinity"])"), ad + ".dense[1]"},
      {with(schema_->id(), R"(["-Infinity",0])"), ad + ".dense[0]"},
      {encoded(absl::StrCat(R"({"schema_id":")", schema_->id(),
                            R"(","dense":[0,0],"fingerprints":["0"],"bag_lengths":[4294967295,4294967295]})")),
       ad + ".bag_lengths[0]"},
      {encoded(absl::StrCat(R"({"schema_id":")", schema_->id(),
                            R"(","dense":[0,0],"fingerprints":["0"],"bag_lengths":[4096,1]})")),
       ad + ".bag_fingerprints"},
      {encoded(absl::StrCat(R"({"schema_id":")", schema_->id(), R"(","dense":[0,0],"bag_lengths":[0,0]})")),
       ad + ".fingerprints"},
      {encoded(absl::StrCat(R"({"schema_id":")", schema_->id(), R"(","dense":[0,0],"fingerprints":["1"]})")),
       ad + ".bag_lengths"},
  };
  for (const auto& c : cases) {
    Auction auction;
    auction.add_candidates();
    *auction.add_candidates()->mutable_features() = c.features;
    const absl::Status status = model->Predict(auction, "auction.").status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << c.field << ": " << status;
    EXPECT_EQ(base::FieldOf(status), c.field) << status;
  }
  for (const auto& [features, field] : {std::pair(Named(R"({"nope":1})"), "auction.context.nope"),
                                        std::pair(Named(R"({"price":1})"), "auction.context.price"),
                                        std::pair(with("0123456789abcdef", "[0]"), "auction.context.schema_id")}) {
    Auction auction;
    *auction.mutable_context() = features;
    auction.add_candidates();
    EXPECT_EQ(base::FieldOf(model->Predict(auction, "auction.").status()), field);
  }
}

TEST_F(ModelTest, LoadGivesTheArtifactsErrors) {
  EXPECT_TRUE(absl::IsNotFound(Model::Load(root_ / "none").status()));
  HandMadeModel();
  fs::remove(root_ / "ctr" / "7" / "weights.safetensors");
  const absl::Status status = Model::Load(root_ / "ctr" / "7").status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("has no weights.safetensors"));
}

}  // namespace
}  // namespace vickrey::model
