// known_market: minus the expected surplus against a competing score whose law is known, log-normal(mu, omega).
//
//   L = -c sum_i integral_0^{b_i f_i} (b_i q_i - x) g(x) dx
//     = -c sum_i [ b_i q_i Phi(a_i) - exp(mu + omega^2 / 2) Phi(a_i - omega) ],   a_i = (log(b_i f_i) - mu) / omega
//
// Guarantee: with the right law, its minimum has the most surplus, since each candidate then wins where its value
// exceeds the competition; by b f the derivative is -c (b q - b f) g(b f), 0 at f = q.
//
// When to use it: to compare: it is good where the assumed law is right, and that is what welfare_rank does without.
#include <ATen/TensorOperators.h>
#include <ATen/ops/special_ndtr.h>

#include <cmath>
#include <numbers>

#include "trainer/loss/auction_loss.h"

namespace vickrey::trainer {
namespace {

double NormalCdf(double x) { return std::erfc(-x * std::numbers::sqrt2 / 2) / 2; }
double NormalDensity(double x) { return std::exp(-x * x / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2; }

class KnownMarket final : public AuctionLoss {
 public:
  explicit KnownMarket(const LossConfig& config)
      : scale_(config.has_scale() ? config.scale() : 1),
        mu_(config.mu()),
        omega_(config.omega()),
        mean_(std::exp(mu_ + omega_ * omega_ / 2)) {}

  double Fused(const Slate& slate, const Point&, Precision, Workspace*, double* gradient) const override {
    double sum = 0;
    for (int64_t i = 0; i < slate.n; ++i) {
      const double a = (slate.log_bids[i] + slate.log_f[i] - mu_) / omega_;
      const double value = slate.bids[i] * slate.labels[i], score = slate.bids[i] * slate.f[i];
      sum += value * NormalCdf(a) - mean_ * NormalCdf(a - omega_);
      gradient[i] = -scale_ * (value - score) * NormalDensity(a) / omega_ * slate.rest[i];
    }
    return -scale_ * sum;
  }

  at::Tensor Composed(const Ragged& batch, const Point&) const override {
    const at::Tensor a = (batch.LogEcpm() - mu_) / omega_;
    return -scale_ *
           batch.Sum(batch.bids() * batch.labels() * at::special_ndtr(a) - mean_ * at::special_ndtr(a - omega_));
  }

 private:
  const double scale_, mu_, omega_;
  const double mean_;  // of the competing score
};

}  // namespace

std::unique_ptr<AuctionLoss> MakeKnownMarket(const LossConfig& config) { return std::make_unique<KnownMarket>(config); }

}  // namespace vickrey::trainer
