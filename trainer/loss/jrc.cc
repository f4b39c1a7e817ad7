// jrc: joint ranking and calibration. The network has two outputs of each candidate, for a click and for none; f =
// sigmoid(u1 - u0).
//
//   L = -sum_i [ q_i log softmax(u1)_i + (1 - q_i) log softmax(u0)_i ]
//
// mixed with the cross-entropy of f: alpha is the share of calibration.
//
// Guarantee: none on the regret: bids do not enter.
//
// When to use it: to compare; ranking within the auction and calibration in one model. What is exported has one output,
// u1 - u0, and serves as any other. Source: Sheng et al., Joint optimization of ranking and calibration with
// contextualized hybrid model, 2023.
#include <ATen/TensorOperators.h>

#include "trainer/loss/auction_loss.h"
#include "trainer/loss/elementwise.h"

namespace vickrey::trainer {
namespace {

// -sum_i weight_i log softmax(u)_i, and its gradient by u.
template <typename Weight>
double Contrast(int64_t n, const double* logits, const Weight& weight, double* p, double* gradient) {
  const double log_sum = Softmax(n, logits, 1, p);
  double sum = 0, total = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += weight(i) * (log_sum - logits[i]);
    total += weight(i);
  }
  for (int64_t i = 0; i < n; ++i) gradient[i] = total * p[i] - weight(i);
  return sum;
}

class Jrc final : public AuctionLoss {
 public:
  int outputs() const override { return 2; }

  double Fused(const Slate& slate, const Point&, Precision, Workspace* workspace, double* gradient) const override {
    double* p = Workspace::Room(&workspace->weights, slate.n);
    const double clicked = Contrast(
        slate.n, slate.click_logits, [&](int64_t i) { return slate.labels[i]; }, p, gradient);
    return clicked +
           Contrast(
               slate.n, slate.no_click_logits, [&](int64_t i) { return 1 - slate.labels[i]; }, p, gradient + slate.n);
  }

  at::Tensor Composed(const Ragged& batch, const Point&) const override {
    return -batch.Sum(batch.labels() * batch.LogSoftmax(batch.click_logits()) +
                      (1 - batch.labels()) * batch.LogSoftmax(batch.no_click_logits()));
  }
};

}  // namespace

std::unique_ptr<AuctionLoss> MakeJrc(const LossConfig&) { return std::make_unique<Jrc>(); }

}  // namespace vickrey::trainer
