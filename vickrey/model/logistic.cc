// logistic: a weight for each dense input and for each bucket of each table; their sum is the logit.
//
//   context.weight . x_context + ad.weight . x_ad + sum over tables of table[bucket] + bias
//
// Everything starts from zero, which is no loss: the objective has one minimum.
#include <utility>

#include "vickrey/base/status.h"
#include "vickrey/model/architecture.h"

namespace vickrey::model {
namespace {

using vickrey::storage::v1::ModelSpec;

absl::Status Complete(const ModelSpec& spec, Layout* layout) {
  if (spec.hidden_size() > 0) return base::InvalidField("hidden", "logistic has no hidden layers");
  for (SideInputs* side : {&layout->context, &layout->ad}) {
    for (TableInput& table : side->tables) {
      table.width = 1;
      layout->tensors.push_back({.name = table.tensor, .shape = {table.buckets, 1}});
    }
  }
  layout->tensors.push_back({.name = "context.weight", .shape = {layout->context.dense_width()}});
  layout->tensors.push_back({.name = "ad.weight", .shape = {layout->ad.dense_width()}});
  layout->tensors.push_back({.name = "bias", .shape = {1}});
  layout->output_bias = "bias";
  for (const TensorSpec& tensor : layout->tensors) layout->output_tensors.push_back(tensor.name);
  return absl::OkStatus();
}

// Sums in one fixed order for each row, whatever else is in the batch.
class NativeLogistic final : public Scorer {
 public:
  NativeLogistic(const Layout& layout, const TensorViews& file) {
    const auto side_of = [&](const SideInputs& inputs, const char* weight) {
      Side side{.weight = Values(file, weight)};
      for (const TableInput& table : inputs.tables) side.tables.push_back(Values(file, table.tensor));
      return side;
    };
    context_ = side_of(layout.context, "context.weight");
    ad_ = side_of(layout.ad, "ad.weight");
    bias_ = file.tensors.at("bias").values[0];
  }

  absl::StatusOr<std::vector<float>> Logits(const Batch& batch) const override {
    std::vector<float> logits;
    logits.reserve(batch.candidates());
    for (int64_t a = 0; a < batch.auctions(); ++a) {
      const float shared = Sum(context_, batch.context, a, bias_);
      for (int64_t i = batch.offsets[a]; i < batch.offsets[a + 1]; ++i) {
        logits.push_back(Sum(ad_, batch.ads, i, shared));
      }
    }
    return logits;
  }

 private:
  struct Side {
    std::vector<float> weight;
    std::vector<std::vector<float>> tables;
  };

  static float Sum(const Side& side, const SideRows& rows, int64_t row, float sum) {
    const float* x = rows.dense.data() + row * static_cast<int64_t>(side.weight.size());
    for (size_t j = 0; j < side.weight.size(); ++j) sum += side.weight[j] * x[j];
    for (size_t t = 0; t < side.tables.size(); ++t) {
      const SideRows::Members& members = rows.tables[t];
      const int64_t begin = members.offsets[row], end = members.offsets[row + 1];
      float of_table = 0;
      for (int64_t m = begin; m < end; ++m) of_table += side.tables[t][members.buckets[m]];
      if (end > begin) sum += of_table / static_cast<float>(end - begin);
    }
    return sum;
  }

  Side context_, ad_;
  float bias_ = 0;
};

std::unique_ptr<const Scorer> MakeNative(const ModelSpec&, const Layout& layout, const TensorViews& file) {
  return std::make_unique<NativeLogistic>(layout, file);
}

}  // namespace

const Architecture kLogistic = {"logistic", &Complete, &MakeNative};

}  // namespace vickrey::model
