// two_tower: the dot product of a context tower and an ad tower, each linear, as retrieval models use it.
//
//   x_context -- context.weight, context.bias, tables -- (r) --+
//                                                              +-- dot product -- + bias -- logit
//   x_ad ------- ad.weight, ad.bias, tables ------------ (r) --+
//
// As X. Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys 2019, with
// towers of one layer. r is the only entry of `hidden`. A side's main effect needs the constant of the other tower:
// with r = 1 both and their product share one direction. The context's tower is computed once for an auction. Constants
// start at 1 / (2 sqrt(r)), which keeps the gradients of both sides alive (all zeros would be a saddle point) and makes
// 1/4 of the logit whatever r is; weights start normal with a deviation of 0.1, tables of 0.05.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/model/architecture.h"
#include "vickrey/model/groups.h"
#include "vickrey/model/lookup.h"
#include "vickrey/model/matrix.h"

namespace vickrey::model {
namespace {

using vickrey::storage::v1::ModelSpec;

constexpr double kConstant = 0.5, kWeightDeviation = 0.1, kTableDeviation = 0.05;

int TableWidth(const ModelSpec& spec, const vickrey::v1::FeatureField&) {
  return spec.hidden_size() == 1 && spec.hidden(0) >= 1 ? spec.hidden(0) : 1;  // Complete refuses others
}

absl::Status Complete(const ModelSpec& spec, Layout* layout) {
  if (spec.hidden_size() != 1 || spec.hidden(0) < 1) {
    return base::InvalidField("hidden", "two_tower needs one entry, the width of the dot product, such as [8]");
  }
  const int width = spec.hidden(0);
  AddTables(kTableDeviation, layout);
  for (const auto& [name, side] : {std::pair("context", &layout->context), std::pair("ad", &layout->ad)}) {
    layout->tensors.push_back({.name = absl::StrCat(name, ".weight"),
                               .shape = {width, side->dense_width()},
                               .start = TensorSpec::Start::kNormal,
                               .scale = kWeightDeviation});
    layout->tensors.push_back({.name = absl::StrCat(name, ".bias"),
                               .shape = {width},
                               .start = TensorSpec::Start::kConstant,
                               .scale = kConstant / std::sqrt(static_cast<double>(width))});
  }
  layout->tensors.push_back({.name = "bias", .shape = {1}});
  layout->output_bias = "bias";
  // In one tower, while the other stays.
  layout->output_parameters = {"context.weight", "context.bias", layout->output_bias};
  for (const Arena& arena : layout->context.arenas) layout->output_parameters.push_back(arena.parameter);
  return absl::OkStatus();
}

class NativeTwoTower final : public Scorer {
 public:
  NativeTwoTower(const Layout& layout, const TensorViews& file)
      : context_(layout.context, "context", file),
        ad_(layout.ad, "ad", file),
        bias_(file.tensors.at("bias").values[0]) {}

  absl::Status Logits(const Batch& batch, std::span<float> logits) const override {
    ForEachGroup(batch, [&](const Group& group) { Evaluate(batch, group, logits); });
    return absl::OkStatus();
  }

 private:
  class Tower {
   public:
    Tower(const SideInputs& inputs, const std::string& name, const TensorViews& file)
        : lookup_(inputs, file),
          weight_(file.tensors.at(name + ".weight")),
          bias_(PaddedVector(file.tensors.at(name + ".bias").values)) {}

    int64_t width() const { return weight_.outputs(); }
    int64_t padded() const { return weight_.padded(); }

    // (end - begin, padded()) of rows [begin, end), at most kMostRows.
    void Compute(const SideRows& rows, int64_t begin, int64_t end, float* out) const {
      weight_.Multiply(lookup_.Dense(rows, begin).data(), weight_.inputs(), end - begin, {.bias = bias_.data()}, out,
                       padded());
      lookup_.AddTables(rows, begin, end, out, padded());
    }

   private:
    Lookup lookup_;
    PackedMatrix weight_;
    std::vector<float> bias_;
  };

  void Evaluate(const Batch& batch, const Group& group, std::span<float> logits) const {
    const int64_t auctions = group.end - group.begin, padded = context_.padded();
    const int64_t most = std::min(kMostRows, batch.offsets[group.end] - batch.offsets[group.begin]);
    float* const shared = ThreadScratch((auctions + most) * padded);
    float* const own = shared + auctions * padded;
    context_.Compute(batch.context, group.begin, group.end, shared);
    ForEachPart(batch, group, [&](int64_t begin, int64_t end) {
      ad_.Compute(batch.ads, begin, end, own);
      for (int64_t a = group.begin; a < group.end; ++a) {
        for (int64_t i = std::max(begin, batch.offsets[a]); i < std::min(end, batch.offsets[a + 1]); ++i) {
          logits[i] = bias_ + Dot({shared + (a - group.begin) * padded, static_cast<size_t>(context_.width())},
                                  {own + (i - begin) * padded, static_cast<size_t>(context_.width())});
        }
      }
    });
  }

  const Tower context_, ad_;
  const float bias_;
};

std::unique_ptr<const Scorer> MakeNative(const ModelSpec&, const Layout& layout, const TensorViews& file) {
  return std::make_unique<NativeTwoTower>(layout, file);
}

}  // namespace

const Architecture kTwoTower = {"two_tower", /*crosses=*/false, /*attends=*/false, &TableWidth, &Complete, &MakeNative};

}  // namespace vickrey::model
