// mlp: a multilayer perceptron over the dense inputs and the tables' rows.
//
//   x_context -- layer.0.context --+
//                                  +-- + layer.0.bias -- ReLU -- layer.1 -- ReLU -- ... -- layer.L -- logit
//   x_ad ------- layer.0.ad -------+
//
// The context's part of the first layer is computed once for an auction. Weights and biases start uniform within
// 1 / sqrt(inputs), tables normal with a deviation of 0.05.
#include <cmath>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/model/architecture.h"

namespace vickrey::model {
namespace {

using vickrey::storage::v1::ModelSpec;

constexpr double kTableDeviation = 0.05;
constexpr int kMaxWidth = 1 << 16;

void AddUniform(std::string name, std::vector<int64_t> shape, int64_t inputs, Layout* layout) {
  layout->tensors.push_back({.name = std::move(name),
                             .shape = std::move(shape),
                             .start = TensorSpec::Start::kUniform,
                             .scale = 1 / std::sqrt(static_cast<double>(std::max<int64_t>(inputs, 1)))});
}

absl::Status Complete(const ModelSpec& spec, Layout* layout) {
  if (spec.hidden().empty())
    return base::InvalidField("hidden", "mlp needs at least one hidden layer, such as [64, 64]");
  for (SideInputs* side : {&layout->context, &layout->ad}) {
    for (const TableInput& table : side->tables) {
      if (table.width < 1 || table.width > kMaxWidth) {
        return base::InvalidField(
            absl::StrCat("schema.", table.tensor.substr(table.tensor.find('.') + 1), ".embedding_width"),
            absl::StrCat(table.width, " is out of range; mlp needs 1 to ", kMaxWidth));
      }
      layout->tensors.push_back({.name = table.tensor,
                                 .shape = {table.buckets, table.width},
                                 .start = TensorSpec::Start::kNormal,
                                 .scale = kTableDeviation});
    }
  }
  const int64_t context = layout->context.width(), ad = layout->ad.width();
  AddUniform("layer.0.context", {spec.hidden(0), context}, context + ad, layout);
  AddUniform("layer.0.ad", {spec.hidden(0), ad}, context + ad, layout);
  AddUniform("layer.0.bias", {spec.hidden(0)}, context + ad, layout);
  for (int l = 1; l <= spec.hidden_size(); ++l) {
    const int64_t inputs = spec.hidden(l - 1), outputs = l < spec.hidden_size() ? spec.hidden(l) : 1;
    if (inputs < 1) return base::InvalidField("hidden", "a layer needs at least one unit");
    AddUniform(absl::StrCat("layer.", l, ".weight"), {outputs, inputs}, inputs, layout);
    AddUniform(absl::StrCat("layer.", l, ".bias"), {outputs}, inputs, layout);
  }
  layout->output_bias = absl::StrCat("layer.", spec.hidden_size(), ".bias");
  layout->output_tensors = {absl::StrCat("layer.", spec.hidden_size(), ".weight"), layout->output_bias};
  return absl::OkStatus();
}

// y = bias + W x, each of y's sums in the order of x: the inner loop runs over y, so that it can be vectorised without
// changing that order. `transposed` is W with a row for each input.
void Affine(const float* x, int64_t inputs, const std::vector<float>& transposed, std::span<float> y) {
  for (int64_t j = 0; j < inputs; ++j) {
    const float* row = transposed.data() + j * static_cast<int64_t>(y.size());
    for (size_t h = 0; h < y.size(); ++h) y[h] += x[j] * row[h];
  }
}

class NativeMlp final : public Scorer {
 public:
  NativeMlp(const ModelSpec& spec, const Layout& layout, const TensorViews& file) {
    context_ = SideOf(layout.context, file, "layer.0.context");
    ad_ = SideOf(layout.ad, file, "layer.0.ad");
    layers_.push_back({.bias = Values(file, "layer.0.bias")});
    for (int l = 1; l <= spec.hidden_size(); ++l) {
      layers_.push_back({.transposed = Transposed(file.tensors.at(absl::StrCat("layer.", l, ".weight"))),
                         .bias = Values(file, absl::StrCat("layer.", l, ".bias"))});
    }
  }

  absl::StatusOr<std::vector<float>> Logits(const Batch& batch) const override {
    std::vector<float> logits, shared, input, now, next;
    logits.reserve(batch.candidates());
    for (int64_t a = 0; a < batch.auctions(); ++a) {
      shared = layers_[0].bias;
      Gather(context_, batch.context, a, &input);
      Affine(input.data(), static_cast<int64_t>(input.size()), context_.transposed, shared);
      for (int64_t i = batch.offsets[a]; i < batch.offsets[a + 1]; ++i) {
        now = shared;
        Gather(ad_, batch.ads, i, &input);
        Affine(input.data(), static_cast<int64_t>(input.size()), ad_.transposed, now);
        for (size_t l = 1; l < layers_.size(); ++l) {
          for (float& x : now) x = x > 0 ? x : 0;
          next = layers_[l].bias;
          Affine(now.data(), static_cast<int64_t>(now.size()), layers_[l].transposed, next);
          now.swap(next);
        }
        logits.push_back(now[0]);
      }
    }
    return logits;
  }

 private:
  struct Table {
    std::vector<float> rows;
    int width = 0;
  };
  struct Side {
    std::vector<float> transposed;  // of the first layer
    std::vector<Table> tables;
    int dense_width = 0;
  };
  struct Layer {
    std::vector<float> transposed;
    std::vector<float> bias;
  };

  static std::vector<float> Transposed(const TensorView& tensor) {
    const int64_t outputs = tensor.shape[0], inputs = tensor.shape[1];
    std::vector<float> transposed(tensor.values.size());
    for (int64_t h = 0; h < outputs; ++h) {
      for (int64_t j = 0; j < inputs; ++j) transposed[j * outputs + h] = tensor.values[h * inputs + j];
    }
    return transposed;
  }

  static Side SideOf(const SideInputs& inputs, const TensorViews& file, const char* weight) {
    Side side{.transposed = Transposed(file.tensors.at(weight)), .dense_width = inputs.dense_width()};
    for (const TableInput& table : inputs.tables) {
      side.tables.push_back({Values(file, table.tensor), table.width});
    }
    return side;
  }

  // A row's inputs: dense ones, then each table's.
  static void Gather(const Side& side, const SideRows& rows, int64_t row, std::vector<float>* input) {
    const auto dense = rows.dense.begin() + row * side.dense_width;
    input->assign(dense, dense + side.dense_width);
    for (size_t t = 0; t < side.tables.size(); ++t) {
      const Table& table = side.tables[t];
      const SideRows::Members& members = rows.tables[t];
      const int64_t begin = members.offsets[row], end = members.offsets[row + 1];
      const size_t at = input->size();
      input->resize(at + table.width, 0.0f);
      for (int64_t m = begin; m < end; ++m) {
        const float* values = table.rows.data() + members.buckets[m] * table.width;
        for (int k = 0; k < table.width; ++k) (*input)[at + k] += values[k];
      }
      for (int k = 0; end - begin > 1 && k < table.width; ++k) (*input)[at + k] /= static_cast<float>(end - begin);
    }
  }

  Side context_, ad_;
  std::vector<Layer> layers_;  // the first has its weights in the sides
};

std::unique_ptr<const Scorer> MakeNative(const ModelSpec& spec, const Layout& layout, const TensorViews& file) {
  return std::make_unique<NativeMlp>(spec, layout, file);
}

}  // namespace

const Architecture kMlp = {"mlp", &Complete, &MakeNative};

}  // namespace vickrey::model
