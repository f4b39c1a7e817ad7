#ifndef VICKREY_TORCH_NETWORK_H_
#define VICKREY_TORCH_NETWORK_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/features/schema.h"
#include "vickrey/model/batch.h"
#include "vickrey/model/layout.h"
#include "vickrey/model/scorer.h"
#include "vickrey/model/tensors.h"
#include "vickrey/storage/v1/artifact.pb.h"

namespace vickrey::torch {

using Parameters = std::map<std::string, at::Tensor>;

// One side of a batch as tensors.
struct SideTensors {
  at::Tensor dense;  // (rows, SideInputs::dense_width)
  struct Members {
    bool single = false;  // one member a row; `offsets` is not used then
    at::Tensor buckets;   // (members)
    at::Tensor offsets;   // (rows), where each row's members begin
  };
  std::vector<Members> tables;
};

// A batch as tensors. They borrow the batch, which must outlive them and stay as it is.
struct BatchTensors {
  BatchTensors(const model::Layout& layout, const model::Batch& batch);

  SideTensors context, ads;
  at::Tensor auction_of;  // (candidates), the auction of each
};

// The rows of every table, one beside the other: (rows, sum of widths). Undefined where the side has no tables.
at::Tensor TableRows(const model::SideInputs& inputs, const SideTensors& side, const Parameters& parameters);

// How an architecture is evaluated on a whole batch; the table is in network.cc. Same names as in
// vickrey/model/architecture.h, same tensors, same function.
struct Architecture {
  std::string_view name;
  // (candidates) logits.
  at::Tensor (*logits)(const model::Layout& layout, const BatchTensors& batch, const Parameters& parameters);
};
extern const Architecture kLogistic;  // logistic.cc
extern const Architecture kMlp;       // mlp.cc
extern const Architecture kTwoTower;  // two_tower.cc

// A network on LibTorch, for training and as the reference of the native scorer.
//
// One with two outputs has a second head, for no click, on the same body: of the layout's output_tensors a second set,
// zeros at the start. What is copied out of it is the one network whose logit is the difference.
//
// Evaluation is const and thread-safe as long as nobody changes the parameters.
class Network {
 public:
  // INVALID_ARGUMENT as model::MakeLayout. `tensors` are those of the layout, as StartTensors or an artifact gives
  // them. `outputs`: 1 or 2.
  static absl::StatusOr<std::unique_ptr<Network>> Create(const vickrey::storage::v1::ModelSpec& spec,
                                                         const features::Schema& schema,
                                                         const model::TensorFile& tensors, int outputs = 1);

  // (candidates) logits, float; differentiable by the parameters. Throws as LibTorch does.
  at::Tensor Logits(const model::Batch& batch) const;
  // (candidates) logits or, with two outputs, (candidates, 2): those of a click and those of none.
  at::Tensor Outputs(const model::Batch& batch) const;

  const model::Layout& layout() const { return layout_; }
  // In the order of the layout, then those of a second head; each requires its gradient.
  std::vector<at::Tensor> parameters() const;
  // A copy of the network as it is now, with one output.
  model::TensorFile Copy() const;

 private:
  Network(const Architecture* architecture, model::Layout layout, Parameters parameters, Parameters no_click);

  const Architecture* const architecture_;
  const model::Layout layout_;
  const Parameters parameters_;
  const Parameters no_click_;  // the second head; empty where there is none
};

// A Scorer on LibTorch. It agrees with the native scorer within 1e-5 in probability; its bits depend on the batch.
class TorchScorer final : public model::Scorer {
 public:
  explicit TorchScorer(std::unique_ptr<const Network> network) : network_(std::move(network)) {}

  absl::StatusOr<std::vector<float>> Logits(const model::Batch& batch) const override;

 private:
  const std::unique_ptr<const Network> network_;
};

}  // namespace vickrey::torch

#endif  // VICKREY_TORCH_NETWORK_H_
