#include "trainer/optim/table_optimizer.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/_unique2.h>
#include <ATen/ops/embedding_dense_backward.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include "trainer/optim/row_sums.h"
#include "trainer/optim/table_memory.h"

namespace vickrey::trainer {
namespace {

constexpr int64_t kWorkerMembers = 2048;  // work enough to hand to a thread

// What both have: the rule, the weights and the state.
class WithState : public TableOptimizer {
 public:
  WithState(const TableRule& rule, const at::Tensor& weights) : rule_(rule), weights_(weights.detach()) {
    TORCH_CHECK(
        weights.dim() == 2 && weights.size(1) > 0 && weights.scalar_type() == at::kFloat && weights.is_contiguous(),
        "weights are ", weights.toString(), " ", weights.sizes(), ", not contiguous rows of floats");
    if (rule.kind == TableRule::Kind::kAdam) {
      state_ = TableZeros({weights_.size(0), 2, width()}, weights_.options());
    } else if (rule.kind == TableRule::Kind::kRowwiseAdagrad) {
      state_ = TableZeros({weights_.size(0)}, weights_.options());
      if (rule.initial_accumulator != 0) state_.fill_(rule.initial_accumulator);
    }
  }

  std::map<std::string, at::Tensor> state() const override {
    switch (rule_.kind) {
      case TableRule::Kind::kAdam:
        return {{"m", state_.select(1, 0)}, {"v", state_.select(1, 1)}};
      case TableRule::Kind::kRowwiseAdagrad:
        return {{"accumulator", state_}};
      case TableRule::Kind::kSgd:
        break;
    }
    return {};
  }

 protected:
  int64_t width() const { return weights_.size(1); }

  void CheckBatch(const at::Tensor& members, const at::Tensor& gradients) const {
    TORCH_CHECK(members.dim() == 1 && members.scalar_type() == at::kLong && members.device() == weights_.device(),
                "members are ", members.toString(), " ", members.sizes());
    TORCH_CHECK(gradients.sizes() == at::IntArrayRef({members.size(0), width()}) &&
                    gradients.scalar_type() == at::kFloat && gradients.device() == weights_.device(),
                "gradients are ", gradients.toString(), " ", gradients.sizes(), " of ", members.size(0), " members");
  }

  // Of the step that is being applied.
  double Rate(double learning_rate) const {
    if (rule_.kind != TableRule::Kind::kAdam) return learning_rate;
    const auto t = static_cast<double>(steps_);
    return learning_rate * std::sqrt(1 - std::pow(rule_.beta2, t)) / (1 - std::pow(rule_.beta1, t));
  }

  const TableRule rule_;
  const at::Tensor weights_;
  // (rows, 2, width), m and v of a row side by side, so that they come with one access to memory; (rows); or undefined.
  at::Tensor state_;
};

class Fused final : public WithState {
 public:
  using WithState::WithState;

  void Prepare(const at::Tensor& members, const at::Tensor& gradients) override {
    CheckBatch(members, gradients);
    const at::Tensor rows = members.contiguous(), values = gradients.contiguous();
    const int64_t count = rows.size(0);
    TORCH_CHECK(count <= RowSums::kMostMembers, count, " members, more than ", RowSums::kMostMembers);
    workers_ = std::clamp<int64_t>(count / kWorkerMembers, 1, at::get_num_threads());
    const bool good = sums_.Sum(rows.data_ptr<int64_t>(), count, values.data_ptr<float>(), width(), weights_.size(0),
                                workers_, InParallel);
    TORCH_CHECK_INDEX(good, "a member is not in the ", weights_.size(0), " rows of the weights");
  }

  double SquaredNorm() override {
    norms_.resize(sums_.parts());
    ForEachPart([this](int64_t p) { norms_[p] = SquaredNormOf(sums_.part(p)); });
    double norm = 0;
    for (const double of_part : norms_) norm += of_part;
    return norm;
  }

  at::Tensor rows() const override {
    int64_t count = 0;
    for (int64_t p = 0; p < sums_.parts(); ++p) count += sums_.part(p).count;
    at::Tensor rows = at::empty({count}, at::kLong);
    int64_t* next = rows.data_ptr<int64_t>();
    for (int64_t p = 0; p < sums_.parts(); ++p) next = std::copy_n(sums_.part(p).rows, sums_.part(p).count, next);
    return rows;
  }

