#include "trainer/loss/loss_testing.h"

#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "vickrey/base/config.h"
#include "vickrey/base/random.h"

namespace vickrey::trainer {
namespace {

using Matrix = std::vector<std::vector<double>>;

// The labelled candidates of one auction; `frozen` are logits of the model that selects pairs.
struct Labelled {
  std::vector<double> bids, labels, click, no_click, frozen;

  size_t size() const { return bids.size(); }
  double Logit(size_t i) const { return click[i] - no_click[i]; }
  double LogScore(size_t i) const { return std::log(bids[i] * Sigmoid(Logit(i))); }
};

double LogSumExp(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += std::exp(v);
  return std::log(sum);
}

double Score(const LossConfig& config, double bid, double logit) {
  const double scale = config.has_scale() ? config.scale() : 1;
  return config.margin() == "ecpm" ? scale * bid * Sigmoid(logit) : std::log(bid * Sigmoid(logit));
}

Matrix PairWeights(const LossConfig& config, const Labelled& in) {
  const size_t n = in.size();
  Matrix weights(n, std::vector<double>(n, 1));
  if (config.pairs() == "all") return weights;
  size_t top = 0;
  double sum = 0;
  std::vector<double> pi(n, 0);
  for (size_t i = 0; i < n; ++i) {
    if (in.bids[i] * Sigmoid(in.frozen[i]) > in.bids[top] * Sigmoid(in.frozen[top])) top = i;
    pi[i] = std::pow(in.bids[i] * Sigmoid(in.frozen[i]), 10);  // softmax(log(b f) / 0.1)
    sum += pi[i];
  }
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      weights[i][j] = config.pairs() == "top" ? double(i == top || j == top) : 4 * pi[i] * pi[j] / (sum * sum);
    }
  }
  return weights;
}

double OfPairs(const LossConfig& config, const Labelled& in, double sigma) {
  const double scale = config.has_scale() ? config.scale() : 1;
  const Matrix weights = PairWeights(config, in);
  double sum = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    for (size_t j = 0; j < in.size(); ++j) {
      if (i == j) continue;
      const double difference = scale * (in.bids[i] * in.labels[i] - in.bids[j] * in.labels[j]);
      const double d = Score(config, in.bids[i], in.Logit(i)) - Score(config, in.bids[j], in.Logit(j));
      const double weight = weights[i][j] * (config.weight() == "signed" ? difference : std::max(difference, 0.0));
      if (config.loss() == "gmadl") {  // each pair once
        const double g = 1 / (1 + std::exp(-config.a() * difference * d));
        sum -= i < j ? weights[i][j] * (g - 0.5) * std::pow(std::abs(difference), config.b()) : 0;
      } else if (config.loss() == "madl") {
        const double sign = difference * d > 0 ? 1 : difference * d < 0 ? -1 : 0;
        sum -= i < j ? weights[i][j] * sign * std::abs(difference) : 0;
      } else if (config.surrogate() == "logistic") {
        sum += weight * std::log2(1 + std::exp(-sigma * d));
      } else if (config.surrogate() == "hinge") {
        sum += weight * std::max(1 - sigma * d, 0.0);
      } else if (config.surrogate() == "zero_one") {
        sum += weight * (d <= 0);
      } else if (i < j) {
        sum -= weights[i][j] * difference * std::tanh(sigma * d / 2);
      }
    }
  }
  return sum;
}

// integral of (value - x) times the density of exp(mu + omega z) over 0 < x < score, by Simpson's rule over z.
double SurplusOf(double value, double score, double mu, double omega) {
  constexpr int kSteps = 2000;
  const double low = -12, high = (std::log(score) - mu) / omega;
  if (high <= low) return 0;
  const double step = (high - low) / kSteps;
  double sum = 0;
  for (int k = 0; k <= kSteps; ++k) {
    const double z = low + k * step, weight = k == 0 || k == kSteps ? 1 : k % 2 == 1 ? 4 : 2;
    sum += weight * (value - std::exp(mu + omega * z)) * std::exp(-z * z / 2) * step / 3;
  }
  return sum / std::sqrt(2 * std::acos(-1));
}

