// welfare_rank: the welfare-weighted pairwise rank loss.
//
//   L = sum over ordered pairs i != j of (D_ij)+ phi(d_ij),   D_ij = v_i - v_j,   d_ij = s_i - s_j,
//   v = c b q,   s = log b + log f (margin `log_ecpm`) or c b f (`ecpm`)
//
//   phi(z)    logistic  log2(1 + exp(-sigma z))
//             hinge     (1 - sigma z)+
//             zero_one  1{z <= 0}, for evaluation only
//   tanh:     sum over i < j of -D_ij tanh(sigma d_ij / 2)
//   train     (1 - alpha) mean over auctions of L + alpha x cross-entropy / base_rate
//
// Guarantee: with labels q the truth, pairs `all` and a phi >= zero_one, the regret of ranking by s is at most L / c.
// Pairs: `top` keeps those with the model's top candidate (zero_one still bounds the regret); `ppi` weighs by 4 pi_i
// pi_j, pi = softmax(s / 0.1) with s in log_ecpm: only pairs in which both compete for the top count. Both are of the
// model as it is, without a gradient.
//
// When to use it: a student too small, or too coarsely hashed, for the truth, and bids that are related to where it
// errs. A large student gains nothing.
#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/tanh.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "trainer/loss/loss.h"
#include "trainer/loss/tensors.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::LossConfig;

constexpr double kPiTemperature = 0.1;

// Unordered pairs: each stands for both of its orders, of which the positive part of D leaves one.
struct Pairs {
  std::vector<int64_t> first, second;
  std::vector<double> difference;  // D, of first less second
  std::vector<double> weight;      // of the pair selection
};

class WelfareRank final : public Loss {
 public:
  explicit WelfareRank(const LossConfig& config) : config_(config), scale_(config.has_scale() ? config.scale() : 1) {}

  at::Tensor Value(const at::Tensor& logits, const LossBatch& batch, const Point& point) const override {
    const at::Tensor cross_entropy =
        point.alpha > 0 ? point.alpha * CrossEntropy(logits, batch, {}, config_.base_rate()) : at::Tensor();
    if (point.alpha >= 1) return cross_entropy;
    const at::Tensor rank = (1 - point.alpha) / static_cast<double>(std::max<int64_t>(batch.auctions(), 1)) *
                            SumOverPairs(logits, batch, point.sigma);
    return cross_entropy.defined() ? rank + cross_entropy : rank;
  }

 private:
  at::Tensor SumOverPairs(const at::Tensor& logits, const LossBatch& batch, double sigma) const;
  Pairs Select(const at::Tensor& logits, const LossBatch& batch) const;

  const LossConfig config_;
  const double scale_;
};

// log(b f) of the model as it is, in double.
std::vector<double> DetachedScores(const at::Tensor& logits, const LossBatch& batch) {
  const at::Tensor u = logits.detach().to(at::kDouble).contiguous();
  const double* data = u.data_ptr<double>();
  std::vector<double> scores(batch.bids.size());
  for (size_t i = 0; i < scores.size(); ++i) scores[i] = LogScore(batch.bids[i], data[i]);
  return scores;
}

Pairs WelfareRank::Select(const at::Tensor& logits, const LossBatch& batch) const {
  const bool all = config_.pairs() == "all", top_only = config_.pairs() == "top";
  const std::vector<double> scores = all ? std::vector<double>() : DetachedScores(logits, batch);
  Pairs pairs;
  std::vector<double> pi;
  for (int64_t a = 0; a < batch.auctions(); ++a) {
    const int64_t begin = batch.offsets[a], end = batch.offsets[a + 1];
    const auto masked = [&](int64_t i) { return std::isnan(batch.labels[i]); };
    int64_t top = -1;
    for (int64_t i = begin; !all && i < end; ++i) {
      if (!masked(i) && (top < 0 || scores[i] > scores[top])) top = i;
    }
    if (!all && !top_only && top >= 0) {
      pi.assign(end - begin, 0);
      double sum = 0;
      for (int64_t i = begin; i < end; ++i) {
        if (!masked(i)) sum += pi[i - begin] = std::exp((scores[i] - scores[top]) / kPiTemperature);
      }
      for (double& p : pi) p /= sum;
    }
    for (int64_t i = begin; i < end; ++i) {
      if (masked(i)) continue;
      for (int64_t j = i + 1; j < end; ++j) {
        if (masked(j) || (top_only && i != top && j != top)) continue;
        const double difference = scale_ * (batch.bids[i] * batch.labels[i] - batch.bids[j] * batch.labels[j]);
        const double weight = all || top_only ? 1 : 4 * pi[i - begin] * pi[j - begin];
        if (difference == 0 || weight == 0) continue;
        pairs.first.push_back(i);
        pairs.second.push_back(j);
        pairs.difference.push_back(difference);
        pairs.weight.push_back(weight);
      }
    }
  }
  return pairs;
}

at::Tensor WelfareRank::SumOverPairs(const at::Tensor& logits, const LossBatch& batch, double sigma) const {
  const Pairs pairs = Select(logits, batch);
  if (pairs.first.empty()) return logits.sum() * 0 + 0.0;  // nothing to learn, and still a function of the logits
  const auto tensor = [&](const std::vector<double>& values) { return CopyOf(values, logits.scalar_type()); };

  std::vector<double> bids(batch.bids);
  const bool log_margin = config_.margin() == "log_ecpm";
  for (double& b : bids) b = log_margin ? std::log(b) : scale_ * b;
  const at::Tensor score = log_margin ? tensor(bids) + at::log_sigmoid(logits) : tensor(bids) * at::sigmoid(logits);
  at::Tensor d = at::index_select(score, 0, CopyOf(pairs.first)) - at::index_select(score, 0, CopyOf(pairs.second));

  // Turned so that the pair's first is the one worth more.
  std::vector<double> sign(pairs.difference.size()), amount(pairs.difference.size());
  for (size_t p = 0; p < sign.size(); ++p) {
    sign[p] = pairs.difference[p] < 0 ? -1 : 1;
    amount[p] = pairs.weight[p] * std::abs(pairs.difference[p]);
  }
  d = tensor(sign) * d;
  at::Tensor phi;
  if (config_.surrogate() == "logistic") {
    phi = at::softplus(-sigma * d, 1, kSoftplusThreshold) / std::numbers::ln2;
  } else if (config_.surrogate() == "hinge") {
    phi = at::relu(1 - sigma * d);
  } else if (config_.surrogate() == "tanh") {
    phi = -at::tanh(sigma / 2 * d);
  } else {
    phi = (d <= 0).to(logits.scalar_type());
    if (config_.weight() == "signed") phi = phi - (d >= 0).to(logits.scalar_type());
    phi = phi + 0 * d;
  }
  return (tensor(amount) * phi).sum();
}

}  // namespace

std::unique_ptr<Loss> MakeWelfareRank(const LossConfig& config) { return std::make_unique<WelfareRank>(config); }

}  // namespace vickrey::trainer
