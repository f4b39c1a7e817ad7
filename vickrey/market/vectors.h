// The random vectors that markets are made of.
#ifndef VICKREY_MARKET_VECTORS_H_
#define VICKREY_MARKET_VECTORS_H_

#include <array>
#include <cmath>
#include <cstddef>

#include "vickrey/base/random.h"

namespace vickrey::market {

template <size_t N>
using Vector = std::array<double, N>;

template <size_t N>
double Dot(const Vector<N>& a, const double* b) {
  double sum = 0;
  for (size_t i = 0; i < N; ++i) sum += a[i] * b[i];
  return sum;
}

template <size_t N>
Vector<N> Scaled(Vector<N> v, double factor) {
  for (double& x : v) x *= factor;
  return v;
}

template <size_t N>
Vector<N> NormalVector(base::RandomStream& random) {
  Vector<N> v;
  for (double& x : v) x = random.Normal();
  return v;
}

template <size_t N>
Vector<N> UnitVector(base::RandomStream& random) {
  const auto v = NormalVector<N>(random);
  return Scaled(v, 1 / std::sqrt(Dot(v, v.data())));
}

// A random unit vector orthogonal to the unit vector `other`.
template <size_t N>
Vector<N> UnitVectorAcross(const Vector<N>& other, base::RandomStream& random) {
  auto v = NormalVector<N>(random);
  const double along = Dot(v, other.data());
  for (size_t i = 0; i < N; ++i) v[i] -= along * other[i];
  return Scaled(v, 1 / std::sqrt(Dot(v, v.data())));
}

// The nearest number of four decimals, halves to even; without a branch or a call, so that loops of it become vectors.
inline double Rounded(double x) {
  constexpr double kWhole = 6755399441055744.0;  // 1.5 x 2^52: added, it leaves no room behind the point
  return (x * 1e4 + kWhole - kWhole) / 1e4;
}

// Normal numbers, rounded.
template <typename Iterator>
void DrawRounded(base::RandomStream& random, Iterator begin, Iterator end) {
  for (Iterator x = begin; x != end; ++x) *x = random.Normal();
  for (Iterator x = begin; x != end; ++x) *x = Rounded(*x);
}

inline base::RandomStream Weights(uint64_t seed) { return {seed, base::StreamId("market.weights"), 0}; }

}  // namespace vickrey::market

#endif  // VICKREY_MARKET_VECTORS_H_
