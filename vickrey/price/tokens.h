// Prices as tokens: what a model that predicts a distribution over few symbols says about a price.
#ifndef VICKREY_PRICE_TOKENS_H_
#define VICKREY_PRICE_TOKENS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vickrey::price {

// A way to say a price in tokens, and what a distribution over them says about prices. Immutable, so thread-safe.
class Coding {
 public:
  virtual ~Coding() = default;

  // The prices that a distribution gives probabilities to, rising.
  virtual std::span<const double> support() const = 0;
  // How many different tokens there are.
  virtual int tokens() const = 0;
  // What a model is trained to say of a price. REQUIRES: the coding holds it.
  virtual int64_t TargetOf(double price) const = 0;
  // The logarithm of the density at a price, by the width that its token has (LogDensity of distribution.h), of a
  // distribution over the support. REQUIRES: the coding holds it.
  virtual double LogDensityAt(std::span<const double> probabilities, double price) const = 0;

  // What one price's token covers.
  struct Cell {
    size_t begin = 0, end = 0;    // the part of the support that it has, [begin, end)
    double width = 1, above = 1;  // of the prices that it stands for; of those that are no less than the price
  };
  // REQUIRES: the coding holds it.
  virtual Cell CellOf(double price) const = 0;
};

// `bins`: one token a price, in order. Bin k holds the prices in [edges[k], edges[k + 1]), the first also what is below
// it and the last what is above; its value is the mean of the training prices in it, so that a distribution over bins
// has the mean that the prices would have. Within a bin prices lie as the training prices did, in atoms: at most
// `max_atoms` of them, each at the mean of an equal share of the bin's training prices (each price by itself where the
// bin has no more different ones than that). So a curve over prices has steps where the market has them, not at values
// that nobody bids.
//
// Immutable, so thread-safe.
class Bins final : public Coding {
 public:
  enum class Edges {
    kQuantile,    // as many training prices in each bin as ties allow
    kEqualWidth,  // from the least training price to the greatest
  };
  static constexpr int kMaxBins = 4096;

  // INVALID_ARGUMENT for no price, one that is not finite, or fewer than 1 or more than kMaxBins bins. There are fewer
  // bins than asked for where ties make quantiles meet, or where all prices are one.
  static absl::StatusOr<Bins> Fit(std::span<const double> prices, int bins, Edges edges, int max_atoms = 32);

  int size() const { return static_cast<int>(values_.size()); }
  // size() + 1 rising numbers.
  std::span<const double> edges() const { return edges_; }
  // size() rising numbers. Of a bin without training prices: its middle.
  std::span<const double> values() const { return values_; }
  double width(int token) const { return edges_[token + 1] - edges_[token]; }
  int TokenOf(double price) const;

  // Rising prices, and of each the bin that it lies in and its share of the bin: atom a has the probability
  // P(bin_of(a)) share(a).
  std::span<const double> atoms() const { return atoms_; }
  int bin_of(int64_t atom) const { return bin_of_[static_cast<size_t>(atom)]; }
  double share(int64_t atom) const { return shares_[static_cast<size_t>(atom)]; }
  // The probabilities of the atoms from those of the bins: size() numbers to atoms().size().
  void Spread(std::span<const double> bins, std::span<double> atoms) const;

  // The atoms; a bin holds any price.
  std::span<const double> support() const override { return atoms_; }
  int tokens() const override { return size(); }
  int64_t TargetOf(double price) const override { return TokenOf(price); }
  double LogDensityAt(std::span<const double> atoms, double price) const override;
  // `above` is all of the width where nothing of it is: at the last edge and beyond.
  Cell CellOf(double price) const override;

 private:
  Bins() = default;

  std::vector<double> edges_, values_, atoms_, shares_;
  std::vector<int> bin_of_, first_atoms_;  // the latter of each bin
};

// `digits`: a price as a fixed number of decimal digits, the most significant first; token 0 .. 9 at each place. The
// price is taken in units of `unit`, rounded to the nearest whole number of them, halves up.
//
// Immutable, so thread-safe.
class Digits final : public Coding {
 public:
  static constexpr int kMaxDigits = 4;
  static constexpr int kTokens = 10;

  // INVALID_ARGUMENT for digits out of 1 .. kMaxDigits, or a unit that is not finite and positive.
  static absl::StatusOr<Digits> Create(int digits, double unit = 1);

  int digits() const { return digits_; }
  double unit() const { return unit_; }
  // 10^digits: how many prices there are.
  int64_t size() const { return size_; }
  // Of every price that can be said, rising: 0, unit, 2 unit, ...
  std::span<const double> prices() const { return prices_; }

  // Which of prices() it is. INVALID_ARGUMENT about `price` for one that is negative, not finite or too large.
  absl::StatusOr<int64_t> NumberOf(double price) const;
  // The digit of a number at a place, 0 being the most significant.
  int Digit(int64_t number, int place) const;
  // The number that the digits before a place make, 0 at the first: 42 for the last place of 427.
  int64_t Prefix(int64_t number, int place) const;

  std::span<const double> support() const override { return prices_; }
  int tokens() const override { return kTokens; }
  int64_t TargetOf(double price) const override { return *NumberOf(price); }
  double LogDensityAt(std::span<const double> probabilities, double price) const override;
  // A number is one price, so that nothing cuts it.
  Cell CellOf(double price) const override;

 private:
  Digits(int digits, double unit);

  int digits_;
  double unit_;
  int64_t size_;
  std::vector<double> prices_;
};

}  // namespace vickrey::price

#endif  // VICKREY_PRICE_TOKENS_H_
