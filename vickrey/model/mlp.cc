// mlp: a multilayer perceptron over the dense inputs and the tables' rows.
//
//   x_context -- layer.0.context --+
//                                  +-- + layer.0.bias -- ReLU -- layer.1 -- ReLU -- ... -- layer.L -- logit
//   x_ad ------- layer.0.ad -------+
//
// As the deep part of H.-T. Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016, arXiv:1606.07792. The
// context's part of the first layer is computed once for an auction. Weights and biases start uniform within
// 1 / sqrt(inputs), tables normal with a deviation of 0.05.
#include <algorithm>
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

std::string OutputName(const ModelSpec& spec, const char* what) {
  return absl::StrCat("layer.", spec.hidden_size(), ".", what);
}

absl::Status Complete(const ModelSpec& spec, Layout* layout) {
  if (spec.hidden().empty())
    return base::InvalidField("hidden", "mlp needs at least one hidden layer, such as [64, 64]");
  AddTables(kEmbeddingDeviation, layout);
  RETURN_IF_ERROR(AddHiddenLayers(spec, layout));
  const int64_t inputs = spec.hidden(spec.hidden_size() - 1);
  layout->output_bias = OutputName(spec, "bias");
  layout->output_parameters = {OutputName(spec, "weight"), layout->output_bias};
  AddUniform(OutputName(spec, "weight"), {1, inputs}, inputs, layout);
  AddUniform(OutputName(spec, "bias"), {1}, inputs, layout);
  return absl::OkStatus();
}

class NativeMlp final : public Scorer {
 public:
  NativeMlp(const ModelSpec& spec, const Layout& layout, const TensorViews& file)
      : context_(layout.context, file),
        ad_(layout.ad, file),
        hidden_(spec, file),
        output_(Values(file, OutputName(spec, "weight"))),
        bias_(file.tensors.at(OutputName(spec, "bias")).values[0]) {}

  absl::Status Logits(const Batch& batch, std::span<float> logits) const override {
    ForEachGroup(batch, [&](const Group& group) { Evaluate(batch, group, logits); });
    return absl::OkStatus();
  }

 private:
  void Evaluate(const Batch& batch, const Group& group, std::span<float> logits) const {
    const FirstLayer& first = hidden_.first();
    const int64_t auctions = group.end - group.begin;
    const int64_t most = std::min(kMostRows, batch.offsets[group.end] - batch.offsets[group.begin]);
    float* const contexts =
        ThreadScratch(auctions * (context_.width() + first.padded()) + most * ad_.width() + hidden_.ScratchFor(most));
    float* const shared = contexts + auctions * context_.width();
    float* const ads = shared + auctions * first.padded();
    float* const scratch = ads + most * ad_.width();
    context_.Gather(batch.context, group.begin, group.end, contexts);
    first.Context(contexts, auctions, shared);
    ForEachPart(batch, group, [&](int64_t begin, int64_t end) {
      ad_.Gather(batch.ads, begin, end, ads);
      const auto [rows, stride] = hidden_.Evaluate(batch, group, begin, end, ads, shared, scratch);
      for (int64_t i = begin; i < end; ++i) {
        logits[i] = bias_ + Dot({rows + (i - begin) * stride, output_.size()}, output_);
      }
    });
  }

  const Lookup context_, ad_;
  const HiddenLayers hidden_;
  const std::vector<float> output_;
  const float bias_;
};

std::unique_ptr<const Scorer> MakeNative(const ModelSpec& spec, const Layout& layout, const TensorViews& file) {
  return std::make_unique<NativeMlp>(spec, layout, file);
}

}  // namespace

const Architecture kMlp = {"mlp", /*crosses=*/false, /*attends=*/false, &EmbeddingWidth, &Complete, &MakeNative};

}  // namespace vickrey::model
