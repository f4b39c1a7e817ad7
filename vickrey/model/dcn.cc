// dcn: a deep and cross network, version 2, its two parts side by side.
//
//   x_0 = [x_context, x_ad]
//    |
//    +-- x_1 = x_0 * (W_0 x_0 + b_0) + x_0 -- ... -- x_L = x_0 * (W x_{L-1} + b) + x_{L-1} -- output.cross --+
//    |                                                                                                       |
//    +-- hidden layers with ReLU, as in mlp; none: the cross layers alone --------------------- output.deep --+
//                                                                                                            |
//                                                                                 logit -- + output.bias ----+
//
// * is elementwise. W_l is a whole matrix, or with `cross_rank` r the product of up (d, r) and down (r, d), where d is
// the number of inputs. R. Wang et al., "DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale
// Learning to Rank Systems", WWW 2021, arXiv:2008.13535: equations 1 and 2, the parallel structure of figure 1.
//
// What the first cross layer and the first hidden layer take from the context is computed once for an auction. Weights
// and biases start uniform within 1 / sqrt(inputs), tables normal with a deviation of 0.05.
#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/model/architecture.h"
#include "vickrey/model/groups.h"
#include "vickrey/model/layers.h"
#include "vickrey/model/lookup.h"

namespace vickrey::model {
namespace {

using vickrey::storage::v1::ModelSpec;

constexpr int kMostCrossLayers = 64;

absl::Status Complete(const ModelSpec& spec, Layout* layout) {
  const int64_t context = layout->context.width(), ad = layout->ad.width(), inputs = context + ad;
  const int64_t rank = spec.cross_rank();
  if (spec.cross_layers() < 1 || spec.cross_layers() > kMostCrossLayers) {
    return base::InvalidField("cross_layers",
                              absl::StrCat(spec.cross_layers(), " is out of range; dcn needs 1 to ", kMostCrossLayers));
  }
  if (rank < 0 || rank > inputs) {
    return base::InvalidField("cross_rank", absl::StrCat(rank, " is out of range; dcn takes 0, for full matrices, to ",
                                                         inputs, ", the number of inputs"));
  }
  AddTables(kEmbeddingDeviation, layout);
  for (int l = 0; l < spec.cross_layers(); ++l) {
    const std::string layer = absl::StrCat("cross.", l);
    const std::string matrix = rank > 0 ? layer + ".down" : layer;
    const int64_t outputs = rank > 0 ? rank : inputs;
    if (l == 0) {
      AddUniform(matrix + ".context", {outputs, context}, inputs, layout);
      AddUniform(matrix + ".ad", {outputs, ad}, inputs, layout);
    } else {
      AddUniform(matrix + ".weight", {outputs, inputs}, inputs, layout);
    }
    if (rank > 0) AddUniform(layer + ".up.weight", {inputs, rank}, rank, layout);
    AddUniform(layer + ".bias", {inputs}, inputs, layout);
  }
  RETURN_IF_ERROR(AddHiddenLayers(spec, layout));
  const int64_t deep = spec.hidden().empty() ? 0 : spec.hidden(spec.hidden_size() - 1);
  AddUniform("output.cross", {inputs}, inputs + deep, layout);
  if (deep > 0) AddUniform("output.deep", {deep}, inputs + deep, layout);
  AddUniform("output.bias", {1}, inputs + deep, layout);
  layout->output_bias = "output.bias";
  layout->output_parameters = {"output.cross", "output.bias"};
  if (deep > 0) layout->output_parameters.emplace_back("output.deep");
  return absl::OkStatus();
}

class NativeDcn final : public Scorer {
 public:
  NativeDcn(const ModelSpec& spec, const Layout& layout, const TensorViews& file)
      : context_(layout.context, file),
        ad_(layout.ad, file),
        inputs_(context_.width() + ad_.width()),
        low_rank_(spec.cross_rank() > 0),
        first_(low_rank_ ? "cross.0.down" : "cross.0",
               low_rank_ ? std::span<const float>() : file.tensors.at("cross.0.bias").values, file),
        cross_output_(Values(file, "output.cross")),
        bias_(file.tensors.at("output.bias").values[0]) {
    for (int l = 0; l < spec.cross_layers(); ++l) {
      const std::string name = absl::StrCat("cross.", l);
      CrossLayer layer{.bias = PaddedVector(file.tensors.at(name + ".bias").values)};
      if (l > 0) layer.weight = PackedMatrix(file.tensors.at(name + (low_rank_ ? ".down.weight" : ".weight")));
      if (low_rank_) layer.up = PackedMatrix(file.tensors.at(name + ".up.weight"));
      layers_.push_back(std::move(layer));
    }
    if (spec.hidden().empty()) return;
    hidden_.emplace(spec, file);
    deep_output_ = Values(file, "output.deep");
  }

  absl::Status Logits(const Batch& batch, std::span<float> logits) const override {
    ForEachGroup(batch, [&](const Group& group) { Evaluate(batch, group, logits); });
    return absl::OkStatus();
  }

