#include "trainer/loss/fused.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "trainer/loss/elementwise.h"

namespace vickrey::trainer {
namespace {

using ::torch::autograd::AutogradContext;
using ::torch::autograd::variable_list;

constexpr int64_t kPieceCandidates = 1024;  // fits a core's cache, and is work enough to hand to a thread

class Precomputed final : public ::torch::autograd::Function<Precomputed> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& /*input*/, const at::Tensor& value,
                            const at::Tensor& gradient) {
    context->save_for_backward({gradient});
    return value.clone();
  }
  static variable_list backward(AutogradContext* context, variable_list outputs) {
    const at::Tensor gradient = context->get_saved_variables()[0];
    return {gradient * outputs[0].to(gradient.device()), at::Tensor(), at::Tensor()};
  }
};

// The labelled candidates of some auctions, one after the other, with room for whole vectors behind them.
class Candidates {
 public:
  // Of auctions [from, to). `logits`: (candidates) or (candidates, 2).
  template <typename T>
  void Gather(const LossBatch& batch, int64_t from, int64_t to, const T* logits, int outputs) {
    const int64_t begin = batch.offsets[from], end = batch.offsets[to];
    Reserve(end - begin);
    offsets_.assign(1, 0);
    int64_t n = 0;
    for (int64_t a = from; a < to; ++a) {
      for (int64_t i = batch.offsets[a]; i < batch.offsets[a + 1]; ++i) {
        const double label = batch.labels[i];
        if (std::isnan(label)) continue;
        rows_[n] = i;
        bids_[n] = batch.bids[i];
        labels_[n] = label;
        if (outputs == 1) {
          logits_[n] = static_cast<double>(logits[i]);
        } else {
          click_[n] = static_cast<double>(logits[2 * i]);
          no_click_[n] = static_cast<double>(logits[2 * i + 1]);
          logits_[n] = click_[n] - no_click_[n];
        }
        ++n;
      }
      offsets_.push_back(n);
    }
    std::fill_n(bids_.begin() + n, kPadding, 1);
    std::fill_n(logits_.begin() + n, kPadding, 0);
    DescribeCandidates(n, bids_.data(), logits_.data(), log_bids_.data(), tails_.data(), f_.data(), rest_.data(),
                       log_f_.data());
  }

  // Of the auction that was the a-th to be gathered.
  Slate SlateOf(int64_t a) const {
    const int64_t k = offsets_[a];
    return {.n = offsets_[a + 1] - k,
            .bids = bids_.data() + k,
            .labels = labels_.data() + k,
            .logits = logits_.data() + k,
            .click_logits = click_.data() + k,
            .no_click_logits = no_click_.data() + k,
            .log_bids = log_bids_.data() + k,
            .f = f_.data() + k,
            .rest = rest_.data() + k,
            .log_f = log_f_.data() + k};
  }
  const double* tails(int64_t a) const { return tails_.data() + offsets_[a]; }
  const int64_t* rows(int64_t a) const { return rows_.data() + offsets_[a]; }

 private:
  void Reserve(int64_t candidates) {
    const auto size = static_cast<size_t>(candidates + kPadding);
    if (bids_.size() >= size) return;
    rows_.resize(size);
    for (auto* values : {&bids_, &labels_, &logits_, &click_, &no_click_, &log_bids_, &tails_, &f_, &rest_, &log_f_}) {
      values->resize(size);
    }
  }

  std::vector<int64_t> offsets_, rows_;
  std::vector<double> bids_, labels_, logits_, click_, no_click_, log_bids_, tails_, f_, rest_, log_f_;
};

// One evaluation.
template <typename T>
class Evaluation {
 public:
  Evaluation(const Mix& mix, const LossBatch& batch, const Point& point, const T* logits, T* gradient)
      : mix_(mix),
        batch_(batch),
        point_(point),
        logits_(logits),
        gradient_(gradient),
        outputs_(mix.loss == nullptr ? 1 : mix.loss->outputs()),
        rank_(mix.loss != nullptr && point.alpha < 1),
        cross_entropy_(point.alpha > 0),
        values_(batch.auctions()) {
    double auctions = 0, candidates = 0;
    const auto labelled = [&](int64_t begin, int64_t end) {
      int64_t count = 0;
      for (int64_t i = begin; i < end; ++i) count += batch.labels[i] == batch.labels[i];  // a NaN is not
      return static_cast<double>(count);
    };
    if (batch.weights.empty()) {
      auctions = static_cast<double>(batch.auctions());
      candidates = labelled(0, batch.candidates());
    }
    for (size_t a = 0; a < batch.weights.size(); ++a) {
      auctions += batch.weights[a];
      candidates += batch.weights[a] * labelled(batch.offsets[a], batch.offsets[a + 1]);
    }
    if (batch.whole_auctions > 0) auctions = batch.whole_auctions, candidates = batch.whole_labelled;
    if (auctions > 0) rank_factor_ = (1 - point.alpha) / auctions;
    if (candidates > 0) cross_entropy_factor_ = point.alpha / (candidates * mix.base_rate);
  }

