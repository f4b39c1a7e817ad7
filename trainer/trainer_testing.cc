#include "trainer/trainer_testing.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "trainer/data/dataset.h"
#include "trainer/evaluate.h"
#include "trainer/export.h"

namespace vickrey::trainer {

std::shared_ptr<const features::Schema> OneFeature() {
  vickrey::v1::FeatureSchema proto;
  auto& field = *proto.add_fields();
  field.set_name("x");
  field.set_side(vickrey::v1::FeatureField::AD);
  field.set_kind(vickrey::v1::FeatureField::DENSE);
  return *features::Schema::Create(proto);
}

std::filesystem::path Folder(const std::string& name) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / absl::StrCat(name, "-", getpid());
  std::filesystem::remove_all(folder);
  return folder;
}

Grouping MakeData(const Sheet& sheet, int folds) {
  const auto schema = OneFeature();
  const model::Layout inputs = *model::MakeInputs(*schema);
  Chunk chunk;
  std::vector<uint64_t> ids;
  vickrey::v1::EncodedFeatures context, zero, one;
  zero.add_dense(0);
  one.add_dense(1);
  for (size_t a = 0; a < sheet.parts.size(); ++a) {
    chunk.features.Append(inputs, context, {&zero, &one});
    ids.push_back(a);
  }
  chunk.clicks = sheet.clicks;
  chunk.truths = sheet.truths;
  chunk.bids_micros = sheet.bids;
  chunk.values_micros = sheet.values;
  static int made = 0;
  const std::filesystem::path folder = Folder(absl::StrCat("data-", made++));
  auto writer = *DatasetWriter::Create(folder, schema, {});
  EXPECT_TRUE(writer->Append(chunk, ids, sheet.parts).ok());
  EXPECT_TRUE(writer->Publish().ok());
  auto grouping = Grouping::Make(*Dataset::Open(folder), folds, /*seed=*/1);
  EXPECT_TRUE(grouping.ok()) << grouping.status();
  return *grouping;
}

Workers& Alone() {
  static const auto workers = *Workers::FromEnvironment({});
  return *workers;
}

vickrey::config::v1::ModelConfig Logistic() {
  vickrey::config::v1::ModelConfig config;
  config.set_architecture("logistic");
  return config;
}

std::unique_ptr<torch::Network> Start(const vickrey::config::v1::ModelConfig& model, double click_rate, int outputs) {
  return *NewNetwork(model, *OneFeature(), click_rate, 1, {.outputs = outputs});
}

std::vector<float> LogitsOfTrain(const Grouping& data, const torch::Network& network) {
  std::vector<float> all;
  EXPECT_TRUE(ForEachScored(Sample(data.Train(), 0), network, [&](const Chunk&, const std::vector<float>& logits) {
                all.insert(all.end(), logits.begin(), logits.end());
                return absl::OkStatus();
              }).ok());
  return all;
}

}  // namespace vickrey::trainer
