// The architectures that are known without LibTorch: their tensors, and how they are evaluated natively.
// vickrey/torch/architecture.h has the same table for training.
#ifndef VICKREY_MODEL_ARCHITECTURE_H_
#define VICKREY_MODEL_ARCHITECTURE_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "vickrey/model/layout.h"
#include "vickrey/model/scorer.h"

namespace vickrey::model {

struct Architecture {
  std::string_view name;
  bool crosses;  // it reads cross_layers and cross_rank
  bool attends;  // it reads attention_layers, attention_heads, attention_width and field_width
  // Width of the rows of a field's table; checked by MakeLayout.
  int (*table_width)(const vickrey::storage::v1::ModelSpec& spec, const vickrey::v1::FeatureField& field);
  // Adds the tensors to a layout whose inputs are known. INVALID_ARGUMENT for layers that it does not take.
  absl::Status (*complete)(const vickrey::storage::v1::ModelSpec& spec, Layout* layout);
  // REQUIRES: tensors that passed CheckTensors and outlive the scorer.
  std::unique_ptr<const Scorer> (*make_native)(const vickrey::storage::v1::ModelSpec& spec, const Layout& layout,
                                               const TensorViews& tensors);
};

// INVALID_ARGUMENT listing the known names for any other.
absl::StatusOr<const Architecture*> FindArchitecture(std::string_view name);

// logistic.cc, mlp.cc, dcn.cc, two_tower.cc, autoint.cc
extern const Architecture kLogistic;
extern const Architecture kMlp;
extern const Architecture kDcn;
extern const Architecture kTwoTower;
extern const Architecture kAutoint;

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_ARCHITECTURE_H_
