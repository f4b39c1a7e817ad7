// autoint three times: with composed and with fused attention on LibTorch, and its formula here, in double.
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "vickrey/base/random.h"
#include "vickrey/model/networks_testing.h"
#include "vickrey/torch/network.h"

namespace vickrey::torch {
namespace {

using Row = std::vector<double>;
using Weights = std::map<std::string, Row>;

// By the formula of vickrey/model/autoint.cc, a number after the other.
class Formula {
 public:
  Formula(const model::TestNetwork& network, const model::Batch& batch)
      : spec_(network.spec), layout_(network.layout), batch_(batch) {
    for (const auto& [name, tensor] : network.tensors.tensors) {
      weights_[name] = {tensor.values.begin(), tensor.values.end()};
    }
  }

  Weights& weights() { return weights_; }

  Row Logits() const {
    Row logits;
    for (int64_t a = 0; a < batch_.auctions(); ++a) {
      for (int64_t i = batch_.offsets[a]; i < batch_.offsets[a + 1]; ++i) logits.push_back(Logit(a, i));
    }
    return logits;
  }

 private:
  double Logit(int64_t auction, int64_t candidate) const {
    std::vector<Row> x;
    AppendFields(layout_.context, batch_.context, auction, "context.dense", &x);
    AppendFields(layout_.ad, batch_.ads, candidate, "ad.dense", &x);
    for (int l = 0; l < spec_.attention_layers(); ++l) x = Layer(absl::StrCat("attention.", l, "."), x);
    Row flat;
    for (const Row& row : x) flat.insert(flat.end(), row.begin(), row.end());
    const double logit = Dot("output.attention", 0, flat) + weights_.at("output.bias")[0];
    return spec_.hidden().empty() ? logit : logit + Dot("output.deep", 0, Deep(auction, candidate));
  }

  // Row `row` of a matrix with x.
  double Dot(const std::string& name, size_t row, const Row& x) const {
    const Row& weights = weights_.at(name);
    double sum = 0;
    for (size_t j = 0; j < x.size(); ++j) sum += weights[row * x.size() + j] * x[j];
    return sum;
  }

  // A row of a table, or the mean of some.
  Row TableRow(const model::TableInput& table, int width, const std::vector<int32_t>& buckets) const {
    Row row(width);
    for (const int32_t bucket : buckets) {
      for (int k = 0; k < width; ++k) {
        row[k] += weights_.at(table.tensor)[bucket * width + k] / static_cast<double>(buckets.size());
      }
    }
    return row;
  }

  template <typename F>
  void ForEachTable(const model::SideInputs& side, const model::SideRows& rows, int64_t row, F f) const {
    for (const model::Arena& arena : side.arenas) {
      for (size_t t = 0; t < arena.tables.size(); ++t) {
        const int64_t place = row * (arena.bags ? side.bags : side.singles) + arena.first + static_cast<int64_t>(t);
        std::vector<int32_t> buckets;
        if (arena.bags) {
          for (int64_t m = rows.bag_offsets[place]; m < rows.bag_offsets[place + 1]; ++m) {
            buckets.push_back(rows.bag_buckets[m]);
          }
        } else {
          buckets = {rows.buckets[place]};
        }
        f(TableRow(arena.tables[t], arena.width, buckets));
      }
    }
  }

  void AppendFields(const model::SideInputs& side, const model::SideRows& rows, int64_t row, const std::string& dense,
                    std::vector<Row>* fields) const {
    const int width = spec_.field_width();
    for (size_t i = 0; i < side.dense.size(); ++i) {
      const float* const given = rows.dense.data() + row * side.dense_width() + 2 * i;
      Row& field = fields->emplace_back(width);
      for (int k = 0; k < width; ++k) {
        field[k] =
            given[0] * weights_.at(dense)[2 * i * width + k] + given[1] * weights_.at(dense)[(2 * i + 1) * width + k];
      }
    }
    ForEachTable(side, rows, row, [&](Row field) { fields->push_back(std::move(field)); });
  }

  // A matrix times each of some vectors.
  std::vector<Row> Products(const std::string& name, const std::vector<Row>& x) const {
    const Row& weights = weights_.at(name);
    const size_t inputs = x[0].size();
    std::vector<Row> y(x.size(), Row(weights.size() / inputs));
    for (size_t m = 0; m < x.size(); ++m) {
      for (size_t i = 0; i < weights.size(); ++i) y[m][i / inputs] += weights[i] * x[m][i % inputs];
    }
    return y;
  }