double OfAuction(const LossConfig& config, const Labelled& in, const Point& point) {
  const double scale = config.has_scale() ? config.scale() : 1;
  const size_t n = in.size();
  if (n == 0) return 0;
  if (HasEcpmPairs(config)) return OfPairs(config, in, point.sigma);
  double sum = 0;
  std::vector<double> scores, logits;
  for (size_t i = 0; i < n; ++i) {
    scores.push_back(in.LogScore(i) / point.tau);
    logits.push_back(in.Logit(i));
  }
  for (size_t i = 0; i < n; ++i) {
    const double q = in.labels[i], f = Sigmoid(logits[i]);
    if (config.loss() == "soft_winner") sum -= std::exp(scores[i] - LogSumExp(scores)) * scale * in.bids[i] * q;
    if (config.loss() == "softmax") sum -= q * (logits[i] - LogSumExp(logits));
    if (config.loss() == "jrc") {
      sum -= q * (in.click[i] - LogSumExp(in.click)) + (1 - q) * (in.no_click[i] - LogSumExp(in.no_click));
    }
    if (config.loss() == "calibrated_softmax") {
      double predicted = 1;
      for (const double u : logits) predicted += Sigmoid(u);
      sum -= q * std::log(f / predicted) + (i == 0 ? std::log(1 / predicted) : 0);
    }
    if (config.loss() == "known_market") {
      sum -= scale * SurplusOf(in.bids[i] * q, in.bids[i] * f, config.mu(), config.omega());
    }
    for (size_t j = 0; j < n && config.loss() == "ranknet"; ++j) {
      sum += std::max(q - in.labels[j], 0.0) * std::log1p(std::exp(-point.sigma * (logits[i] - logits[j])));
    }
  }
  return sum;
}

}  // namespace

LossConfig Config(const std::string& yaml) {
  LossConfig config;
  const absl::Status status = base::LoadConfig(yaml, "test", &config);
  EXPECT_TRUE(status.ok()) << status;
  return config;
}

LossConfig RankConfig(const std::string& yaml) { return Config(absl::StrCat("{loss: welfare_rank, ", yaml, "}")); }

std::string Name(const LossConfig& config) { return config.ShortDebugString(); }

int Outputs(const LossConfig& config) { return config.loss() == "jrc" ? 2 : 1; }

bool HasEcpmPairs(const LossConfig& config) {
  return config.loss() == "welfare_rank" || config.loss() == "gmadl" || config.loss() == "madl";
}

std::vector<LossConfig> EveryConfig() {
  std::vector<LossConfig> configs;
  for (const char* loss : {"logloss", "bid_logloss"}) {
    configs.push_back(Config(absl::StrCat("{loss: ", loss, "}")));
    configs.push_back(Config(absl::StrCat("{loss: ", loss, ", base_rate: 0.05}")));
  }
  const auto add = [&](const std::string& yaml) {
    const LossConfig config = Config(absl::StrCat("{", yaml, "}"));
    if (MakeLoss(config).ok()) configs.push_back(config);
  };
  const std::string mixed = ", alpha: 0.3, base_rate: 0.25";
  for (const char* margin : {"ecpm", "log_ecpm"}) {
    for (const char* pairs : {"all", "top", "ppi"}) {
      const std::string axes = absl::StrCat(", margin: ", margin, ", pairs: ", pairs);
      for (const char* surrogate : {"logistic", "hinge", "tanh", "zero_one"}) {
        for (const char* weight : {"positive", "signed"}) {
          const std::string all =
              absl::StrCat("loss: welfare_rank, surrogate: ", surrogate, ", weight: ", weight, axes);
          add(all + ", sigma: 1");
          add(all + ", sigma: 4, scale: 2.5" + mixed);
        }
      }
      add("loss: gmadl" + axes);
      add("loss: gmadl, a: 3, b: 2, scale: 2.5" + axes + mixed);
      add("loss: gmadl, a: 0.5, b: 0.5" + axes);
      add("loss: gmadl, a: 0.5, b: 0" + axes);
      add("loss: madl, scale: 2.5" + axes);
    }
  }
  for (const std::string& rest : {std::string(), mixed}) {
    add("loss: soft_winner, tau: 0.7" + rest);
    add("loss: soft_winner, tau: 0.2, scale: 0.5" + rest);
    add("loss: ranknet, sigma: 1" + rest);
    add("loss: ranknet, sigma: 3" + rest);
    add("loss: softmax" + rest);
    add("loss: jrc" + rest);
    add("loss: calibrated_softmax" + rest);
    add("loss: known_market, mu: -1.5, omega: 0.8" + rest);
    add("loss: known_market, mu: 0.2, omega: 1.5, scale: 2" + rest);
  }
  return configs;
}

