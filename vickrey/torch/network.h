#ifndef VICKREY_TORCH_NETWORK_H_
#define VICKREY_TORCH_NETWORK_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/features/schema.h"
#include "vickrey/model/batch.h"
#include "vickrey/model/layout.h"
#include "vickrey/model/tensors.h"
#include "vickrey/storage/v1/artifact.pb.h"
#include "vickrey/torch/architecture.h"

namespace vickrey::torch {

// A network on LibTorch, for training and as the reference of the native scorer.
//
// The tables of an arena are one parameter: one look-up for all of them.
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

  // (candidates) logits, float; differentiable by the parameters. Throws as LibTorch does.
  at::Tensor Logits(const model::Batch& batch) const;
  // (candidates) logits or, with two outputs, (candidates, 2): those of a click and those of none.
  at::Tensor Outputs(const model::Batch& batch) const;

  const model::Layout& layout() const { return layout_; }
  // In one order for a layout, those of a second head last.
  std::vector<at::Tensor> parameters() const;
  // A copy of the network as it is now, with one output.
  model::TensorFile Copy() const;

 private:
  Network(vickrey::storage::v1::ModelSpec spec, const Architecture* architecture, model::Layout layout,
          at::Device device, Parameters parameters, Parameters no_click);

  const vickrey::storage::v1::ModelSpec spec_;
  const Architecture* const architecture_;
  const model::Layout layout_;
  const at::Device device_;
  const Parameters parameters_;
  const Parameters no_click_;  // the second head; empty where there is none
};

}  // namespace vickrey::torch

#endif  // VICKREY_TORCH_NETWORK_H_
