#include "vickrey/torch/network.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::torch {
namespace {

at::Tensor Borrow(const model::TensorView& tensor) {
  return at::from_blob(const_cast<float*>(tensor.values.data()), tensor.shape);
}

model::Tensor CopyOf(const at::Tensor& values) {
  const float* data = values.data_ptr<float>();
  return {.shape = values.sizes().vec(), .values = std::vector<float>(data, data + values.numel())};
}

// Each tensor, and each arena instead of its tables.
Parameters ParametersOf(const model::Layout& layout, const model::TensorViews& file, const Network::Options& options) {
  std::map<std::string, at::Tensor> left;
  for (const auto& [name, tensor] : file.tensors) left[name] = Borrow(tensor);
  Parameters parameters;
  const auto add = [&](const std::string& name, const at::Tensor& own) {
    parameters[name] = own.to(options.device).set_requires_grad(options.learns);
  };
  model::ForEachArena(layout, [&](const model::Arena& arena) {
    std::vector<at::Tensor> tables;
    for (const model::TableInput& table : arena.tables) {
      tables.push_back(left.at(table.tensor));
      left.erase(table.tensor);
    }
    add(arena.parameter, at::cat(tables, 0));
  });
  // A copy: the file's own memory is not the network's to change.
  for (const auto& [name, tensor] : left) add(name, tensor.clone());
  return parameters;
}

}  // namespace

Network::Network(vickrey::storage::v1::ModelSpec spec, const Architecture* architecture, model::Layout layout,
                 at::Device device, Parameters parameters, Parameters no_click)
    : spec_(std::move(spec)),
      architecture_(architecture),
      layout_(std::move(layout)),
      device_(device),
      parameters_(std::move(parameters)),
      no_click_(std::move(no_click)) {}

absl::StatusOr<std::unique_ptr<Network>> Network::Create(const vickrey::storage::v1::ModelSpec& spec,
                                                         const features::Schema& schema,
                                                         const model::TensorViews& tensors, const Options& options) {
  ASSIGN_OR_RETURN(model::Layout layout, model::MakeLayout(spec, schema));
  RETURN_IF_ERROR(model::CheckTensors(layout, tensors));
  const Architecture* const architecture = FindArchitecture(spec.architecture());
  if (architecture == nullptr) {
    return absl::UnimplementedError(absl::StrCat("'", spec.architecture(), "' cannot be trained in this version"));
  }
  return CatchTorch([&] {
    Parameters parameters = ParametersOf(layout, tensors, options);
    Parameters no_click;
    if (options.outputs == 2) {
      for (const std::string& name : layout.output_parameters) {
        no_click[name] = at::zeros_like(parameters.at(name)).set_requires_grad(options.learns);
      }
    }
    return std::unique_ptr<Network>(
        new Network(spec, architecture, std::move(layout), options.device, std::move(parameters), std::move(no_click)));
  });
}

at::Tensor Network::Logits(const model::Batch& batch) const {
  const at::Tensor outputs = Outputs(batch);
  return no_click_.empty() ? outputs : outputs.select(1, 0) - outputs.select(1, 1);
}

at::Tensor Network::Outputs(const model::Batch& batch) const {
  const BatchTensors tensors(layout_, batch, device_);
  const at::Tensor click = architecture_->logits(spec_, layout_, tensors, parameters_);
  if (no_click_.empty()) return click;
  Parameters other = parameters_;
  for (const auto& [name, tensor] : no_click_) other[name] = tensor;
  return at::stack({click, architecture_->logits(spec_, layout_, tensors, other)}, 1);
}

std::vector<at::Tensor> Network::parameters() const {
  std::vector<at::Tensor> all;
  for (const Parameters* some : {&parameters_, &no_click_}) {
    for (const auto& [name, tensor] : *some) all.push_back(tensor);
  }
  return all;
}

model::TensorFile Network::Copy() const {
  Parameters values;
  for (const auto& [name, tensor] : parameters_) {
    const auto second = no_click_.find(name);
    const at::Tensor first = tensor.detach();
    values[name] = (second == no_click_.end() ? first : first - second->second.detach()).to(at::kCPU).contiguous();
  }
  model::TensorFile file;
  model::ForEachArena(layout_, [&](const model::Arena& arena) {
    const at::Tensor all = values.at(arena.parameter);
    for (const model::TableInput& table : arena.tables) {
      file.tensors[table.tensor] = CopyOf(all.narrow(0, table.first_row, table.buckets));
    }
    values.erase(arena.parameter);
  });
  for (const auto& [name, tensor] : values) file.tensors[name] = CopyOf(tensor);
  return file;
}

}  // namespace vickrey::torch
