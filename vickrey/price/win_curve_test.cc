#include "vickrey/price/win_curve.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/random.h"

namespace vickrey::price {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

const std::vector<double> kPrices = {10, 20, 40}, kProbabilities = {.5, .3, .2};

TEST(CurveCalibration, ByHand) {
  CurveCalibration calibration(std::vector<double>{10, 30});
  const Distribution d(kPrices, kProbabilities);
  calibration.Add(d, 20);
  calibration.Add(d, 10);
  ASSERT_EQ(calibration.curve().size(), 2u);
  EXPECT_DOUBLE_EQ(calibration.curve()[0].predicted, .5);
  EXPECT_DOUBLE_EQ(calibration.curve()[0].observed, .5);
  EXPECT_DOUBLE_EQ(calibration.curve()[1].predicted, .8);
  EXPECT_DOUBLE_EQ(calibration.curve()[1].observed, 1);
  EXPECT_NEAR(calibration.marginal_error(), .1, 1e-12);
  // Two pairs of .5, of which one won; two of .8, of which both did: (|1 - 1| + |1.6 - 2|) / 4.
  EXPECT_NEAR(calibration.calibration_error(), .1, 1e-12);
  // 20 has [.5, .8], three classes; 10 has [0, .5], five.
  const auto near = [](double x) { return DoubleNear(x, 1e-12); };
  EXPECT_THAT(calibration.pit(), ElementsAre(near(.1), near(.1), near(.1), near(.1), near(.1), near(1 / 6.),
                                             near(1 / 6.), near(1 / 6.), near(0), near(0)));
  EXPECT_NEAR(calibration.pit_error(), .04, 1e-12);
}

TEST(CurveCalibration, OfNothingIsZero) {
  const CurveCalibration none(std::vector<double>{10});
  EXPECT_EQ(none.marginal_error(), 0);
  EXPECT_EQ(none.calibration_error(), 0);
  EXPECT_EQ(none.pit_error(), 0);
}

TEST(CurveCalibration, APriceThatWasNotForeseen) {
  CurveCalibration calibration({});
  const Distribution d(kPrices, kProbabilities);
  calibration.Add(d, 5);    // F(5-) = F(5) = 0
  calibration.Add(d, 25);   // .8
  calibration.Add(d, 100);  // 1
  EXPECT_DOUBLE_EQ(calibration.pit()[0], 1 / 3.);
  EXPECT_DOUBLE_EQ(calibration.pit()[8], 1 / 3.);
  EXPECT_DOUBLE_EQ(calibration.pit()[9], 1 / 3.);
}

TEST(CurveCalibration, TellsTruthFromWhatIsTooSharp) {
  base::RandomStream random(1, base::StreamId("test.calibration"), 0);
  const std::vector<double> sharp = {.8, .15, .05}, bids = {10, 20, 30};
  CurveCalibration truth(bids), wrong(bids);
  for (int i = 0; i < 20000; ++i) {
    const double u = random.Uniform(), price = u < .5 ? 10 : u < .8 ? 20 : 40;
    truth.Add(Distribution(kPrices, kProbabilities), price);
    wrong.Add(Distribution(kPrices, sharp), price);
  }
  EXPECT_LT(truth.calibration_error(), .01);
  EXPECT_LT(truth.marginal_error(), .01);
  EXPECT_LT(truth.pit_error(), .01);
  EXPECT_NEAR(wrong.marginal_error(), (.3 + .15 + .15) / 3, .01);
  EXPECT_GT(wrong.calibration_error(), .15);
  EXPECT_GT(wrong.pit_error(), .04);
}

}  // namespace
}  // namespace vickrey::price
