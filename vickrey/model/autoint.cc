// autoint: multi-head self-attention over the fields of a candidate, the context's and the ad's.
//
//   fields e_1 .. e_M, each of width d
//    |
//    +-- attention.0 -- ... -- attention.L -- y_1 .. y_M, side by side ----------- output.attention --+
//    |                                                                                               |
//    +-- hidden layers with ReLU, as in mlp, on its inputs; none: attention alone --- output.deep ---+
//                                                                                                    |
//                                                                          logit -- + output.bias ---+
//
// W. Song et al., "AutoInt: Automatic Feature Interaction Learning via Self-Attentive Neural Networks", CIKM 2019,
// arXiv:1810.11921: equations 3 to 10; with hidden layers its AutoInt+. A layer, for each head h and field m:
//
//   mixed_m^h = sum over n of softmax over n of (query^h x_m . key^h x_n) value^h x_n
//   y_m = ReLU([mixed_m^1, ..., mixed_m^H] + residual x_m)
//
// Products with keys are not divided by the root of the width, and there are no biases: as in the paper. d is
// `field_width`: a field's table has rows of it, whatever width the schema names, so that no field needs a projection.
// A dense field is its transformed value times one learned vector, or another vector where it is missing.
//
// What the first layer projects of the context is computed once for an auction. Weights and output.bias start uniform
// within 1 / sqrt(inputs), tables and the vectors of dense fields normal with a deviation of 0.05.
#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/model/architecture.h"
#include "vickrey/model/attention.h"
#include "vickrey/model/groups.h"
#include "vickrey/model/layers.h"
#include "vickrey/model/lookup.h"

namespace vickrey::model {
namespace {

using vickrey::storage::v1::ModelSpec;

constexpr int kMostLayers = 16, kMostHeads = 64, kMostWidth = 1024;
constexpr int64_t kMostFields = 1024;    // each sees all others
constexpr int64_t kFieldsAtATime = 128;  // about so many rows of fields go through a layer together

int TableWidth(const ModelSpec& spec, const vickrey::v1::FeatureField&) {
  return spec.field_width() >= 1 && spec.field_width() <= kMostWidth ? spec.field_width()
                                                                     : 1;  // Complete refuses others
}

int64_t FieldsOf(const SideInputs& side) { return static_cast<int64_t>(side.dense.size()) + side.singles + side.bags; }

absl::Status Check(const ModelSpec& spec, int64_t fields) {
  for (const auto& [field, value, most] : {std::tuple("attention_layers", spec.attention_layers(), kMostLayers),
                                           {"attention_heads", spec.attention_heads(), kMostHeads},
                                           {"attention_width", spec.attention_width(), kMostWidth},
                                           {"field_width", spec.field_width(), kMostWidth}}) {
    if (value >= 1 && value <= most) continue;
    return base::InvalidField(field, absl::StrCat(value, " is out of range; autoint needs 1 to ", most));
  }
  if (fields > kMostFields) {
    return base::InvalidField("schema.fields", absl::StrCat("has ", fields, " fields; autoint, in which each of them ",
                                                            "sees all others, takes at most ", kMostFields));
  }
  return absl::OkStatus();
}

absl::Status Complete(const ModelSpec& spec, Layout* layout) {
  const int64_t fields = FieldsOf(layout->context) + FieldsOf(layout->ad);
  RETURN_IF_ERROR(Check(spec, fields));
  AddTables(kEmbeddingDeviation, layout);
  for (const auto& [name, side] : {std::pair("context.dense", &layout->context), std::pair("ad.dense", &layout->ad)}) {
    layout->tensors.push_back({.name = name,
                               .shape = {side->dense_width(), spec.field_width()},
                               .start = TensorSpec::Start::kNormal,
                               .scale = kEmbeddingDeviation});
  }
  const int64_t outputs = int64_t{spec.attention_heads()} * spec.attention_width();
  for (int l = 0; l < spec.attention_layers(); ++l) {
    const int64_t inputs = l == 0 ? spec.field_width() : outputs;
    for (const char* part : {"query", "key", "value", "residual"}) {
      AddUniform(absl::StrCat("attention.", l, ".", part), {outputs, inputs}, inputs, layout);
    }
  }
  RETURN_IF_ERROR(AddHiddenLayers(spec, layout));
  const int64_t deep = spec.hidden().empty() ? 0 : spec.hidden(spec.hidden_size() - 1);
  const int64_t inputs = fields * outputs + deep;
  AddUniform("output.attention", {fields * outputs}, inputs, layout);
  if (deep > 0) AddUniform("output.deep", {deep}, inputs, layout);
  AddUniform("output.bias", {1}, inputs, layout);
  layout->output_bias = "output.bias";
  layout->output_parameters = {"output.attention", "output.bias"};
  if (deep > 0) layout->output_parameters.emplace_back("output.deep");
  return absl::OkStatus();
}

// The fields of one side.
class Embedding {
 public:
  Embedding(const SideInputs& inputs, const std::string& name, int64_t width, const TensorViews& file)
      : lookup_(inputs, file),
        width_(width),
        dense_(static_cast<int64_t>(inputs.dense.size())),
        fields_(FieldsOf(inputs)),
        vectors_(Values(file, name + ".dense")) {}

