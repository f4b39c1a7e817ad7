// digits: a price as decimal digits (vickrey/price/tokens.h), each a softmax over 0 .. 9 that sees the impression and
// the digits before it:
//
//   logits of place j = relu(hidden A_j + E_j[digits before]) O_j + o_j
//
// In training the digits before are the price's own (teacher forcing). A loss is the sum over places, so that the
// cross-entropy is minus the log-likelihood of the number; ntl_mse and ntl_was take the digits' values as 0 .. 9 at
// each place. The distribution over all numbers is exact: the product of the places' probabilities, for every number.
#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <vector>

#include "trainer/loss/pointwise.h"
#include "trainer/price/head.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::PriceHeadConfig;

constexpr int64_t kWidth = 32;  // of the layer behind the trunk
constexpr int64_t kTokens = price::Digits::kTokens;

class DigitsHead final : public PriceHead {
 public:
  DigitsHead(const PriceHeadConfig& config, int64_t width, const PriceScales& scales, PriceParameters* parameters)
      : distance_(config.loss() == "ntl_mse" ? NumberDistance::kMse : NumberDistance::kWas),
        lambda_(config.loss() == "ce" ? 0 : config.lambda()),
        digits_(scales.digits),
        parameters_(*parameters),
        values_(at::arange(kTokens, at::kDouble)) {
    const double bound = 1 / std::sqrt(static_cast<double>(width));
    int64_t prefixes = 1;
    for (int place = 0; place < digits_->digits(); ++place) {
      places_.push_back({parameters->Add({width, kWidth}, bound), parameters->Add({prefixes, kWidth}, bound),
                         parameters->Add({kWidth, kTokens}, .1 / std::sqrt(static_cast<double>(kWidth))),
                         parameters->Add({kTokens}, 0)});
      prefixes *= kTokens;
    }
  }

  at::Tensor Loss(const at::Tensor& hidden, const PriceBatch& batch) const override {
    at::Tensor sum;
    for (int place = 0; place < digits_->digits(); ++place) {
      const Place& p = places_[static_cast<size_t>(place)];
      int64_t behind = 1;  // numbers with these digits before and at the place
      for (int i = place + 1; i < digits_->digits(); ++i) behind *= kTokens;
      const at::Tensor before = batch.targets.div(behind * kTokens, "floor");
      const at::Tensor digit = batch.targets.div(behind, "floor").remainder(kTokens);
      const at::Tensor layer =
          at::relu(at::matmul(hidden, parameters_[p.from_hidden]) + parameters_[p.from_prefix].index_select(0, before));
      const at::Tensor logits = at::addmm(parameters_[p.bias], layer, parameters_[p.out]);
      const at::Tensor loss = NumberTokensOf(distance_, logits, OneHot(digit, kTokens), values_, lambda_);
      sum = sum.defined() ? sum + loss : loss;
    }
    return sum;
  }

  at::Tensor Forecast(const at::Tensor& hidden) const override {
    const int64_t rows = hidden.size(0);
    at::Tensor all = at::ones({rows, 1}, at::kDouble);  // of every number that the digits so far make
    for (const Place& p : places_) {
      const at::Tensor layer = at::relu(at::matmul(hidden, parameters_[p.from_hidden]).unsqueeze(1) +
                                        parameters_[p.from_prefix].unsqueeze(0));  // (rows, prefixes, kWidth)
      const at::Tensor logits = at::matmul(layer, parameters_[p.out]) + parameters_[p.bias];
      all = (all.unsqueeze(2) * at::softmax(logits.to(at::kDouble), 2)).reshape({rows, -1});
    }
    return all.contiguous();
  }

  const price::Coding* coding() const override { return digits_.get(); }

 private:
  // Numbers of parameters.
  struct Place {
    int from_hidden, from_prefix, out, bias;
  };

  const NumberDistance distance_;
  const double lambda_;
  const std::shared_ptr<const price::Digits> digits_;
  const PriceParameters& parameters_;
  const at::Tensor values_;
  std::vector<Place> places_;
};

}  // namespace

std::unique_ptr<PriceHead> MakeDigitsHead(const PriceHeadConfig& config, int64_t width, const PriceScales& scales,
                                          PriceParameters* parameters) {
  return std::make_unique<DigitsHead>(config, width, scales, parameters);
}

}  // namespace vickrey::trainer
