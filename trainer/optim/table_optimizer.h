// Optimizers of embedding tables that touch only the rows of a batch: no dense gradient of a table is ever made.
#ifndef TRAINER_OPTIM_TABLE_OPTIMIZER_H_
#define TRAINER_OPTIM_TABLE_OPTIMIZER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace vickrey::trainer {

// How a row w of a table and its state change in step t, g being the sum of the row's gradients times the scale. All
// of it in float; rows that are not in the batch stay as they are, whatever the rule.
struct TableRule {
  enum class Kind {
    // m += (1 - beta1) (g - m), v += (1 - beta2) (g^2 - v),
    // w -= learning_rate sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps)
    // with t the steps of the optimizer, not of the row (torch.optim.SparseAdam; Kingma and Ba, "Adam", 2015, the
    // formula at the end of section 2, whose eps is not corrected). State: m and v, twice the table.
    kAdam,
    // s += mean of g^2 over the row, w -= learning_rate g / (sqrt(s) + eps)
    // (EXACT_ROWWISE_ADAGRAD of FBGEMM and TorchRec; Duchi et al., 2011, with one accumulator a row). State: s.
    kRowwiseAdagrad,
    // w -= learning_rate g. No state.
    kSgd,
  };
  Kind kind = Kind::kAdam;
  double beta1 = 0.9, beta2 = 0.999;  // of kAdam, in [0, 1)
  double eps = 1e-8;                  // of kAdam and kRowwiseAdagrad
  double weight_decay = 0;            // decoupled: before all this, w *= 1 - learning_rate weight_decay
  double initial_accumulator = 0;     // s at the start
};

// The optimizer of one arena: tables of rows of one width, in one tensor.
//
// Its life: Create; for each step Prepare, perhaps SquaredNorm, and Apply, or Step, which is both; for a checkpoint
// state() and steps().
//
// On the CPU two passes over the batch's rows, shared by at::get_num_threads() threads, with the same bits for any
// number of them; after the first steps nothing is allocated. Elsewhere composed of LibTorch's operations, on a GPU
// only of deterministic ones.
//
// Not thread-safe. Throws as LibTorch does; members and gradients are checked before anything has changed.
class TableOptimizer {
 public:
  // `weights`: (rows, width), float, contiguous, best made by TableZeros; shared, and changed by Apply without
  // autograd's knowledge. The state lies on their device.
  static std::unique_ptr<TableOptimizer> Create(const TableRule& rule, const at::Tensor& weights);
  // The composed one wherever the weights lie: the reference of the fused one.
  static std::unique_ptr<TableOptimizer> CreateComposed(const TableRule& rule, const at::Tensor& weights);

  virtual ~TableOptimizer() = default;
  TableOptimizer(const TableOptimizer&) = delete;
  TableOptimizer& operator=(const TableOptimizer&) = delete;

  // Sums the gradients of each row over its repetitions, in the batch's order. `members`: (M), int64, rows of the
  // weights in any order and number; `gradients`: (M, width), float, the objective's by each of them. Both are read
  // here alone.
  virtual void Prepare(const at::Tensor& members, const at::Tensor& gradients) = 0;
  // The square of the Euclidean norm of the sums: what the arena adds to that of the whole gradient.
  // REQUIRES: Prepare.
  virtual double SquaredNorm() = 0;
  // The prepared rows, each once: (R), int64, where the weights are. REQUIRES: Prepare.
  virtual at::Tensor rows() const = 0;
  // Changes the weights and the state of the prepared rows, `scale` multiplying their sums, and counts the step, also
  // one without rows. REQUIRES: Prepare, once for each.
  void Apply(double learning_rate, double scale = 1) {
    ++steps_;
    Update(learning_rate, scale);
  }

  void Step(const at::Tensor& members, const at::Tensor& gradients, double learning_rate, double scale = 1) {
    Prepare(members, gradients);
    Apply(learning_rate, scale);
  }

  // The state's tensors by their names, not copies: what is copied into them is the state from then on. kAdam: "m" and
  // "v", (rows, width), perhaps not contiguous; kRowwiseAdagrad: "accumulator", (rows); kSgd: none. They begin as
  // TableZeros.
  virtual std::map<std::string, at::Tensor> state() const = 0;
  // Steps that were applied; part of the state.
  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }

 protected:
  TableOptimizer() = default;

  // Apply, once the step is counted.
  virtual void Update(double learning_rate, double scale) = 0;

  int64_t steps_ = 0;
};

}  // namespace vickrey::trainer

#endif  // TRAINER_OPTIM_TABLE_OPTIMIZER_H_
