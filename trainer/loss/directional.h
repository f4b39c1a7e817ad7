// madl, gmadl: directional losses of forecasts by themselves. For observed R and forecast F:
//
//   madl    -sign(R F) |R|
//   gmadl   -(sigmoid(a R F) - 1/2) |R|^b
//
// Guarantee: where R = value - price is what buying yields, and one buys if F > 0 (no F is 0), the mean profit is
// (mean R - mean madl) / 2: the same maximisers. With b = 1, gmadl tends to madl / 2 as a grows. madl has no gradient:
// it is for evaluation.
//
// When to use it: a forecast that decides whether to buy, where being on the right side of 0 counts, by how much money
// is at stake. `a` has to be of the order of 1 / |R F|: much less and nothing is learned, much more and it saturates.
// So divide R by its scale on the training set. Prices of auctions that were lost are not seen: say how R is known.
#ifndef TRAINER_LOSS_DIRECTIONAL_H_
#define TRAINER_LOSS_DIRECTIONAL_H_

namespace vickrey::trainer {

struct PointLoss {
  double value = 0;
  double slope = 0;  // by the forecast
};

PointLoss Madl(double observed, double forecast);
PointLoss Gmadl(double observed, double forecast, double a, double b);

}  // namespace vickrey::trainer

#endif  // TRAINER_LOSS_DIRECTIONAL_H_