 private:
  struct CrossLayer {
    PackedMatrix weight;  // or its `down`; of the first layer it is in first_
    PackedMatrix up;      // of low rank only
    std::vector<float> bias;
  };

  void Evaluate(const Batch& batch, const Group& group, std::span<float> logits) const {
    const int64_t auctions = group.end - group.begin;
    const int64_t most = std::min(kMostRows, batch.offsets[group.end] - batch.offsets[group.begin]);
    const int64_t padded = PackedMatrix::Padded(inputs_);
    const int64_t deep = hidden_.has_value() ? hidden_->first().padded() : 0;
    const int64_t deep_scratch = hidden_.has_value() ? hidden_->ScratchFor(most) : 0;
    float* const contexts = ThreadScratch(auctions * (context_.width() + first_.padded() + deep) +
                                          most * (ad_.width() + inputs_ + padded + first_.padded()) + deep_scratch);
    float* const shared = contexts + auctions * context_.width();
    float* const deep_shared = shared + auctions * first_.padded();
    float* const ads = deep_shared + auctions * deep;
    const Crossing crossing{.contexts = contexts,
                            .shared = shared,
                            .ads = ads,
                            .x = ads + most * ad_.width(),
                            .gate = ads + most * (ad_.width() + inputs_),
                            .down = ads + most * (ad_.width() + inputs_ + padded)};
    float* const scratch = crossing.down + most * first_.padded();
    context_.Gather(batch.context, group.begin, group.end, contexts);
    first_.Context(contexts, auctions, shared);
    if (hidden_.has_value()) hidden_->first().Context(contexts, auctions, deep_shared);
    ForEachPart(batch, group, [&](int64_t begin, int64_t end) {
      ad_.Gather(batch.ads, begin, end, ads);
      Cross(batch, group, begin, end, crossing);
      for (int64_t i = begin; i < end; ++i) {
        logits[i] = bias_ + Dot({crossing.x + (i - begin) * inputs_, cross_output_.size()}, cross_output_);
      }
      if (!hidden_.has_value()) return;
      const auto [rows, stride] = hidden_->Evaluate(batch, group, begin, end, ads, deep_shared, scratch);
      for (int64_t i = begin; i < end; ++i) {
        logits[i] += Dot({rows + (i - begin) * stride, deep_output_.size()}, deep_output_);
      }
    });
  }

  // What the cross layers of some candidates work on.
  struct Crossing {
    const float* contexts;  // (auctions, context_.width())
    const float* shared;    // (auctions, first_.padded())
    const float* ads;       // (candidates, ad_.width())
    float* x;               // (candidates, inputs_), the result
    float* gate;            // (candidates, padded inputs_)
    float* down;            // (candidates, first_.padded())
  };

  void Cross(const Batch& batch, const Group& group, int64_t begin, int64_t end, const Crossing& c) const {
    const int64_t rows = end - begin, padded = PackedMatrix::Padded(inputs_);
    for (size_t l = 0; l < layers_.size(); ++l) {
      const CrossLayer& layer = layers_[l];
      float* const product = low_rank_ ? c.down : c.gate;
      if (l == 0) {
        first_.Ads(batch, group, begin, end, c.ads, c.shared, /*relu=*/false, product);
      } else {
        const float* const bias = low_rank_ ? nullptr : layer.bias.data();
        layer.weight.Multiply(c.x, inputs_, rows, {.bias = bias}, product, layer.weight.padded());
      }
      if (low_rank_) {
        layer.up.Multiply(c.down, first_.padded(), rows, {.bias = layer.bias.data()}, c.gate, padded);
      }
      for (int64_t a = group.begin; a < group.end; ++a) {
        for (int64_t i = std::max(begin, batch.offsets[a]); i < std::min(end, batch.offsets[a + 1]); ++i) {
          const float* const gate = c.gate + (i - begin) * padded;
          float* const x = c.x + (i - begin) * inputs_;
          Gate(c.contexts + (a - group.begin) * context_.width(), gate, context_.width(), l == 0, x);
          Gate(c.ads + (i - begin) * ad_.width(), gate + context_.width(), ad_.width(), l == 0, x + context_.width());
        }
      }
    }
  }

  // x = x_0 * gate + x, where in the first layer x is x_0.
  static void Gate(const float* x0, const float* gate, int64_t count, bool first, float* x) {
    const float* const last = first ? x0 : x;
    for (int64_t j = 0; j < count; ++j) x[j] = x0[j] * gate[j] + last[j];
  }

  const Lookup context_, ad_;
  const int64_t inputs_;
  const bool low_rank_;
  const FirstLayer first_;
  std::vector<CrossLayer> layers_;
  std::optional<HiddenLayers> hidden_;
  const std::vector<float> cross_output_;
  std::vector<float> deep_output_;
  const float bias_;
};

std::unique_ptr<const Scorer> MakeNative(const ModelSpec& spec, const Layout& layout, const TensorViews& file) {
  return std::make_unique<NativeDcn>(spec, layout, file);
}

}  // namespace

const Architecture kDcn = {"dcn", /*crosses=*/true, /*attends=*/false, &EmbeddingWidth, &Complete, &MakeNative};

}  // namespace vickrey::model