 private:
  static void InParallel(int64_t count, absl::FunctionRef<void(int64_t)> body) {
    at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) body(i);
    });
  }

  void ForEachPart(absl::FunctionRef<void(int64_t)> body) const {
    InParallel(workers_, [&](int64_t worker) {
      const int64_t last = sums_.FirstPart(worker + 1, workers_);
      for (int64_t p = sums_.FirstPart(worker, workers_); p < last; ++p) body(p);
    });
  }

  void Update(double learning_rate, double scale) override {
    const RowStep step = {.scale = static_cast<float>(scale),
                          .kept = static_cast<float>(1 - learning_rate * rule_.weight_decay),
                          .rate = static_cast<float>(Rate(learning_rate)),
                          .eps = static_cast<float>(rule_.eps),
                          .new_in_m = static_cast<float>(1 - rule_.beta1),
                          .new_in_v = static_cast<float>(1 - rule_.beta2)};
    float* const weights = weights_.data_ptr<float>();
    float* const state = state_.defined() ? state_.data_ptr<float>() : nullptr;
    ForEachPart([&](int64_t p) {
      switch (rule_.kind) {
        case TableRule::Kind::kAdam:
          return UpdateAdam(step, sums_.part(p), weights, state);
        case TableRule::Kind::kRowwiseAdagrad:
          return UpdateRowwiseAdagrad(step, sums_.part(p), weights, state);
        case TableRule::Kind::kSgd:
          return UpdateSgd(step, sums_.part(p), weights);
      }
    });
  }

  RowSums sums_;
  int64_t workers_ = 1;        // for what is prepared
  std::vector<double> norms_;  // of the parts
};

// Of a GPU's operations, those that add atomically (index_add_) give other bits each time. These do not: the sort below
// _unique2, the sums of embedding_dense_backward, piece by piece of what is sorted, and index_copy_ of distinct rows.
class Composed final : public WithState {
 public:
  using WithState::WithState;

  void Prepare(const at::Tensor& members, const at::Tensor& gradients) override {
    CheckBatch(members, gradients);
    at::Tensor places;
    std::tie(rows_, places, std::ignore) = at::_unique2(members, /*sorted=*/true, /*return_inverse=*/true);
    sums_ = members.size(0) == 0 ? gradients
                                 : at::embedding_dense_backward(gradients, places, rows_.size(0), /*padding_idx=*/-1,
                                                                /*scale_grad_by_freq=*/false);
  }

  double SquaredNorm() override { return sums_.square().sum(at::kDouble).item<double>(); }

  at::Tensor rows() const override { return rows_; }

 private:
  void Update(double learning_rate, double scale) override {
    if (rows_.size(0) == 0) return;
    const double rate = Rate(learning_rate);
    const at::Tensor g = scale == 1 ? sums_ : sums_ * scale;
    at::Tensor w = weights_.index_select(0, rows_);
    if (rule_.weight_decay != 0) w.mul_(1 - learning_rate * rule_.weight_decay);
    switch (rule_.kind) {
      case TableRule::Kind::kAdam: {
        at::Tensor state = state_.index_select(0, rows_);
        at::Tensor m = state.select(1, 0), v = state.select(1, 1);
        m.lerp_(g, 1 - rule_.beta1);
        v.lerp_(g.square(), 1 - rule_.beta2);
        w.addcdiv_(m, v.sqrt().add_(rule_.eps), -rate);
        state_.index_copy_(0, rows_, state);
        break;
      }
      case TableRule::Kind::kRowwiseAdagrad: {
        const at::Tensor s = state_.index_select(0, rows_).add_(g.square().mean(1));
        w.addcdiv_(g, s.sqrt().add_(rule_.eps).unsqueeze(1), -rate);
        state_.index_copy_(0, rows_, s);
        break;
      }
      case TableRule::Kind::kSgd:
        w.sub_(g, rate);
        break;
    }
    weights_.index_copy_(0, rows_, w);
  }

  at::Tensor rows_, sums_;
};

}  // namespace

std::unique_ptr<TableOptimizer> TableOptimizer::Create(const TableRule& rule, const at::Tensor& weights) {
  if (!weights.device().is_cpu()) return CreateComposed(rule, weights);
  return std::make_unique<Fused>(rule, weights);
}

std::unique_ptr<TableOptimizer> TableOptimizer::CreateComposed(const TableRule& rule, const at::Tensor& weights) {
  return std::make_unique<Composed>(rule, weights);
}

}  // namespace vickrey::trainer
