#include "vickrey/price/tokens.h"

#include <cmath>
#include <numeric>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"

namespace vickrey::price {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Bins, OfQuantilesByHand) {
  const Bins bins = *Bins::Fit(std::vector<double>{10, 2, 1, 3, 2}, 2, Bins::Edges::kQuantile);
  EXPECT_THAT(bins.edges(), ElementsAre(1, 2, 10));
  EXPECT_THAT(bins.values(), ElementsAre(1, 4.25));
  EXPECT_EQ(bins.width(1), 8);
  EXPECT_EQ(bins.TokenOf(0), 0);
  EXPECT_EQ(bins.TokenOf(1.99), 0);
  EXPECT_EQ(bins.TokenOf(2), 1);
  EXPECT_EQ(bins.TokenOf(100), 1);
  EXPECT_THAT(bins.atoms(), ElementsAre(1, 2, 3, 10));
  std::vector<double> atoms(4);
  bins.Spread(std::vector<double>{.2, .8}, atoms);
  EXPECT_THAT(atoms, ElementsAre(DoubleEq(.2), DoubleEq(.4), DoubleEq(.2), DoubleEq(.2)));
  // The second bin's .8 over its width of 8, wherever in it.
  EXPECT_DOUBLE_EQ(bins.LogDensityAt(atoms, 3), std::log(.1));
  EXPECT_DOUBLE_EQ(bins.LogDensityAt(atoms, 7.5), std::log(.1));
  EXPECT_DOUBLE_EQ(bins.LogDensityAt(atoms, 1.5), std::log(.2));
}

TEST(Bins, OfEqualWidthByHand) {
  const Bins bins = *Bins::Fit(std::vector<double>{1, 2, 2, 3, 10}, 3, Bins::Edges::kEqualWidth, /*max_atoms=*/2);
  EXPECT_THAT(bins.edges(), ElementsAre(1, 4, 7, 10));
  EXPECT_THAT(bins.values(), ElementsAre(2, 5.5, 10));  // nothing between 4 and 7: its middle
  // Of 1, 2, 2, 3 in two atoms: the first has to hold half, and a price is not torn apart.
  EXPECT_THAT(bins.atoms(), ElementsAre(DoubleEq(5.0 / 3), 3, 5.5, 10));
  EXPECT_EQ(bins.share(0), .75);
  EXPECT_EQ(bins.bin_of(1), 0);
}

TEST(Bins, TiesMakeFewer) {
  const Bins one = *Bins::Fit(std::vector<double>{5, 5, 5}, 4, Bins::Edges::kQuantile);
  EXPECT_THAT(one.edges(), ElementsAre(5, 6));
  EXPECT_THAT(one.values(), ElementsAre(5));
  EXPECT_EQ(Bins::Fit(std::vector<double>{5, 5, 5}, 4, Bins::Edges::kEqualWidth)->size(), 1);
  const Bins two = *Bins::Fit(std::vector<double>{1, 5, 5, 5}, 4, Bins::Edges::kQuantile);
  EXPECT_THAT(two.edges(), ElementsAre(1, 5, 9));
}

TEST(Bins, KeepTheMeanAndRise) {
  base::RandomStream random(1, base::StreamId("test.bins"), 0);
  for (const Bins::Edges edges : {Bins::Edges::kQuantile, Bins::Edges::kEqualWidth}) {
    for (const int count : {1, 7, 64, 1000}) {
      std::vector<double> prices(3000);
      for (double& price : prices) price = random.LogNormal(4, 1);
      const Bins bins = *Bins::Fit(prices, count, edges);
      std::vector<double> shares(bins.size()), atoms(bins.atoms().size());
      for (const double price : prices) shares[bins.TokenOf(price)] += 1.0 / 3000;
      bins.Spread(shares, atoms);
      double by_bins = 0, by_atoms = 0;
      for (int k = 0; k < bins.size(); ++k) {
        by_bins += shares[k] * bins.values()[k];
        EXPECT_GT(bins.width(k), 0);
        EXPECT_EQ(bins.TokenOf(bins.values()[k]), k);
      }
      for (size_t a = 0; a < atoms.size(); ++a) {
        by_atoms += atoms[a] * bins.atoms()[a];
        if (a > 0) {
          EXPECT_GT(bins.atoms()[a], bins.atoms()[a - 1]);
        }
      }
      const double mean = std::accumulate(prices.begin(), prices.end(), 0.0) / 3000;
      EXPECT_NEAR(by_bins, mean, 1e-9 * mean);
      EXPECT_NEAR(by_atoms, mean, 1e-9 * mean);
      EXPECT_NEAR(std::accumulate(atoms.begin(), atoms.end(), 0.0), 1, 1e-9);
      EXPECT_LE(atoms.size(), 32u * static_cast<size_t>(bins.size()));
    }
  }
}

TEST(Bins, RefusesWhatIsNone) {
  EXPECT_THAT(Bins::Fit({}, 4, Bins::Edges::kQuantile).status().message(), HasSubstr("prices: there are none"));
  EXPECT_THAT(Bins::Fit(std::vector<double>{1, NAN}, 4, Bins::Edges::kQuantile).status().message(),
              HasSubstr("nan is not finite"));
  EXPECT_EQ(base::FieldOf(Bins::Fit(std::vector<double>{1}, 0, Bins::Edges::kQuantile).status()), "bins");
  EXPECT_EQ(base::FieldOf(Bins::Fit(std::vector<double>{1}, 4097, Bins::Edges::kQuantile).status()), "bins");
}

TEST(Digits, ByHand) {
  const Digits digits = *Digits::Create(3);
  EXPECT_EQ(digits.size(), 1000);
  EXPECT_EQ(*digits.NumberOf(427), 427);
  EXPECT_EQ(*digits.NumberOf(70.5), 71);
  EXPECT_EQ(*digits.NumberOf(999.4), 999);
  EXPECT_EQ(*digits.NumberOf(-.4), 0);
  EXPECT_THAT((std::vector<int>{digits.Digit(427, 0), digits.Digit(427, 1), digits.Digit(427, 2)}),
              ElementsAre(4, 2, 7));
  EXPECT_THAT((std::vector<int64_t>{digits.Prefix(427, 0), digits.Prefix(427, 1), digits.Prefix(427, 2)}),
              ElementsAre(0, 4, 42));
  EXPECT_EQ(digits.Digit(7, 0), 0);  // leading zeros are digits, too
  EXPECT_EQ(digits.prices()[427], 427);
  const Digits tens = *Digits::Create(2, 10);
  EXPECT_EQ(*tens.NumberOf(427), 43);
  EXPECT_EQ(tens.prices()[43], 430);
  std::vector<double> p(100);
  p[43] = .5;
  EXPECT_DOUBLE_EQ(tens.LogDensityAt(p, 427), std::log(.05));
}

TEST(Digits, RefusesWhatTheyDoNotHold) {
  const Digits digits = *Digits::Create(3);
  for (const double price : {-1.0, 999.5, 1e300, double{INFINITY}, double{NAN}}) {
    EXPECT_EQ(base::FieldOf(digits.NumberOf(price).status()), "price") << price;
  }
  EXPECT_THAT(digits.NumberOf(1234).status().message(), HasSubstr("1234 is out of range; 3 digits hold 0 to 999"));
  EXPECT_EQ(base::FieldOf(Digits::Create(0).status()), "digits");
  EXPECT_EQ(base::FieldOf(Digits::Create(5).status()), "digits");
  EXPECT_EQ(base::FieldOf(Digits::Create(3, 0).status()), "unit");
}

}  // namespace
}  // namespace vickrey::price
