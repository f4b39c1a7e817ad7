#ifndef VICKREY_TORCH_NETWORK_H_
#define VICKREY_TORCH_NETWORK_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/features/schema.h"
#include "vickrey/model/batch.h"
#include "vickrey/model/layout.h"
#include "vickrey/model/tensors.h"
#include "vickrey/storage/v1/artifact.pb.h"
#include "vickrey/torch/architecture.h"
#include "vickrey/torch/batch_tensors.h"

namespace vickrey::torch {

// A network on LibTorch, for training and as the reference of the native scorer.
//
// The tables of an arena are one parameter, and autograd does not know it: it sees the rows that a batch reads, so that
// no gradient of a whole table is ever made. All other parameters are views of one flat tensor, and so are their
// gradients: an optimizer, a norm or an exchange between processes is one operation on all of them.
//
// One with two outputs has a second head, for no click, on the same body: of the layout's output_parameters a second
// set, zeros at the start. What is copied out of it is the one network whose logit is the difference.
//
// Evaluation is const and thread-safe as long as nobody changes the parameters.
class Network {
 public:
  struct Options {
    int outputs = 1;               // or 2
    at::Device device = at::kCPU;  // where its parameters lie and it is evaluated
    bool learns = true;            // its parameters require their gradients
    Attention attention = Attention::kFused;
  };
  // INVALID_ARGUMENT as model::MakeLayout. `tensors` are those of the layout, as StartTensors or an artifact gives
  // them; they are copied.
  static absl::StatusOr<std::unique_ptr<Network>> Create(const vickrey::storage::v1::ModelSpec& spec,
                                                         const features::Schema& schema,
                                                         const model::TensorViews& tensors, const Options& options);
  static absl::StatusOr<std::unique_ptr<Network>> Create(const vickrey::storage::v1::ModelSpec& spec,
                                                         const features::Schema& schema,
                                                         const model::TensorViews& tensors) {
    return Create(spec, schema, tensors, Options());
  }

  // (candidates) logits, float. Throws as LibTorch does.
  at::Tensor Logits(const model::Batch& batch) const;

  // Rows of one arena that a batch read, and the gradient by each of them.
  struct TableGradient {
    std::string parameter;
    at::Tensor members;    // (members), int64
    at::Tensor gradients;  // (members, width)
  };
  // An evaluation for training: the outputs are differentiable by the parameters.
  class Evaluation {
   public:
    // (candidates) logits or, with two outputs, (candidates, 2): those of a click and those of none.
    const at::Tensor& outputs() const { return outputs_; }
    // Of every arena. REQUIRES: a backward pass from the outputs.
    std::vector<TableGradient> TableGradients() const;

   private:
    friend class Network;
    // Inputs of which tables' rows are a part.
    struct Side {
      std::string prefix;  // of the arenas' names
      const SideTensors* tensors = nullptr;
      at::Tensor inputs;
    };

    std::vector<Side> sides_;
    at::Tensor outputs_;
  };
  // A batch as the network reads it, where it is; the batch must outlive it. Thread-safe: it can be made ahead of its
  // use by another thread.
  std::unique_ptr<BatchTensors> Prepare(const model::Batch& batch) const;
  // `dropout`: share of the hidden units that are left out, by LibTorch's generator. The tensors must outlive it.
  Evaluation Evaluate(const BatchTensors& batch, double dropout = 0) const;

  const model::Layout& layout() const { return layout_; }
  // All parameters but the tables, (parameters), in one order for a layout; what is written into it is what they are.
  const at::Tensor& dense() const { return dense_; }
  // The same by name, as views; a second head's own after "no_click.".
  Parameters dense_parameters() const;
  // Their gradients, into which each backward pass adds.
  const at::Tensor& dense_gradient() const { return dense_gradient_; }
  // Each arena by its name, (rows, width), those of a second head too.
  const Parameters& tables() const { return tables_; }
  // A copy of the network as it is now, with one output.
  model::TensorFile Copy() const;

 private:
  // What one head reads and computes with.
  struct Head {
    Parameters parameters;  // without tables
    Parameters tables;      // by the arena's name
  };

  Network(vickrey::storage::v1::ModelSpec spec, const Architecture* architecture, model::Layout layout,
          const Options& options, Parameters parameters);
  // Moves all parameters but tables into one tensor, of which they are views from then on.
  void Flatten(bool learns);
  at::Tensor Forward(const Head& head, const Inputs& inputs, double dropout) const;

  const vickrey::storage::v1::ModelSpec spec_;
  const Architecture* const architecture_;
  const model::Layout layout_;
  const at::Device device_;
  const Attention attention_;
  std::vector<Head> heads_;  // the second shares with the first what output_parameters does not name
  at::Tensor dense_, dense_gradient_;
  Parameters tables_;
};

}  // namespace vickrey::torch

#endif  // VICKREY_TORCH_NETWORK_H_
