#include "trainer/loss/pointwise.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>

#include <vector>

#include "trainer/loss/directional.h"
#include "trainer/loss/fused.h"

namespace vickrey::trainer {
namespace {

constexpr int64_t kPieceEntries = 4096;  // work enough to hand to a thread

void CheckShape(const char* name, const at::Tensor& tensor, at::IntArrayRef shape) {
  TORCH_CHECK(tensor.sizes() == shape, name, " is ", tensor.sizes(), ", not ", shape);
}

at::Tensor InDouble(const at::Tensor& tensor) { return tensor.detach().to(at::kCPU, at::kDouble).contiguous(); }

// The mean over rows of `row`(r, gradient of that row) as a function of `input`.
template <typename Row>
at::Tensor MeanOverRows(const at::Tensor& input, const Row& row) {
  const int64_t rows = input.size(0), width = rows == 0 ? 1 : input.numel() / rows;
  const at::Tensor gradient = at::zeros(input.sizes(), at::kDouble);
  double* const slopes = gradient.data_ptr<double>();
  std::vector<double> values(static_cast<size_t>(rows));
  at::parallel_for(0, rows, std::max<int64_t>(1, kPieceEntries / width), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) values[r] = row(r, slopes + r * width);
  });
  double sum = 0;
  for (const double value : values) sum += value;
  const double share = rows == 0 ? 0 : 1 / static_cast<double>(rows);
  return WithGradient(input, at::scalar_tensor(sum * share, input.options()),
                      (gradient * share).to(input.scalar_type()));
}

}  // namespace

at::Tensor GmadlOf(const at::Tensor& forecast, const at::Tensor& observed, double a, double b) {
  CheckShape("observed", observed, {forecast.size(0)});
  if (!forecast.device().is_cpu()) return ComposedGmadl(forecast, observed, a, b);
  const at::Tensor f = InDouble(forecast), r = InDouble(observed);
  return MeanOverRows(forecast, [f = f.data_ptr<double>(), r = r.data_ptr<double>(), a, b](int64_t i, double* slope) {
    const PointLoss loss = Gmadl(r[i], f[i], a, b);
    *slope = loss.slope;
    return loss.value;
  });
}

at::Tensor ComposedGmadl(const at::Tensor& forecast, const at::Tensor& observed, double a, double b) {
  CheckShape("observed", observed, {forecast.size(0)});
  return (-.5 * at::tanh(a / 2 * observed * forecast) * at::pow(observed.abs(), b)).mean();
}

at::Tensor NumberTokensOf(NumberDistance distance, const at::Tensor& logits, const at::Tensor& target,
                          const at::Tensor& values, double lambda) {
  CheckShape("target", target, {logits.size(0), logits.size(1)});
  CheckShape("values", values, {logits.size(1)});
  if (!logits.device().is_cpu()) return ComposedNumberTokens(distance, logits, target, values, lambda);
  const int64_t n = logits.size(1);
  const at::Tensor l = InDouble(logits), q = InDouble(target), x = InDouble(values);
  return MeanOverRows(logits, [&, l = l.data_ptr<double>(), q = q.data_ptr<double>(), x = x.data_ptr<double>()](
                                  int64_t r, double* slopes) {
    return NumberTokens(distance, lambda, n, x, q + r * n, l + r * n, slopes).value;
  });
}

at::Tensor ComposedNumberTokens(NumberDistance distance, const at::Tensor& logits, const at::Tensor& target,
                                const at::Tensor& values, double lambda) {
  CheckShape("target", target, {logits.size(0), logits.size(1)});
  CheckShape("values", values, {logits.size(1)});
  const at::Tensor log_p = at::log_softmax(logits, 1), p = log_p.exp();
  const at::Tensor cross_entropy = -(target * log_p).sum(1);
  if (distance == NumberDistance::kMse) {
    return (cross_entropy + lambda * at::pow(((p - target) * values).sum(1), 2)).mean();
  }
  const int64_t gaps = values.size(0) - 1;
  const at::Tensor gap = values.slice(0, 1) - values.slice(0, 0, gaps);
  const at::Tensor ahead = at::cumsum(p - target, 1).slice(1, 0, gaps);
  return (cross_entropy + lambda * (ahead.abs() * gap).sum(1)).mean();
}

}  // namespace vickrey::trainer
