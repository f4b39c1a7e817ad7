#ifndef VICKREY_PRICE_BUDGET_H_
#define VICKREY_PRICE_BUDGET_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace vickrey::price {

// Adaptive pacing: bids as if a value v were worth v / (1 + lambda), with a lambda that follows the spending, so that a
// budget B lasts for T auctions. With rho = B / T, the money there is for each auction, and z_t what auction t cost:
//
//   lambda_{t+1} = clamp(lambda_t + step (z_t / rho - 1), 0, max_lambda)
//
// (Balseiro, Gur, "Learning in repeated auctions with budgets: regret minimization and equilibrium", 2019, with the
// gradient step divided by rho, so that `step` has no unit.) lambda is the price of money: with it fixed, maximising
// profit within the budget is maximising sum v - (1 + lambda) (price + fee), whose truthful bid is v / (1 + lambda) -
// fee and whose first-price bid is best for the value v / (1 + lambda), too. 0 while money is not short.
//
// Not thread-safe.
class Pacer {
 public:
  struct Options {
    double budget = 0;     // > 0, in units of the price
    int64_t auctions = 0;  // > 0: how many it is to last for, won or not
    double step = 0;       // > 0. 1 / sqrt(auctions) is the order that the regret bound asks for
    double max_lambda = 1e4;
    double lambda = 0;  // at the start, in [0, max_lambda]
  };
  // INVALID_ARGUMENT naming the option.
  static absl::StatusOr<Pacer> Create(const Options& options);

  double lambda() const { return lambda_; }
  // What a value counts as.
  double Paced(double value) const { return value / (1 + lambda_); }
  // An auction has cost so much, 0 if it was lost.
  void Observe(double spent);

 private:
  explicit Pacer(const Options& options)
      : rate_(options.budget / static_cast<double>(options.auctions)),
        step_(options.step),
        max_(options.max_lambda),
        lambda_(options.lambda) {}

  double rate_, step_, max_, lambda_;
};

}  // namespace vickrey::price

#endif  // VICKREY_PRICE_BUDGET_H_
