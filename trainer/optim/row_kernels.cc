#include "trainer/optim/row_kernels.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "trainer/optim/row_kernels.cc"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vickrey::trainer::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;

// How many rows ahead are fetched: a row lies anywhere, so that no hardware foresees it.
constexpr int64_t kGradientsAhead = 32, kRowsAhead = 16;
constexpr int64_t kLineFloats = 16;
constexpr int64_t kMostLines = 4;  // of a row: the hardware follows a longer one

HWY_INLINE void Fetch(const float* from, int64_t floats) {
  const int64_t end = std::min(floats, kMostLines * kLineFloats);
  for (int64_t i = 0; i < end; i += kLineFloats) hwy::Prefetch(from + i);
  hwy::Prefetch(from + end - 1);
}

// f(d, i) for the lanes [i, i + Lanes(d)) of [begin, end): whole vectors, then ever smaller ones.
template <class Tag, class F>
HWY_INLINE void ForEachLanes(Tag d, int64_t begin, int64_t end, const F& f) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (; begin + lanes <= end; begin += lanes) f(d, begin);
  if constexpr (hn::MaxLanes(Tag()) > 1) {
    if (begin < end) ForEachLanes(hn::Half<Tag>(), begin, end, f);
  }
}

HWY_INLINE float SumOfSquares(const float* x, int64_t width, float scale) {
  float rest = 0;
  auto whole = hn::Zero(D());
  ForEachLanes(D(), 0, width, [&](auto d, int64_t i) {
    const auto g = hn::Mul(hn::LoadU(d, x + i), hn::Set(d, scale));
    if constexpr (hn::MaxLanes(d) == hn::MaxLanes(D())) {
      whole = hn::Add(whole, hn::Mul(g, g));
    } else {
      rest += hn::GetLane(hn::SumOfLanes(d, hn::Mul(g, g)));
    }
  });
  return hn::GetLane(hn::SumOfLanes(D(), whole)) + rest;
}

void Sum(const Repetitions& r, int64_t width, float* sums) {
  int32_t next = 0;
  for (int64_t k = 0; k < r.count; ++k) {
    if (k + kGradientsAhead < r.count) Fetch(r.gradients + r.members[k + kGradientsAhead] * width, width);
    const float* HWY_RESTRICT const from = r.gradients + r.members[k] * width;
    float* HWY_RESTRICT const to = sums + r.slots[k] * width;
    if (r.slots[k] == next) {
      ++next;
      ForEachLanes(D(), 0, width, [&](auto d, int64_t i) { hn::StoreU(hn::LoadU(d, from + i), d, to + i); });
    } else {
      ForEachLanes(D(), 0, width, [&](auto d, int64_t i) {
        hn::StoreU(hn::Add(hn::LoadU(d, to + i), hn::LoadU(d, from + i)), d, to + i);
      });
    }
  }
}

double Norm(const SummedRows& r) {
  double norm = 0;
  for (int64_t k = 0; k < r.count; ++k) norm += static_cast<double>(SumOfSquares(r.sums + k * r.width, r.width, 1));
  return norm;
}

// update(row, its sums) for each, once fetch(row) was called.
template <class FetchRow, class Update>
HWY_INLINE void ForEachRow(const SummedRows& r, const FetchRow& fetch, const Update& update) {
  for (int64_t k = 0; k < std::min(kRowsAhead, r.count); ++k) fetch(r.rows[k]);
  for (int64_t k = 0; k < r.count; ++k) {
    if (k + kRowsAhead < r.count) fetch(r.rows[k + kRowsAhead]);
    update(r.rows[k], r.sums + k * r.width);
  }
}