Result Compute(const LossConfig& config, const LossBatch& batch, const std::vector<double>& logits, const Point& point,
               at::ScalarType type, bool composed) {
  at::set_num_threads(1);  // for tensors this small, others only spin: tenfold slower on a busy machine
  const auto loss = MakeLoss(config);
  EXPECT_TRUE(loss.ok()) << loss.status();
  EXPECT_EQ((*loss)->outputs(), Outputs(config));
  EXPECT_TRUE(CheckBatch(batch).ok());
  const auto size = static_cast<int64_t>(logits.size());
  at::Tensor tensor = at::from_blob(const_cast<double*>(logits.data()), {size}, at::kDouble)
                          .to(type, /*non_blocking=*/false, /*copy=*/true);
  if (Outputs(config) == 2) tensor = tensor.view({size / 2, 2});
  tensor.set_requires_grad(true);
  const at::Tensor value = composed ? (*loss)->Composed(tensor, batch, point) : (*loss)->Value(tensor, batch, point);
  EXPECT_EQ(value.dim(), 0);
  EXPECT_EQ(value.scalar_type(), type);
  value.backward();
  const at::Tensor gradient = tensor.grad().to(at::kDouble).contiguous();
  return {value.item<double>(), {gradient.data_ptr<double>(), gradient.data_ptr<double>() + gradient.numel()}};
}

Result Compute(const LossConfig& config, const LossBatch& batch, const std::vector<double>& logits) {
  return Compute(config, batch, logits, PointAt(config, 0));
}

LossBatch One(std::vector<double> bids, std::vector<double> labels) {
  const auto n = static_cast<int64_t>(bids.size());
  return {.offsets = {0, n}, .bids = std::move(bids), .labels = std::move(labels)};
}

double Sigmoid(double u) { return 1 / (1 + std::exp(-u)); }

double Reference(const LossConfig& config, const LossBatch& batch, const std::vector<double>& logits,
                 const std::vector<double>& frozen, const Point& point) {
  double rank = 0, auctions = 0, cross_entropy = 0, candidates = 0;
  const bool two = Outputs(config) == 2;
  for (int64_t a = 0; a < batch.auctions(); ++a) {
    Labelled in;
    const double weight = batch.WeightOf(a);
    for (int64_t i = batch.offsets[a]; i < batch.offsets[a + 1]; ++i) {
      if (std::isnan(batch.labels[i])) continue;
      in.bids.push_back(batch.bids[i]);
      in.labels.push_back(batch.labels[i]);
      in.click.push_back(two ? logits[2 * i] : logits[i]);
      in.no_click.push_back(two ? logits[2 * i + 1] : 0);
      in.frozen.push_back(two ? frozen[2 * i] - frozen[2 * i + 1] : frozen[i]);
      const double q = batch.labels[i], f = Sigmoid(in.Logit(in.size() - 1));
      candidates += weight;
      cross_entropy -=
          weight * (config.loss() == "bid_logloss" ? batch.bids[i] : 1) * (q * std::log(f) + (1 - q) * std::log1p(-f));
    }
    auctions += weight;
    if (IsRankLoss(config)) rank += weight * OfAuction(config, in, point);
  }
  cross_entropy /= (candidates > 0 ? candidates : 1) * config.base_rate();
  return IsRankLoss(config) ? (1 - point.alpha) * rank / auctions + point.alpha * cross_entropy : cross_entropy;
}

std::vector<double> RandomCase::LogitsFor(const LossConfig& config) const {
  if (Outputs(config) == 1) return logits;
  std::vector<double> both;
  for (size_t i = 0; i < logits.size(); ++i) {
    both.push_back(logits[i]);
    both.push_back(no_click_logits[i]);
  }
  return both;
}

RandomCase RandomBatch(uint64_t seed, LabelKind labels, double masked, int auctions, int least, int most) {
  base::RandomStream random(seed, base::StreamId("test"), 0);
  RandomCase r;
  for (int a = 0; a < auctions; ++a) {
    const int64_t n = least + static_cast<int64_t>(random.Below(most - least + 1));
    r.batch.offsets.push_back(r.batch.offsets.back() + n);
    for (int64_t i = 0; i < n; ++i) {
      r.batch.bids.push_back(random.LogNormal(0, 1));
      const double q = Sigmoid(-1 + random.Normal());
      const double label = labels == LabelKind::kClicks ? random.Bernoulli(q) : q;
      r.batch.labels.push_back(random.Bernoulli(masked) ? kMasked : label);
      r.logits.push_back(static_cast<float>(-1 + 1.5 * random.Normal()));
      r.no_click_logits.push_back(static_cast<float>(0.5 * random.Normal()));
    }
  }
  return r;
}

}  // namespace vickrey::trainer
