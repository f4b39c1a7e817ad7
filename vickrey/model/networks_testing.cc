#include "vickrey/model/networks_testing.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "vickrey/base/json.h"
#include "vickrey/features/fingerprint.h"
#include "vickrey/model/architecture.h"

namespace vickrey::model {

using vickrey::storage::v1::ModelSpec;
using vickrey::v1::EncodedFeatures;
using vickrey::v1::FeatureField;

std::shared_ptr<const features::Schema> TestSchema() {
  vickrey::v1::FeatureSchema proto;
  const absl::Status parsed = base::FromJson(R"({"fields":[
    {"name":"hour","side":"CONTEXT","kind":"DENSE","transform":"NONE"},
    {"name":"platform","side":"CONTEXT","kind":"CATEGORICAL","buckets":11,"embedding_width":3},
    {"name":"country","side":"CONTEXT","kind":"CATEGORICAL","buckets":7,"embedding_width":3},
    {"name":"words","side":"CONTEXT","kind":"BAG","buckets":11,"embedding_width":3},
    {"name":"visits","side":"CONTEXT","kind":"DENSE","transform":"SIGNED_LOG1P"},
    {"name":"age","side":"CONTEXT","kind":"DENSE","transform":"STANDARDIZE","mean":3,"deviation":2},
    {"name":"price","side":"AD","kind":"DENSE","transform":"STANDARDIZE","mean":-1,"deviation":0.5},
    {"name":"width","side":"AD","kind":"DENSE","transform":"BUCKETIZE","buckets":6,"embedding_width":5,
     "boundaries":[-1,0,0.5]},
    {"name":"ad","side":"AD","kind":"CATEGORICAL","buckets":13,"embedding_width":5},
    {"name":"format","side":"AD","kind":"CATEGORICAL","buckets":5,"embedding_width":2},
    {"name":"tags","side":"AD","kind":"BAG","buckets":11,"embedding_width":2},
    {"name":"colours","side":"AD","kind":"BAG","buckets":4,"embedding_width":2},
    {"name":"seen","side":"AD","kind":"DENSE","transform":"SIGNED_LOG1P"}]})",
                                             &proto);
  EXPECT_TRUE(parsed.ok()) << parsed;
  return *features::Schema::Create(proto);
}

ModelSpec SpecOf(const std::string& json) {
  ModelSpec spec;
  const absl::Status parsed = base::FromJson(json, &spec);
  EXPECT_TRUE(parsed.ok()) << parsed;
  return spec;
}

std::vector<std::string> TestSpecs() {
  return {
      R"({"architecture":"logistic"})",
      R"({"architecture":"mlp","hidden":[1]})",
      R"({"architecture":"mlp","hidden":[16,32]})",
      R"({"architecture":"mlp","hidden":[70,33,17]})",
      R"({"architecture":"dcn","cross_layers":1})",
      R"({"architecture":"dcn","cross_layers":3,"hidden":[20,5]})",
      R"({"architecture":"dcn","cross_layers":3,"cross_rank":2,"hidden":[16]})",
      R"({"architecture":"two_tower","hidden":[1]})",
      R"({"architecture":"two_tower","hidden":[19]})",
      R"({"architecture":"autoint","attention_layers":1,"attention_heads":4,"attention_width":1,"field_width":16})",
      R"({"architecture":"autoint","attention_layers":1,"attention_heads":2,"attention_width":16,"field_width":8})",
      R"({"architecture":"autoint","attention_layers":2,"attention_heads":3,"attention_width":5,"field_width":7,
          "hidden":[20,5]})",
  };
}

std::string NameOf(const std::string& json) {
  const ModelSpec spec = SpecOf(json);
  std::string name = spec.architecture();
  if (spec.cross_layers() > 0) absl::StrAppend(&name, "_cross_", spec.cross_layers());
  if (spec.cross_rank() > 0) absl::StrAppend(&name, "_rank_", spec.cross_rank());
  if (spec.attention_layers() > 0) {
    absl::StrAppend(&name, "_attention_", spec.attention_layers(), "_", spec.attention_heads(), "_",
                    spec.attention_width(), "_field_", spec.field_width());
  }
  if (!spec.hidden().empty()) absl::StrAppend(&name, "_hidden_", absl::StrJoin(spec.hidden(), "_"));
  return name;
}

TestNetwork::TestNetwork(const std::string& json) : spec(SpecOf(json)), layout(*MakeLayout(spec, *schema)) {
  tensors = StartTensors(layout, 7);
  base::RandomStream random(8, base::StreamId("test"), 1);
  for (auto& [name, tensor] : tensors.tensors) {
    for (float& value : tensor.values) value += static_cast<float>(.2 * random.Normal());  // zeros would prove nothing
  }
}

std::unique_ptr<const Scorer> TestNetwork::Native() const {
  return (*FindArchitecture(spec.architecture()))->make_native(spec, layout, ViewOf(tensors));
}

EncodedFeatures RandomFeatures(FeatureField::Side side, base::RandomStream& random, double scale) {
  static const auto schema = TestSchema();
  const features::Schema::Counts& counts = schema->counts(side);
  EncodedFeatures encoded;
  for (int i = 0; i < counts.dense; ++i) {
    encoded.add_dense(random.Bernoulli(.2) ? std::numeric_limits<float>::quiet_NaN()
                                           : static_cast<float>(scale * random.Normal()));
  }
  for (int i = 0; i < counts.categorical; ++i) {
    encoded.add_fingerprints(random.Bernoulli(.2) ? features::kMissing : random.Bits());
  }
  for (int i = 0; i < counts.bag; ++i) {
    encoded.add_bag_lengths(static_cast<uint32_t>(random.Below(4)));  // 0: an empty bag
    for (uint32_t k = 0; k < encoded.bag_lengths(i); ++k) encoded.add_bag_fingerprints(random.Bits());
  }
  return encoded;
}

Batch RandomBatch(const Layout& layout, const std::vector<int>& candidates, uint64_t seed, double scale) {
  base::RandomStream random(seed, base::StreamId("test"), 0);
  Batch batch;
  for (const int n : candidates) {
    const EncodedFeatures context = RandomFeatures(FeatureField::CONTEXT, random, scale);
    std::vector<EncodedFeatures> ads(n);
    std::vector<const EncodedFeatures*> pointers;
    for (EncodedFeatures& ad : ads) {
      ad = RandomFeatures(FeatureField::AD, random, scale);
      pointers.push_back(&ad);
    }
    batch.Append(layout, context, pointers);
  }
  return batch;
}

std::vector<float> LogitsOf(const Scorer& scorer, const Batch& batch) {
  std::vector<float> logits(batch.candidates(), std::numeric_limits<float>::quiet_NaN());
  const absl::Status status = scorer.Logits(batch, logits);
  EXPECT_TRUE(status.ok()) << status;
  return logits;
}

}  // namespace vickrey::model