void Adam(const RowStep& s, const SummedRows& r, float* weights, float* moments) {
  const int64_t width = r.width;
  ForEachRow(
      r,
      [=](int64_t row) {
        Fetch(weights + row * width, width);
        Fetch(moments + row * 2 * width, 2 * width);
      },
      [&](int64_t row, const float* HWY_RESTRICT sums) {
        float* HWY_RESTRICT const w = weights + row * width;
        float* HWY_RESTRICT const m = moments + row * 2 * width;
        float* HWY_RESTRICT const v = m + width;
        ForEachLanes(D(), 0, width, [&](auto d, int64_t i) {
          const auto g = hn::Mul(hn::LoadU(d, sums + i), hn::Set(d, s.scale));
          const auto old_m = hn::LoadU(d, m + i), old_v = hn::LoadU(d, v + i);
          const auto new_m = hn::Add(old_m, hn::Mul(hn::Sub(g, old_m), hn::Set(d, s.new_in_m)));
          const auto new_v = hn::Add(old_v, hn::Mul(hn::Sub(hn::Mul(g, g), old_v), hn::Set(d, s.new_in_v)));
          const auto change = hn::Div(hn::Mul(new_m, hn::Set(d, s.rate)), hn::Add(hn::Sqrt(new_v), hn::Set(d, s.eps)));
          hn::StoreU(new_m, d, m + i);
          hn::StoreU(new_v, d, v + i);
          hn::StoreU(hn::Sub(hn::Mul(hn::LoadU(d, w + i), hn::Set(d, s.kept)), change), d, w + i);
        });
      });
}

// w = kept w - rate g for one row.
HWY_INLINE void Descend(const RowStep& s, const float* HWY_RESTRICT sums, int64_t width, float rate,
                        float* HWY_RESTRICT w) {
  ForEachLanes(D(), 0, width, [&](auto d, int64_t i) {
    const auto g = hn::Mul(hn::LoadU(d, sums + i), hn::Set(d, s.scale));
    const auto kept = hn::Mul(hn::LoadU(d, w + i), hn::Set(d, s.kept));
    hn::StoreU(hn::Sub(kept, hn::Mul(g, hn::Set(d, rate))), d, w + i);
  });
}

void RowwiseAdagrad(const RowStep& s, const SummedRows& r, float* weights, float* accumulators) {
  const int64_t width = r.width;
  ForEachRow(
      r,
      [=](int64_t row) {
        Fetch(weights + row * width, width);
        hwy::Prefetch(accumulators + row);
      },
      [&](int64_t row, const float* sums) {
        accumulators[row] += SumOfSquares(sums, width, s.scale) / static_cast<float>(width);
        const hn::CappedTag<float, 1> one;
        const float root = hn::GetLane(hn::Sqrt(hn::Set(one, accumulators[row])));
        Descend(s, sums, width, s.rate / (root + s.eps), weights + row * width);
      });
}

void Sgd(const RowStep& s, const SummedRows& r, float* weights) {
  const int64_t width = r.width;
  ForEachRow(
      r, [=](int64_t row) { Fetch(weights + row * width, width); },
      [&](int64_t row, const float* sums) { Descend(s, sums, width, s.rate, weights + row * width); });
}

}  // namespace
}  // namespace vickrey::trainer::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vickrey::trainer {

HWY_EXPORT(Sum);
HWY_EXPORT(Norm);
HWY_EXPORT(Adam);
HWY_EXPORT(RowwiseAdagrad);
HWY_EXPORT(Sgd);

void SumRepetitions(const Repetitions& repetitions, int64_t width, float* sums) {
  HWY_DYNAMIC_DISPATCH(Sum)(repetitions, width, sums);
}

double SquaredNormOf(const SummedRows& rows) { return HWY_DYNAMIC_DISPATCH(Norm)(rows); }

void UpdateAdam(const RowStep& step, const SummedRows& rows, float* weights, float* moments) {
  HWY_DYNAMIC_DISPATCH(Adam)(step, rows, weights, moments);
}

void UpdateRowwiseAdagrad(const RowStep& step, const SummedRows& rows, float* weights, float* accumulators) {
  HWY_DYNAMIC_DISPATCH(RowwiseAdagrad)(step, rows, weights, accumulators);
}

void UpdateSgd(const RowStep& step, const SummedRows& rows, float* weights) {
  HWY_DYNAMIC_DISPATCH(Sgd)(step, rows, weights);
}

}  // namespace vickrey::trainer
#endif  // HWY_ONCE