  std::vector<Row> Layer(const std::string& layer, const std::vector<Row>& x) const {
    const int heads = spec_.attention_heads(), width = spec_.attention_width();
    const std::vector<Row> query = Products(layer + "query", x), key = Products(layer + "key", x);
    const std::vector<Row> value = Products(layer + "value", x);
    std::vector<Row> y = Products(layer + "residual", x);
    for (int h = 0; h < heads; ++h) {
      for (size_t m = 0; m < x.size(); ++m) {
        Row shares;
        double sum = 0;
        for (const Row& of_other : key) {
          double score = 0;
          for (int j = h * width; j < (h + 1) * width; ++j) score += query[m][j] * of_other[j];
          shares.push_back(std::exp(score));
          sum += shares.back();
        }
        for (int j = h * width; j < (h + 1) * width; ++j) {
          for (size_t n = 0; n < x.size(); ++n) y[m][j] += shares[n] / sum * value[n][j];
          y[m][j] = std::max(y[m][j], 0.);
        }
      }
    }
    return y;
  }

  Row SideInputs(const model::SideInputs& side, const model::SideRows& rows, int64_t row) const {
    Row inputs(rows.dense.begin() + row * side.dense_width(), rows.dense.begin() + (row + 1) * side.dense_width());
    ForEachTable(side, rows, row, [&](const Row& field) { inputs.insert(inputs.end(), field.begin(), field.end()); });
    return inputs;
  }

  Row Deep(int64_t auction, int64_t candidate) const {
    const Row context = SideInputs(layout_.context, batch_.context, auction);
    const Row ad = SideInputs(layout_.ad, batch_.ads, candidate);
    Row units;
    for (int l = 0; l < spec_.hidden_size(); ++l) {
      const std::string layer = absl::StrCat("layer.", l, ".");
      Row next = weights_.at(layer + "bias");
      for (size_t h = 0; h < next.size(); ++h) {
        next[h] +=
            l == 0 ? Dot(layer + "context", h, context) + Dot(layer + "ad", h, ad) : Dot(layer + "weight", h, units);
        next[h] = std::max(next[h], 0.);
      }
      units = std::move(next);
    }
    return units;
  }

  const vickrey::storage::v1::ModelSpec& spec_;
  const model::Layout& layout_;
  const model::Batch& batch_;
  Weights weights_;
};

// The largest difference of two tensors, relative to the largest entry.
double Difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>() / std::max(1e-30, a.abs().max().item<double>());
}

class AutointTest : public testing::TestWithParam<std::string> {
 protected:
  AutointTest() : test_(GetParam()), batch_(model::RandomBatch(test_.layout, {3, 0, 1, 8}, 4)) {
    base::RandomStream random(5, base::StreamId("test"), 0);
    for (int64_t i = 0; i < batch_.candidates(); ++i) shares_.push_back(random.Normal());
  }

  // What an implementation makes of the batch, and the gradient of `shares_` times the logits by everything.
  struct Result {
    explicit Result(const AutointTest& test, Attention attention)
        : network(*Network::Create(test.test_.spec, *test.test_.schema, model::ViewOf(test.test_.tensors),
                                   {.attention = attention})),
          tensors(network->Prepare(test.batch_)) {
      const Network::Evaluation evaluation = network->Evaluate(*tensors);
      logits = evaluation.outputs().detach().clone();
      at::Tensor sum = evaluation.outputs()[0] * test.shares_[0];
      for (size_t i = 1; i < test.shares_.size(); ++i) sum = sum + evaluation.outputs()[i] * test.shares_[i];
      sum.backward();
      tables = evaluation.TableGradients();
    }

    std::unique_ptr<Network> network;
    std::unique_ptr<BatchTensors> tensors;
    at::Tensor logits;
    std::vector<Network::TableGradient> tables;
  };

