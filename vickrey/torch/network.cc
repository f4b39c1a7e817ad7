#include "vickrey/torch/network.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding_bag.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::torch {
namespace {

constexpr const Architecture* kArchitectures[] = {&kLogistic, &kMlp, &kTwoTower};
constexpr int64_t kMean = 1;  // embedding_bag's mode

at::Tensor Borrow(const std::vector<float>& values, const std::vector<int64_t>& shape) {
  return at::from_blob(const_cast<float*>(values.data()), shape);
}
at::Tensor Borrow(const std::vector<int64_t>& values, int64_t count) {
  return at::from_blob(const_cast<int64_t*>(values.data()), {count}, at::kLong);
}

SideTensors TensorsOf(const model::SideInputs& inputs, const model::SideRows& rows) {
  SideTensors side{.dense = Borrow(rows.dense, {rows.rows, inputs.dense_width()})};
  for (size_t t = 0; t < inputs.tables.size(); ++t) {
    const model::SideRows::Members& members = rows.tables[t];
    side.tables.push_back({.single = !inputs.tables[t].bag,
                           .buckets = Borrow(members.buckets, static_cast<int64_t>(members.buckets.size())),
                           .offsets = Borrow(members.offsets, rows.rows)});
  }
  return side;
}

}  // namespace

BatchTensors::BatchTensors(const model::Layout& layout, const model::Batch& batch)
    : context(TensorsOf(layout.context, batch.context)),
      ads(TensorsOf(layout.ad, batch.ads)),
      auction_of(at::empty({batch.candidates()}, at::kLong)) {
  int64_t* of = auction_of.data_ptr<int64_t>();
  for (int64_t a = 0; a < batch.auctions(); ++a) {
    for (int64_t i = batch.offsets[a]; i < batch.offsets[a + 1]; ++i) of[i] = a;
  }
}

at::Tensor TableRows(const model::SideInputs& inputs, const SideTensors& side, const Parameters& parameters) {
  std::vector<at::Tensor> rows;
  for (size_t t = 0; t < inputs.tables.size(); ++t) {
    const SideTensors::Members& members = side.tables[t];
    const at::Tensor& table = parameters.at(inputs.tables[t].tensor);
    rows.push_back(members.single ? at::index_select(table, 0, members.buckets)
                                  : std::get<0>(at::embedding_bag(table, members.buckets, members.offsets,
                                                                  /*scale_grad_by_freq=*/false, kMean)));
  }
  return rows.empty() ? at::Tensor() : at::cat(rows, 1);
}

Network::Network(const Architecture* architecture, model::Layout layout, Parameters parameters, Parameters no_click)
    : architecture_(architecture),
      layout_(std::move(layout)),
      parameters_(std::move(parameters)),
      no_click_(std::move(no_click)) {}

absl::StatusOr<std::unique_ptr<Network>> Network::Create(const vickrey::storage::v1::ModelSpec& spec,
                                                         const features::Schema& schema,
                                                         const model::TensorFile& tensors, int outputs) {
  ASSIGN_OR_RETURN(model::Layout layout, model::MakeLayout(spec, schema));
  RETURN_IF_ERROR(model::CheckTensors(layout, model::ViewOf(tensors)));
  if (outputs == 2 && layout.output_tensors.empty()) {
    return base::InvalidField("architecture", absl::StrCat("'", spec.architecture(), "' cannot have two outputs"));
  }
  for (const Architecture* architecture : kArchitectures) {
    if (architecture->name != spec.architecture()) continue;
    return CatchTorch([&] {
      Parameters parameters;
      for (const auto& [name, tensor] : tensors.tensors) {
        parameters[name] = Borrow(tensor.values, tensor.shape).clone().set_requires_grad(true);
      }
      Parameters no_click;
      if (outputs == 2) {
        for (const std::string& name : layout.output_tensors) {
          no_click[name] = at::zeros_like(parameters.at(name)).set_requires_grad(true);
        }
      }
      return std::unique_ptr<Network>(
          new Network(architecture, std::move(layout), std::move(parameters), std::move(no_click)));
    });
  }
  return absl::UnimplementedError(absl::StrCat("'", spec.architecture(), "' cannot be trained in this version"));
}

at::Tensor Network::Logits(const model::Batch& batch) const {
  const at::Tensor outputs = Outputs(batch);
  return no_click_.empty() ? outputs : outputs.select(1, 0) - outputs.select(1, 1);
}

at::Tensor Network::Outputs(const model::Batch& batch) const {
  const BatchTensors tensors(layout_, batch);
  const at::Tensor click = architecture_->logits(layout_, tensors, parameters_);
  if (no_click_.empty()) return click;
  Parameters other = parameters_;
  for (const auto& [name, tensor] : no_click_) other[name] = tensor;
  return at::stack({click, architecture_->logits(layout_, tensors, other)}, 1);
}

std::vector<at::Tensor> Network::parameters() const {
  std::vector<at::Tensor> parameters;
  for (const model::TensorSpec& spec : layout_.tensors) parameters.push_back(parameters_.at(spec.name));
  for (const auto& [name, tensor] : no_click_) parameters.push_back(tensor);
  return parameters;
}

model::TensorFile Network::Copy() const {
  model::TensorFile file;
  for (const model::TensorSpec& spec : layout_.tensors) {
    const auto second = no_click_.find(spec.name);
    const at::Tensor first = parameters_.at(spec.name).detach();
    const at::Tensor values = (second == no_click_.end() ? first : first - second->second.detach()).contiguous();
    const float* data = values.data_ptr<float>();
    file.tensors[spec.name] = {.shape = spec.shape, .values = std::vector<float>(data, data + values.numel())};
  }
  return file;
}

absl::StatusOr<std::vector<float>> TorchScorer::Logits(const model::Batch& batch) const {
  return CatchTorch([&] {
    const c10::AutoGradMode no_gradient(false);
    const at::Tensor logits = network_->Logits(batch).contiguous();
    const float* data = logits.data_ptr<float>();
    return std::vector<float>(data, data + logits.numel());
  });
}

}  // namespace vickrey::torch
