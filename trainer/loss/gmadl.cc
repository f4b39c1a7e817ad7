// gmadl, madl: the directional losses of forecasts, on the pairs of an auction: the observed is the target difference
// D = v_i - v_j, the forecast the score difference d = s_i - s_j.
//
//   gmadl   sum over i < j of -(sigmoid(a D d) - 1/2) |D|^b
//   madl    sum over i < j of -sign(D d) |D|;  without a gradient, for evaluation only
//
// Guarantee: none on the regret. With b = 1, gmadl tends to madl / 2 as a grows, and is half the tanh rank loss with
// sigma = a |D|: pairs that are worth more are also taken more steeply. Where no scores tie, madl is
// twice the zero-one rank loss less the sum of |D|: the same minimisers.
//
// When to use it: to compare; the same on forecasts by themselves is trainer/loss/directional.h. `a` has to be of the
// order of 1 / |D d|: much less and nothing is learned, much more and it saturates.
#include <ATen/TensorOperators.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/sign.h>
#include <ATen/ops/tanh.h>

#include "trainer/loss/auction_loss.h"
#include "trainer/loss/ecpm_pairs.h"

namespace vickrey::trainer {
namespace {

class Gmadl final : public AuctionLoss {
 public:
  explicit Gmadl(const LossConfig& config) : pairs_(config), a_(config.a()), b_(config.b()) {}

  double Fused(const Slate& slate, const Point&, Precision precision, Workspace* workspace,
               double* gradient) const override {
    return pairs_.Fused({.kind = PairTerm::Kind::kGmadl, .k = a_, .power = b_}, slate, precision, workspace, gradient);
  }

  at::Tensor Composed(const Ragged& batch, const Point&) const override {
    return pairs_.Composed(batch, [&](const at::Tensor& gap, const at::Tensor& d) {
      return -.5 * at::tanh(a_ / 2 * gap * d) * at::pow(gap, b_);
    });
  }

 private:
  const EcpmPairs pairs_;
  const double a_, b_;
};

class Madl final : public AuctionLoss {
 public:
  explicit Madl(const LossConfig& config) : pairs_(config) {}

  double Fused(const Slate& slate, const Point&, Precision precision, Workspace* workspace,
               double* gradient) const override {
    return pairs_.Fused({.kind = PairTerm::Kind::kMadl}, slate, precision, workspace, gradient);
  }

  at::Tensor Composed(const Ragged& batch, const Point&) const override {
    return pairs_.Composed(batch,
                           [](const at::Tensor& gap, const at::Tensor& d) { return -gap * at::sign(d) + 0 * d; });
  }

 private:
  const EcpmPairs pairs_;
};

}  // namespace

std::unique_ptr<AuctionLoss> MakeGmadl(const LossConfig& config) { return std::make_unique<Gmadl>(config); }
std::unique_ptr<AuctionLoss> MakeMadl(const LossConfig& config) { return std::make_unique<Madl>(config); }

}  // namespace vickrey::trainer