  const Lookup& lookup() const { return lookup_; }
  // For each row of inputs.
  int64_t fields() const { return fields_; }

  // (fields(), width) of one row of inputs, as the lookup gathers them.
  void Embed(const float* inputs, float* rows) const {
    const float* vector = vectors_.data();
    for (int64_t i = 0; i < dense_; ++i, inputs += 2, vector += 2 * width_, rows += width_) {
      for (int64_t j = 0; j < width_; ++j) rows[j] = inputs[0] * vector[j] + inputs[1] * vector[width_ + j];
    }
    std::copy_n(inputs, (fields_ - dense_) * width_, rows);  // the tables' rows are the fields'
  }

 private:
  const Lookup lookup_;
  const int64_t width_, dense_, fields_;
  const std::vector<float> vectors_;  // (2 x dense_, width_)
};

class NativeAutoint final : public Scorer {
 public:
  NativeAutoint(const ModelSpec& spec, const Layout& layout, const TensorViews& file)
      : context_(layout.context, "context", spec.field_width(), file),
        ad_(layout.ad, "ad", spec.field_width(), file),
        fields_(context_.fields() + ad_.fields()),
        width_(spec.field_width()),
        output_(Values(file, "output.attention")),
        bias_(file.tensors.at("output.bias").values[0]) {
    for (int l = 0; l < spec.attention_layers(); ++l) {
      layers_.emplace_back(absl::StrCat("attention.", l), spec.attention_heads(), file);
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
  // What the attention layers work on, some candidates at a time.
  struct Work {
    float* scratch;      // of Attend
    float* context;      // (context's fields, width): of one auction
    float* shared;       // (context's fields, projected): the same through the first layer
    float* rows;         // (candidates x fields, width, or outputs of a layer)
    float* projections;  // (candidates x fields, projected)
  };

  void Evaluate(const Batch& batch, const Group& group, std::span<float> logits) const {
    const Lookup &context = context_.lookup(), &ad = ad_.lookup();
    const int64_t auctions = group.end - group.begin;
    const int64_t most = std::min(kMostRows, batch.offsets[group.end] - batch.offsets[group.begin]);
    const int64_t deep = hidden_.has_value() ? hidden_->first().padded() : 0;
    const AttentionLayer& layer = layers_[0];
    const int64_t rows = CandidatesAtATime() * fields_;
    int64_t total = 0;
    const auto reserve = [&](int64_t floats) {
      const int64_t place = total;
      total += floats;
      return place;
    };
    const int64_t scratch = reserve(layer.ScratchFor(fields_));  // the first, which is aligned
    const int64_t contexts = reserve(auctions * context.width()), ads = reserve(most * ad.width());
    const int64_t deep_shared = reserve(auctions * deep);
    const int64_t deep_scratch = reserve(hidden_.has_value() ? hidden_->ScratchFor(most) : 0);
    const int64_t of_context = reserve(context_.fields() * width_);
    const int64_t shared = reserve(context_.fields() * layer.projected());
    const int64_t of_ads = reserve(rows * std::max(width_, layer.outputs()));
    const int64_t projections = reserve(rows * layer.projected());
    float* const memory = ThreadScratch(total);
    const Work work{.scratch = memory + scratch,
                    .context = memory + of_context,
                    .shared = memory + shared,
                    .rows = memory + of_ads,
                    .projections = memory + projections};
    context.Gather(batch.context, group.begin, group.end, memory + contexts);
    if (hidden_.has_value()) hidden_->first().Context(memory + contexts, auctions, memory + deep_shared);
    ForEachPart(batch, group, [&](int64_t begin, int64_t end) {
      ad.Gather(batch.ads, begin, end, memory + ads);
      for (int64_t a = group.begin; a < group.end; ++a) {
        const int64_t from = std::max(begin, batch.offsets[a]), to = std::min(end, batch.offsets[a + 1]);
        if (from >= to) continue;
        Attend(memory + contexts + (a - group.begin) * context.width(), memory + ads + (from - begin) * ad.width(),
               logits.subspan(from, to - from), work);
      }
      if (!hidden_.has_value()) return;
      const auto [units, stride] =
          hidden_->Evaluate(batch, group, begin, end, memory + ads, memory + deep_shared, memory + deep_scratch);
      for (int64_t i = begin; i < end; ++i) {
        logits[i] += Dot({units + (i - begin) * stride, deep_output_.size()}, deep_output_);
      }
    });
  }

  int64_t CandidatesAtATime() const { return std::max<int64_t>(1, kFieldsAtATime / fields_); }

  // Logits, without the deep part, of candidates of one auction, by the inputs of both sides.
  void Attend(const float* context, const float* ads, std::span<float> logits, const Work& work) const {
    context_.Embed(context, work.context);
    layers_[0].Project(work.context, context_.fields(), work.shared);
    const auto count = static_cast<int64_t>(logits.size());
    for (int64_t begin = 0; begin < count; begin += CandidatesAtATime()) {
      const int64_t candidates = std::min(CandidatesAtATime(), count - begin);
      for (int64_t i = 0; i < candidates; ++i) {
        ad_.Embed(ads + (begin + i) * ad_.lookup().width(), work.rows + i * ad_.fields() * width_);
      }
      Layers(candidates, work);
      for (int64_t i = 0; i < candidates; ++i) {
        logits[begin + i] =
            bias_ + Dot({work.rows + i * static_cast<int64_t>(output_.size()), output_.size()}, output_);
      }
    }
  }

  // From the ad's fields of some candidates, in work.rows, to the last layer's output of all fields, there.
  void Layers(int64_t candidates, const Work& work) const {
    for (const AttentionLayer& layer : layers_) {
      const bool first = &layer == &layers_[0];  // it has the context's part already
      const AttentionLayer::Fields shared = {work.shared, first ? context_.fields() : 0};
      const int64_t own = fields_ - shared.count;
      layer.Project(work.rows, candidates * own, work.projections);
      for (int64_t i = 0; i < candidates; ++i) {
        layer.Attend(shared, {work.projections + i * own * layer.projected(), own}, work.scratch,
                     work.rows + i * fields_ * layer.outputs());
      }
    }
  }

  const Embedding context_, ad_;
  const int64_t fields_, width_;
  std::vector<AttentionLayer> layers_;
  std::optional<HiddenLayers> hidden_;
  const std::vector<float> output_;
  std::vector<float> deep_output_;
  const float bias_;
};

std::unique_ptr<const Scorer> MakeNative(const ModelSpec& spec, const Layout& layout, const TensorViews& file) {
  return std::make_unique<NativeAutoint>(spec, layout, file);
}

}  // namespace

const Architecture kAutoint = {"autoint", /*crosses=*/false, /*attends=*/true, &TableWidth, &Complete, &MakeNative};

}  // namespace vickrey::model