  double Run() {
    const std::vector<int64_t> pieces = Pieces();
    at::parallel_for(0, static_cast<int64_t>(pieces.size()) - 1, 1, [&](int64_t from, int64_t to) {
      Candidates candidates;
      Workspace workspace;
      std::vector<double> slopes;
      for (int64_t piece = from; piece < to; ++piece) {
        candidates.Gather(batch_, pieces[piece], pieces[piece + 1], logits_, outputs_);
        for (int64_t a = pieces[piece]; a < pieces[piece + 1]; ++a) {
          Add(a, candidates, a - pieces[piece], &workspace, &slopes);
        }
      }
    });
    double sum = 0;
    for (const double value : values_) sum += value;
    return sum;
  }

 private:
  // Where pieces of auctions begin, and the end of the last.
  std::vector<int64_t> Pieces() const {
    std::vector<int64_t> pieces = {0};
    for (int64_t a = 1; a < batch_.auctions(); ++a) {
      if (batch_.offsets[a] - batch_.offsets[pieces.back()] >= kPieceCandidates) pieces.push_back(a);
    }
    if (batch_.auctions() > 0) pieces.push_back(batch_.auctions());
    return pieces;
  }

  // Auction `a`, the k-th of those gathered.
  void Add(int64_t a, const Candidates& candidates, int64_t k, Workspace* workspace, std::vector<double>* slopes) {
    const Slate slate = candidates.SlateOf(k);
    if (slate.n == 0) return;
    const int64_t* rows = candidates.rows(k);
    const double weight = batch_.WeightOf(a);
    const double rank_factor = rank_factor_ * weight, cross_entropy_factor = cross_entropy_factor_ * weight;
    double* slope = Workspace::Room(slopes, slate.n * outputs_);
    if (!rank_) std::fill_n(slope, slate.n * outputs_, 0);
    if (rank_) {
      const Precision precision = sizeof(T) == sizeof(float) ? Precision::kSingle : Precision::kDouble;
      values_[a] = rank_factor * mix_.loss->Fused(slate, point_, precision, workspace, slope);
      for (int64_t i = 0; i < slate.n * outputs_; ++i) slope[i] *= rank_factor;
    }
    if (cross_entropy_) {
      const double* tails = candidates.tails(k);
      double sum = 0;
      for (int64_t i = 0; i < slate.n; ++i) {
        const double u = slate.logits[i], q = slate.labels[i], amount = mix_.by_bid ? slate.bids[i] : 1;
        sum += amount * ((u > 0 ? (1 - q) * u : -q * u) + tails[i]);
        // f - q where either may be near 1.
        const double by_logit = cross_entropy_factor * amount * (u > 0 ? (1 - q) - slate.rest[i] : slate.f[i] - q);
        slope[i] += by_logit;
        if (outputs_ == 2) slope[slate.n + i] -= by_logit;
      }
      values_[a] += cross_entropy_factor * sum;
    }
    for (int64_t i = 0; i < slate.n; ++i) {
      for (int output = 0; output < outputs_; ++output) {
        gradient_[outputs_ * rows[i] + output] = static_cast<T>(slope[output * slate.n + i]);
      }
    }
  }

  const Mix& mix_;
  const LossBatch& batch_;
  const Point& point_;
  const T* const logits_;
  T* const gradient_;
  const int outputs_;
  const bool rank_, cross_entropy_;
  double rank_factor_ = 0, cross_entropy_factor_ = 0;
  std::vector<double> values_;  // of each auction
};

}  // namespace

at::Tensor FusedValue(const Mix& mix, const at::Tensor& logits, const LossBatch& batch, const Point& point) {
  const at::Tensor known = logits.detach().to(at::kCPU).contiguous();
  const at::Tensor gradient = at::zeros_like(known);
  const double value =
      known.scalar_type() == at::kFloat
          ? Evaluation<float>(mix, batch, point, known.data_ptr<float>(), gradient.data_ptr<float>()).Run()
          : Evaluation<double>(mix, batch, point, known.data_ptr<double>(), gradient.data_ptr<double>()).Run();
  return WithGradient(logits, at::scalar_tensor(value, known.options()), gradient.to(logits.device()));
}

at::Tensor WithGradient(const at::Tensor& input, const at::Tensor& value, const at::Tensor& gradient) {
  return Precomputed::apply(input, value, gradient);
}

}  // namespace vickrey::trainer
