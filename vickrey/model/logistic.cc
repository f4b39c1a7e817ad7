// logistic: a weight for each dense input and for each bucket of each table; their sum is the logit.
//
//   x_context, tables of the context --+
//                                      +-- sum of weight . x and of table[bucket] -- + bias -- logit
//   x_ad, tables of the ad ------------+
//
// As H. B. McMahan et al., "Ad Click Prediction: a View from the Trenches", KDD 2013. What the context adds is computed
// once for an auction.
//
// Everything starts from zero, which is no loss: the objective has one minimum.
#include <algorithm>
#include <string>

#include "vickrey/base/status.h"
#include "vickrey/model/architecture.h"
#include "vickrey/model/groups.h"
#include "vickrey/model/lookup.h"
#include "vickrey/model/matrix.h"

namespace vickrey::model {
namespace {

using vickrey::storage::v1::ModelSpec;

int TableWidth(const ModelSpec&, const vickrey::v1::FeatureField&) { return 1; }

absl::Status Complete(const ModelSpec& spec, Layout* layout) {
  if (spec.hidden_size() > 0) return base::InvalidField("hidden", "logistic has no hidden layers");
  AddTables(/*deviation=*/0, layout);
  layout->tensors.push_back({.name = "context.weight", .shape = {layout->context.dense_width()}});
  layout->tensors.push_back({.name = "ad.weight", .shape = {layout->ad.dense_width()}});
  layout->tensors.push_back({.name = "bias", .shape = {1}});
  layout->output_bias = "bias";
  layout->output_parameters = {"context.weight", "ad.weight", "bias"};
  ForEachArena(*layout, [&](const Arena& arena) { layout->output_parameters.push_back(arena.parameter); });
  return absl::OkStatus();
}

// Sums in one fixed order for each row, whatever else is in the batch.
class NativeLogistic final : public Scorer {
 public:
  NativeLogistic(const Layout& layout, const TensorViews& file)
      : context_(layout.context, "context.weight", file),
        ad_(layout.ad, "ad.weight", file),
        bias_(file.tensors.at("bias").values[0]) {}

  absl::Status Logits(const Batch& batch, std::span<float> logits) const override {
    ForEachGroup(batch, [&](const Group& group) {
      float* const shared = ThreadScratch(group.end - group.begin);
      std::fill(shared, shared + (group.end - group.begin), 0.0f);
      context_.Add(batch.context, group.begin, group.end, shared);
      for (int64_t a = group.begin; a < group.end; ++a) {
        std::fill(logits.begin() + batch.offsets[a], logits.begin() + batch.offsets[a + 1], shared[a - group.begin]);
      }
      ad_.Add(batch.ads, batch.offsets[group.begin], batch.offsets[group.end],
              logits.data() + batch.offsets[group.begin]);
    });
    for (float& logit : logits) logit += bias_;
    return absl::OkStatus();
  }

 private:
  class Side {
   public:
    Side(const SideInputs& inputs, const std::string& weight, const TensorViews& file)
        : lookup_(inputs, file), weight_(Values(file, weight)) {}

    // Adds to the sums of rows [begin, end).
    void Add(const SideRows& rows, int64_t begin, int64_t end, float* sums) const {
      for (int64_t i = begin; i < end && !weight_.empty(); ++i) sums[i - begin] += Dot(lookup_.Dense(rows, i), weight_);
      lookup_.AddTables(rows, begin, end, sums, /*stride=*/1);
    }

   private:
    Lookup lookup_;
    std::vector<float> weight_;
  };

  const Side context_, ad_;
  const float bias_;
};

std::unique_ptr<const Scorer> MakeNative(const ModelSpec&, const Layout& layout, const TensorViews& file) {
  return std::make_unique<NativeLogistic>(layout, file);
}

}  // namespace

const Architecture kLogistic = {"logistic", /*crosses=*/false, /*attends=*/false, &TableWidth, &Complete, &MakeNative};

}  // namespace vickrey::model
