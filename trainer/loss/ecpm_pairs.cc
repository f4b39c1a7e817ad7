#include "trainer/loss/ecpm_pairs.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/sigmoid.h>

#include <algorithm>

#include "trainer/loss/elementwise.h"

namespace vickrey::trainer {
namespace {

constexpr double kPiTemperature = 0.1;

}  // namespace

EcpmPairs::EcpmPairs(const LossConfig& config)
    : scale_(config.has_scale() ? config.scale() : 1),
      log_margin_(config.margin() == "log_ecpm"),
      selection_(config.pairs() == "all"   ? Selection::kAll
                 : config.pairs() == "top" ? Selection::kTop
                                           : Selection::kPpi) {}

double EcpmPairs::Fused(const PairTerm& term, const Slate& slate, Precision precision, Workspace* workspace,
                        double* gradient) const {
  double* scores = Workspace::Room(&workspace->scores, slate.n);
  double* targets = Workspace::Room(&workspace->targets, slate.n);
  double* slopes = Workspace::Room(&workspace->slopes, slate.n);
  for (int64_t i = 0; i < slate.n; ++i) {
    scores[i] = slate.log_bids[i] + slate.log_f[i];
    targets[i] = scale_ * slate.bids[i] * slate.labels[i];
  }
  int64_t only = -1;
  double* weights = nullptr;
  if (selection_ == Selection::kTop) only = std::max_element(scores, scores + slate.n) - scores;
  if (selection_ == Selection::kPpi) {
    weights = Workspace::Room(&workspace->weights, slate.n);
    Softmax(slate.n, scores, kPiTemperature, weights);
    for (int64_t i = 0; i < slate.n; ++i) weights[i] *= 2;
  }
  if (!log_margin_) {
    for (int64_t i = 0; i < slate.n; ++i) scores[i] = scale_ * slate.bids[i] * slate.f[i];
  }
  const double sum = SumOverPairs(term, slate.n, scores, targets, weights, only, precision, &workspace->pairs, slopes);
  for (int64_t i = 0; i < slate.n; ++i) gradient[i] = slopes[i] * slate.rest[i] * (log_margin_ ? 1 : scores[i]);
  return sum;
}

at::Tensor EcpmPairs::Composed(const Ragged& batch, const ComposedTerm& term) const {
  const at::Tensor log_ecpm = batch.LogEcpm();
  const at::Tensor targets = scale_ * batch.bids() * batch.labels();
  const at::Tensor scores = log_margin_ ? log_ecpm : scale_ * batch.bids() * at::sigmoid(batch.logits());
  const ComposedPairs pairs = selection_ == Selection::kTop ? PairsWithTop(batch, log_ecpm) : AllPairs(batch);
  const at::Tensor weights =
      selection_ == Selection::kPpi ? 2 * batch.LogSoftmax(log_ecpm.detach() / kPiTemperature).exp() : at::Tensor();
  return SumOverPairs(batch, pairs, targets, scores, weights, term);
}

}  // namespace vickrey::trainer
