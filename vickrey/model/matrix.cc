#include "vickrey/model/matrix.h"

#include <algorithm>
#include <new>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vickrey/model/matrix.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "vickrey/model/product.h"

HWY_BEFORE_NAMESPACE();
namespace vickrey::model::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kPanel = PackedMatrix::kPanel;
using D = hn::CappedTag<float, kPanel>;
using V = hn::Vec<D>;
constexpr int kVectors = static_cast<int>(kPanel / hn::MaxLanes(D()));  // of a panel

// How many vectors of sums there are registers for, beside those of weights and inputs.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr int kSums = 24;
#else
constexpr int kSums = 12;
#endif
constexpr int kMostRows = 12;
// Panels that are computed at a time for a number of rows: as many as there are registers for.
constexpr int PanelsFor(int rows) {
  const int panels = kSums / (rows * kVectors);
  return panels < 1 ? 1 : panels > 8 ? 8 : panels;
}
// The most rows with which one panel fits.
constexpr int kTileRows = kSums / kVectors < kMostRows ? (kSums / kVectors < 1 ? 1 : kSums / kVectors) : kMostRows;

// Rows [row, row + kRows) of panels [panel, panel + kPanels).
template <int kRows, int kPanels>
HWY_INLINE void Tile(const Product& p, int64_t row, int64_t panel) {
  const D d;
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(D()));
  constexpr int kWide = kPanels * kVectors;
  V sums[kRows * kWide];
  const float* HWY_RESTRICT x = p.x + row * p.x_stride;
  const float* HWY_RESTRICT weights = p.panels + panel * p.inputs * kPanel;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    const float* const start = p.start == nullptr ? nullptr : p.start[row + i] + panel * kPanel;
#pragma GCC unroll 32
    for (int v = 0; v < kWide; ++v) {
      sums[i * kWide + v] = start == nullptr ? hn::Zero(d) : hn::LoadU(d, start + v * kLanes);
    }
  }
  for (int64_t j = 0; j < p.inputs; ++j) {
    V w[kWide];
#pragma GCC unroll 32
    for (int v = 0; v < kWide; ++v) {
      w[v] = hn::Load(d, weights + (v / kVectors) * p.inputs * kPanel + j * kPanel + (v % kVectors) * kLanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const V of_row = hn::Set(d, x[i * p.x_stride + j]);
#pragma GCC unroll 32
      for (int v = 0; v < kWide; ++v) sums[i * kWide + v] = hn::MulAdd(of_row, w[v], sums[i * kWide + v]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    float* const y = p.y + (row + i) * p.y_stride + panel * kPanel;
#pragma GCC unroll 32
    for (int v = 0; v < kWide; ++v) {
      V sum = sums[i * kWide + v];
      if (p.bias != nullptr) sum = hn::Add(sum, hn::LoadU(d, p.bias + panel * kPanel + v * kLanes));
      if (p.relu) sum = hn::IfThenZeroElse(hn::Lt(sum, hn::Zero(d)), sum);  // a NaN stays
      hn::StoreU(sum, d, y + v * kLanes);
    }
  }
}

using TileFunction = void (*)(const Product&, int64_t row, int64_t panel);

// Tiles of 1 to kTileRows rows, with the panels that as many rows, or one more, allow.
template <int kRows>
TileFunction TileOf(int panels) {
  if (panels == PanelsFor(kRows)) return &Tile<kRows, PanelsFor(kRows)>;
  if (panels == PanelsFor(kRows + 1)) return &Tile<kRows, PanelsFor(kRows + 1)>;
  return &Tile<kRows, 1>;
}

template <int kRows = 1>
TileFunction FindTile(int rows, int panels) {
  if constexpr (kRows < kTileRows) {
    if (rows > kRows) return FindTile<kRows + 1>(rows, panels);
  }
  return TileOf<kRows>(panels);
}

// Tiles of about equally many rows, panel by panel, which stays in the cache meanwhile.
void Multiply(const Product& p, int64_t rows, int64_t panels) {
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows;
  const auto fewer = static_cast<int>(rows / tiles);
  const int64_t longer = rows % tiles;  // tiles of one row more
  const int wide = PanelsFor(longer > 0 ? fewer + 1 : fewer);
  for (int64_t panel = 0; panel < panels;) {
    const int at_a_time = panel + wide <= panels ? wide : 1;
    int64_t row = 0;
    if (longer > 0) {
      const TileFunction tile = FindTile(fewer + 1, at_a_time);
      for (int64_t t = 0; t < longer; ++t, row += fewer + 1) tile(p, row, panel);
    }
    const TileFunction tile = FindTile(fewer, at_a_time);
    for (; row < rows; row += fewer) tile(p, row, panel);
    panel += at_a_time;
  }
}

float Dot(const float* x, const float* w, int64_t count) {
  const D d;
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(D()));
  V a = hn::Zero(d), b = hn::Zero(d);
  int64_t j = 0;
  for (; j + 2 * kLanes <= count; j += 2 * kLanes) {
    a = hn::MulAdd(hn::LoadU(d, x + j), hn::LoadU(d, w + j), a);
    b = hn::MulAdd(hn::LoadU(d, x + j + kLanes), hn::LoadU(d, w + j + kLanes), b);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b)));
  for (; j < count; ++j) sum += x[j] * w[j];
  return sum;
}

}  // namespace
}  // namespace vickrey::model::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vickrey::model {

HWY_EXPORT(Multiply);
HWY_EXPORT(Dot);

PackedMatrix::PackedMatrix(const TensorView& weight)
    : inputs_(weight.shape[1]),
      outputs_(weight.shape[0]),
      panels_(hwy::AllocateAligned<float>(std::max<int64_t>(1, inputs_ * Padded(outputs_)))) {
  if (panels_ == nullptr) throw std::bad_alloc();
  float* to = panels_.get();
  for (int64_t panel = 0; panel < Padded(outputs_); panel += kPanel) {
    for (int64_t j = 0; j < inputs_; ++j) {
      for (int64_t h = panel; h < panel + kPanel; ++h) {
        *to++ = h < outputs_ ? weight.values[h * inputs_ + j] : 0;
      }
    }
  }
}

void PackedMatrix::Multiply(const float* x, int64_t x_stride, int64_t rows, const Options& options, float* y,
                            int64_t y_stride) const {
  model::Multiply({inputs_, outputs_, panels_.get()}, x, x_stride, rows, options, y, y_stride);
}

void Multiply(const Panels& w, const float* x, int64_t x_stride, int64_t rows, const ProductOptions& options, float* y,
              int64_t y_stride) {
  if (rows == 0) return;
  HWY_DYNAMIC_DISPATCH(Multiply)
  ({x, x_stride, options.start, options.bias, options.relu, y, y_stride, w.inputs, w.values}, rows,
   PackedMatrix::Padded(w.outputs) / PackedMatrix::kPanel);
}

std::vector<float> PaddedVector(std::span<const float> values) {
  std::vector<float> padded(PackedMatrix::Padded(static_cast<int64_t>(values.size())));
  std::copy(values.begin(), values.end(), padded.begin());
  return padded;
}

float Dot(std::span<const float> x, std::span<const float> w) {
  return HWY_DYNAMIC_DISPATCH(Dot)(x.data(), w.data(), static_cast<int64_t>(x.size()));
}

}  // namespace vickrey::model
#endif  // HWY_ONCE
