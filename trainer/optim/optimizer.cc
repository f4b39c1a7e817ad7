#include "trainer/optim/optimizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <cmath>
#include <numbers>

#include "absl/strings/str_cat.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::OptimizerConfig;

constexpr char kDense[] = "dense";

DenseRule DenseRuleOf(const OptimizerConfig& config) {
  return {.kind = config.dense() == "adam"    ? DenseRule::Kind::kAdam
                  : config.dense() == "adamw" ? DenseRule::Kind::kAdamW
                                              : DenseRule::Kind::kSgd,
          .beta1 = config.beta1(),
          .beta2 = config.beta2(),
          .eps = config.epsilon(),
          .momentum = config.momentum(),
          .weight_decay = config.weight_decay()};
}

TableRule TableRuleOf(const OptimizerConfig& config) {
  return {.kind = config.tables() == "adam"              ? TableRule::Kind::kAdam
                  : config.tables() == "rowwise_adagrad" ? TableRule::Kind::kRowwiseAdagrad
                                                         : TableRule::Kind::kSgd,
          .beta1 = config.beta1(),
          .beta2 = config.beta2(),
          .eps = config.epsilon(),
          .weight_decay = config.tables_weight_decay()};
}

}  // namespace

double LearningRateAt(const OptimizerConfig& config, int64_t step, int64_t steps) {
  const auto rise = static_cast<int64_t>(std::ceil(config.warmup() * static_cast<double>(steps)));
  if (step < rise) return static_cast<double>(step + 1) / static_cast<double>(rise);
  if (config.schedule() == "constant") return 1;
  const double progress = static_cast<double>(step - rise) / static_cast<double>(steps - rise);
  return config.schedule() == "linear" ? 1 - progress : (1 + std::cos(std::numbers::pi * progress)) / 2;
}

Optimizer::Optimizer(const OptimizerConfig& config, const torch::Network& network, const Part& part)
    : config_(config), network_(network), part_(part), dense_(DenseRuleOf(config), PartOf(network.dense())) {
  for (const auto& [name, weights] : network.tables()) {
    tables_[name] = TableOptimizer::Create(TableRuleOf(config), PartOf(weights));
  }
}

double Optimizer::Prepare(const std::vector<torch::Network::TableGradient>& tables) {
  double squares = SquaredNorm(PartOf(network_.dense_gradient()));
  for (const torch::Network::TableGradient& table : tables) {
    const int64_t begin = ShardOf(network_.tables().at(table.parameter)).begin;
    TableOptimizer& optimizer = *tables_.at(table.parameter);
    optimizer.Prepare(begin == 0 ? table.members : table.members - begin, table.gradients);
    squares += optimizer.SquaredNorm();
  }
  return squares;
}

bool Optimizer::Apply(double squares, double share) {
  if (!std::isfinite(squares)) return false;
  const bool clips = config_.has_clip_norm() && squares > config_.clip_norm() * config_.clip_norm();
  const double scale = clips ? config_.clip_norm() / std::sqrt(squares) : 1;
  dense_.Step(PartOf(network_.dense_gradient()), config_.learning_rate() * share, scale);
  network_.dense_gradient().zero_();
  const double peak = config_.has_tables_learning_rate() ? config_.tables_learning_rate() : config_.learning_rate();
  for (const auto& [name, optimizer] : tables_) optimizer->Apply(peak * share, scale);
  return true;
}

std::vector<Optimizer::Rows> Optimizer::changed() const {
  std::vector<Rows> all;
  for (const auto& [name, optimizer] : tables_) {
    all.push_back({.parameter = name, .rows = optimizer->rows() + ShardOf(network_.tables().at(name)).begin});
  }
  return all;
}

std::map<std::string, at::Tensor> Optimizer::state() const {
  std::map<std::string, at::Tensor> all;
  for (const auto& [name, tensor] : dense_.state()) all[absl::StrCat(kDense, ".", name)] = tensor;
  for (const auto& [table, optimizer] : tables_) {
    for (const auto& [name, tensor] : optimizer->state()) all[absl::StrCat(table, ".", name)] = tensor;
  }
  return all;
}

std::map<std::string, int64_t> Optimizer::steps() const {
  std::map<std::string, int64_t> all = {{kDense, dense_.steps()}};
  for (const auto& [name, optimizer] : tables_) all[name] = optimizer->steps();
  return all;
}

absl::Status Optimizer::set_steps(const std::map<std::string, int64_t>& steps) {
  for (const auto& [name, own] : this->steps()) {
    if (!steps.contains(name)) return absl::DataLossError(absl::StrCat("no steps of the optimizer of ", name));
  }
  dense_.set_steps(steps.at(kDense));
  for (const auto& [name, optimizer] : tables_) optimizer->set_steps(steps.at(name));
  return absl::OkStatus();
}

std::map<std::string, at::Tensor> Optimizer::EmptyWhole() const {
  std::map<std::string, at::Tensor> all;
  const auto add = [&](const std::string& name, const at::Tensor& parameter,
                       const std::map<std::string, at::Tensor>& state) {
    for (const auto& [of, part] : state) {
      std::vector<int64_t> shape = part.sizes().vec();
      shape[0] = parameter.size(0);
      all[absl::StrCat(name, ".", of)] = at::empty(shape, at::kFloat);
    }
  };
  add(kDense, network_.dense(), dense_.state());
  for (const auto& [table, optimizer] : tables_) add(table, network_.tables().at(table), optimizer->state());
  return all;
}

int64_t Optimizer::state_bytes() const {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : state()) bytes += static_cast<int64_t>(tensor.nbytes());
  return bytes;
}

}  // namespace vickrey::trainer