  const model::TestNetwork test_;
  const model::Batch batch_;
  std::vector<double> shares_;
};

std::vector<std::string> Specs() {
  std::vector<std::string> specs;
  for (const std::string& json : model::TestSpecs()) {
    if (model::SpecOf(json).architecture() == "autoint") specs.push_back(json);
  }
  return specs;
}

INSTANTIATE_TEST_SUITE_P(Specs, AutointTest, testing::ValuesIn(Specs()),
                         [](const auto& info) { return model::NameOf(info.param); });

TEST_P(AutointTest, ComposedAndFusedAttentionAgree) {
  const Result composed(*this, Attention::kComposed), fused(*this, Attention::kFused);
  EXPECT_LE(Difference(composed.logits, fused.logits), 1e-5);
  const Parameters a = composed.network->dense_parameters(), b = fused.network->dense_parameters();
  for (const auto& [name, parameter] : a) EXPECT_LE(Difference(parameter.grad(), b.at(name).grad()), 1e-5) << name;
  ASSERT_EQ(composed.tables.size(), fused.tables.size());
  for (size_t t = 0; t < composed.tables.size(); ++t) {
    EXPECT_LE(Difference(composed.tables[t].gradients, fused.tables[t].gradients), 1e-5)
        << composed.tables[t].parameter;
  }
}

TEST_P(AutointTest, BothAgreeWithTheFormula) {
  Formula formula(test_, batch_);
  const Row expected = formula.Logits();
  // The derivative of the same sum by one weight.
  const auto derivative = [&](double* weight) {
    constexpr double kStep = 1e-6;
    const double before = *weight;
    const auto sum_at = [&](double value) {
      *weight = value;
      const Row logits = formula.Logits();
      double sum = 0;
      for (size_t i = 0; i < logits.size(); ++i) sum += shares_[i] * logits[i];
      return sum;
    };
    const double slope = (sum_at(before + kStep) - sum_at(before - kStep)) / (2 * kStep);
    *weight = before;
    return slope;
  };
  const Result results[] = {Result(*this, Attention::kComposed), Result(*this, Attention::kFused)};
  double most = 0;
  for (const double logit : expected) most = std::max(most, std::abs(logit));
  for (const Result& result : results) {
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(result.logits[static_cast<int64_t>(i)].item<float>(), expected[i], 1e-5 * most);
    }
  }
  for (const auto& [name, parameter] : results[0].network->dense_parameters()) {
    Row& weights = formula.weights().at(name);
    for (const size_t k : {size_t{0}, weights.size() / 2, weights.size() - 1}) {
      const double slope = derivative(&weights[k]);
      for (const Result& result : results) {
        const at::Tensor gradient = result.network->dense_parameters().at(name).grad().flatten();
        const double largest = gradient.abs().max().item<double>();
        EXPECT_GT(largest, 0) << name;
        EXPECT_NEAR(gradient[static_cast<int64_t>(k)].item<float>(), slope, 2e-5 * largest) << name << "[" << k << "]";
      }
    }
  }
  // The first number of the row of each table that the last candidate, or the auction, reads.
  model::ForEachArena(test_.layout, [&](const model::Arena& arena) {
    const auto of_arena = [&](const Result& result) {
      return *std::ranges::find(result.tables, arena.parameter, &Network::TableGradient::parameter);
    };
    const at::Tensor members = of_arena(results[0]).members;
    for (const int64_t m : {int64_t{0}, members.size(0) - 1}) {
      const int64_t row = members[m].item<int64_t>();
      const auto table = std::find_if(arena.tables.rbegin(), arena.tables.rend(),
                                      [&](const model::TableInput& input) { return input.first_row <= row; });
      const double slope = derivative(&formula.weights().at(table->tensor)[(row - table->first_row) * arena.width]);
      for (const Result& result : results) {
        const at::Tensor gradients = of_arena(result).gradients;
        const double gradient =
            gradients.index_select(0, members.eq(row).nonzero().squeeze(1)).sum(0)[0].item<double>();
        EXPECT_NEAR(gradient, slope, 2e-5 * gradients.abs().max().item<double>())
            << table->tensor << " row " << row - table->first_row;
      }
    }
  });
}

TEST_P(AutointTest, ABatchOfNothingHasNoLogits) {
  for (const Attention attention : {Attention::kComposed, Attention::kFused}) {
    const auto network =
        *Network::Create(test_.spec, *test_.schema, model::ViewOf(test_.tensors), {.attention = attention});
    EXPECT_EQ(network->Logits(model::RandomBatch(test_.layout, {0, 0}, 1)).numel(), 0);
  }
}

}  // namespace
}  // namespace vickrey::torch
