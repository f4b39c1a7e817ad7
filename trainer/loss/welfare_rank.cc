// welfare_rank: the welfare-weighted pairwise rank loss.
//
//   L = sum over ordered pairs i != j of (D_ij)+ phi(d_ij),   D_ij = v_i - v_j,   d_ij = s_i - s_j,
//   v = c b q,   s = log b + log f (margin `log_ecpm`) or c b f (`ecpm`)
//
//   phi(z)    logistic  log2(1 + exp(-sigma z))
//             hinge     (1 - sigma z)+
//             zero_one  1{z <= 0}, for evaluation only
//   tanh:     sum over i < j of -D_ij tanh(sigma d_ij / 2)
//   signed    D_ij in place of (D_ij)+; the same for tanh, which is odd
//
// Guarantee: with labels q the truth, pairs `all` and a phi >= zero_one (logistic, hinge), the regret of ranking by s
// is at most L / c, whatever the law of bids and clicks; with a teacher's labels it is so in the mean up to eps_b
// sqrt(2) (trainer/guarantee.h). `top` with zero_one still bounds the regret; tanh and `ppi` do not. Signed zero_one on
// clicks is, in the mean, twice that on the truth less a constant.
//
// When to use it: a student too small, or too coarsely hashed, for the truth, and bids that are related to where it
// errs. A large student gains nothing.
#include <ATen/TensorOperators.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tanh.h>

#include <numbers>
#include <string>

#include "trainer/loss/auction_loss.h"
#include "trainer/loss/ecpm_pairs.h"
#include "trainer/loss/softplus.h"

namespace vickrey::trainer {
namespace {

PairTerm::Kind KindOf(const LossConfig& config) {
  if (config.surrogate() == "logistic") return PairTerm::Kind::kLogistic;
  if (config.surrogate() == "hinge") return PairTerm::Kind::kHinge;
  if (config.surrogate() == "tanh") return PairTerm::Kind::kTanh;
  return config.weight() == "signed" ? PairTerm::Kind::kSignedZeroOne : PairTerm::Kind::kZeroOne;
}

class WelfareRank final : public AuctionLoss {
 public:
  explicit WelfareRank(const LossConfig& config)
      : pairs_(config),
        kind_(KindOf(config)),
        factor_(kind_ == PairTerm::Kind::kLogistic ? 1 / std::numbers::ln2 : 1) {}

  double Fused(const Slate& slate, const Point& point, Precision precision, Workspace* workspace,
               double* gradient) const override {
    const double sum = pairs_.Fused({.kind = kind_, .k = point.sigma}, slate, precision, workspace, gradient);
    for (int64_t i = 0; i < slate.n; ++i) gradient[i] *= factor_;
    return factor_ * sum;
  }

  at::Tensor Composed(const Ragged& batch, const Point& point) const override {
    return pairs_.Composed(batch, [&](const at::Tensor& gap, const at::Tensor& d) -> at::Tensor {
      switch (kind_) {
        case PairTerm::Kind::kLogistic:
          return factor_ * gap * Softplus(-point.sigma * d);
        case PairTerm::Kind::kHinge:
          return gap * at::relu(1 - point.sigma * d);
        case PairTerm::Kind::kTanh:
          return -gap * at::tanh(point.sigma / 2 * d);
        case PairTerm::Kind::kSignedZeroOne:
          return gap * ((d <= 0).to(d.scalar_type()) - (d >= 0).to(d.scalar_type()) + 0 * d);
        default:
          return gap * ((d <= 0).to(d.scalar_type()) + 0 * d);
      }
    });
  }

 private:
  const EcpmPairs pairs_;
  const PairTerm::Kind kind_;
  const double factor_;  // log2 in place of ln
};

}  // namespace

std::unique_ptr<AuctionLoss> MakeWelfareRank(const LossConfig& config) { return std::make_unique<WelfareRank>(config); }

}  // namespace vickrey::trainer
