// two_tower: the dot product of a context tower and an ad tower, each linear, as retrieval models use it.
//
//   x_context -- context.weight, context.bias, tables -- (r) --+
//                                                              +-- dot product -- + bias -- logit
//   x_ad ------- ad.weight, ad.bias, tables ------------ (r) --+
//
// r is the only entry of `hidden`. A side's main effect needs the constant of the other tower: with r = 1 both and
// their product share one direction. The context's tower is computed once for an auction. Constants start at
// 1 / (2 sqrt(r)), which keeps the gradients of both sides alive (all zeros would be a saddle point) and makes 1/4 of
// the logit whatever r is; weights start normal with a deviation of 0.1, tables of 0.05.
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/model/architecture.h"

namespace vickrey::model {
namespace {

using vickrey::storage::v1::ModelSpec;

constexpr double kConstant = 0.5, kWeightDeviation = 0.1, kTableDeviation = 0.05;

absl::Status Complete(const ModelSpec& spec, Layout* layout) {
  if (spec.hidden_size() != 1 || spec.hidden(0) < 1) {
    return base::InvalidField("hidden", "two_tower needs one entry, the width of the dot product, such as [8]");
  }
  const int width = spec.hidden(0);
  for (const auto& [name, side] : {std::pair("context", &layout->context), std::pair("ad", &layout->ad)}) {
    for (TableInput& table : side->tables) {
      table.width = width;
      layout->tensors.push_back({.name = table.tensor,
                                 .shape = {table.buckets, width},
                                 .start = TensorSpec::Start::kNormal,
                                 .scale = kTableDeviation});
    }
    layout->tensors.push_back({.name = absl::StrCat(name, ".weight"),
                               .shape = {width, side->dense_width()},
                               .start = TensorSpec::Start::kNormal,
                               .scale = kWeightDeviation});
    layout->tensors.push_back({.name = absl::StrCat(name, ".bias"),
                               .shape = {width},
                               .start = TensorSpec::Start::kConstant,
                               .scale = kConstant / std::sqrt(static_cast<double>(width))});
    // The logit is linear in one tower while the other stays.
    if (side != &layout->context) continue;
    for (const TensorSpec& tensor : layout->tensors) layout->output_tensors.push_back(tensor.name);
  }
  layout->tensors.push_back({.name = "bias", .shape = {1}});
  layout->output_bias = "bias";
  layout->output_tensors.push_back(layout->output_bias);
  return absl::OkStatus();
}

// Sums in one fixed order for each row, whatever else is in the batch.
class NativeTwoTower final : public Scorer {
 public:
  NativeTwoTower(const Layout& layout, const TensorViews& file)
      : context_(layout.context, "context", file),
        ad_(layout.ad, "ad", file),
        bias_(file.tensors.at("bias").values[0]) {}

  absl::StatusOr<std::vector<float>> Logits(const Batch& batch) const override {
    std::vector<float> logits, shared, own;
    logits.reserve(batch.candidates());
    for (int64_t a = 0; a < batch.auctions(); ++a) {
      context_.Compute(batch.context, a, &shared);
      for (int64_t i = batch.offsets[a]; i < batch.offsets[a + 1]; ++i) {
        ad_.Compute(batch.ads, i, &own);
        float logit = bias_;
        for (size_t k = 0; k < own.size(); ++k) logit += shared[k] * own[k];
        logits.push_back(logit);
      }
    }
    return logits;
  }

 private:
  class Tower {
   public:
    Tower(const SideInputs& inputs, const std::string& name, const TensorViews& file)
        : weight_(Values(file, name + ".weight")), bias_(Values(file, name + ".bias")), dense_(inputs.dense_width()) {
      for (const TableInput& table : inputs.tables) tables_.push_back(Values(file, table.tensor));
    }

    void Compute(const SideRows& rows, int64_t row, std::vector<float>* out) const {
      const auto width = static_cast<int64_t>(bias_.size());
      *out = bias_;
      const float* x = rows.dense.data() + row * dense_;
      for (int64_t k = 0; k < width; ++k) {
        for (int64_t j = 0; j < dense_; ++j) (*out)[k] += weight_[k * dense_ + j] * x[j];
      }
      for (size_t t = 0; t < tables_.size(); ++t) {
        const SideRows::Members& members = rows.tables[t];
        const int64_t begin = members.offsets[row], end = members.offsets[row + 1];
        for (int64_t k = 0; end > begin && k < width; ++k) {
          float of_table = 0;
          for (int64_t m = begin; m < end; ++m) of_table += tables_[t][members.buckets[m] * width + k];
          (*out)[k] += of_table / static_cast<float>(end - begin);
        }
      }
    }

   private:
    std::vector<float> weight_, bias_;
    std::vector<std::vector<float>> tables_;
    int64_t dense_;
  };

  const Tower context_, ad_;
  const float bias_;
};

std::unique_ptr<const Scorer> MakeNative(const ModelSpec&, const Layout& layout, const TensorViews& file) {
  return std::make_unique<NativeTwoTower>(layout, file);
}

}  // namespace

const Architecture kTwoTower = {"two_tower", &Complete, &MakeNative};

}  // namespace vickrey::model
