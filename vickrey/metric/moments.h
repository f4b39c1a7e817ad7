#ifndef VICKREY_METRIC_MOMENTS_H_
#define VICKREY_METRIC_MOMENTS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace vickrey::metric {

// Sums and second moments of D quantities over samples, in memory that does not grow with them. By Welford's update
// and, for Merge, that of Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
// variances", 1979: means are subtracted before products are summed, so that nothing cancels. Not thread-safe.
template <size_t D>
class Moments {
 public:
  using Vector = std::array<double, D>;

  void Add(const Vector& x) {
    ++n_;
    Vector before;
    for (size_t i = 0; i < D; ++i) {
      sums_[i] += x[i];
      before[i] = x[i] - means_[i];
      means_[i] += before[i] / static_cast<double>(n_);
    }
    for (size_t i = 0; i < D; ++i) {
      for (size_t j = i; j < D; ++j) products_[i][j] += before[i] * (x[j] - means_[j]);
    }
  }

  void Merge(const Moments& other) {
    if (other.n_ == 0) return;
    if (n_ == 0) {
      *this = other;
      return;
    }
    const auto a = static_cast<double>(n_), b = static_cast<double>(other.n_);
    Vector apart;
    for (size_t i = 0; i < D; ++i) {
      sums_[i] += other.sums_[i];
      apart[i] = other.means_[i] - means_[i];
      means_[i] += apart[i] * (b / (a + b));
    }
    for (size_t i = 0; i < D; ++i) {
      for (size_t j = i; j < D; ++j) products_[i][j] += other.products_[i][j] + apart[i] * apart[j] * (a * b / (a + b));
    }
    n_ += other.n_;
  }

  int64_t n() const { return n_; }
  double sum(size_t i) const { return sums_[i]; }

  // The sum over samples of (w . (x - mean))^2. Quantities that are equal, with opposite weights and next to each
  // other, leave nothing, not even a rounding.
  double SquaresOf(const Vector& w) const {
    double squares = 0;
    for (size_t i = 0; i < D; ++i) {
      double product = 0;
      for (size_t j = 0; j < D; ++j) product += w[j] * products_[std::min(i, j)][std::max(i, j)];
      squares += w[i] * product;
    }
    return std::max(squares, 0.0);
  }

 private:
  int64_t n_ = 0;
  Vector sums_ = {}, means_ = {};
  std::array<Vector, D> products_ = {};  // of deviations from the means, summed; the upper triangle
};

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_MOMENTS_H_
