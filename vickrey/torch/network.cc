#include "vickrey/torch/network.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::torch {
namespace {

constexpr char kNoClick[] = "no_click.";  // before the names of a second head's tables

at::Tensor Borrow(const model::TensorView& tensor) {
  return at::from_blob(const_cast<float*>(tensor.values.data()), tensor.shape);
}

model::Tensor CopyOf(const at::Tensor& values) {
  const float* data = values.data_ptr<float>();
  return {.shape = values.sizes().vec(), .values = std::vector<float>(data, data + values.numel())};
}

// Each tensor, and each arena instead of its tables.
Parameters ParametersOf(const model::Layout& layout, const model::TensorViews& file, const at::Device& device) {
  std::map<std::string, at::Tensor> left;
  for (const auto& [name, tensor] : file.tensors) left[name] = Borrow(tensor);
  Parameters parameters;
  model::ForEachArena(layout, [&](const model::Arena& arena) {
    std::vector<at::Tensor> tables;
    for (const model::TableInput& table : arena.tables) {
      tables.push_back(left.at(table.tensor));
      left.erase(table.tensor);
    }
    parameters[arena.parameter] = at::cat(tables, 0).to(device);
  });
  // A copy: the file's own memory is not the network's to change.
  for (const auto& [name, tensor] : left) parameters[name] = tensor.clone().to(device);
  return parameters;
}

}  // namespace

Network::Network(vickrey::storage::v1::ModelSpec spec, const Architecture* architecture, model::Layout layout,
                 const Options& options, Parameters parameters)
    : spec_(std::move(spec)),
      architecture_(architecture),
      layout_(std::move(layout)),
      device_(options.device),
      attention_(options.attention),
      heads_(1) {
  Head& head = heads_[0];
  model::ForEachArena(layout_, [&](const model::Arena& arena) {
    head.tables[arena.parameter] = parameters.extract(arena.parameter).mapped();
  });
  head.parameters = std::move(parameters);
  tables_ = head.tables;
  if (options.outputs == 2) {
    heads_.push_back(heads_[0]);
    for (const std::string& name : layout_.output_parameters) {
      const auto table = heads_[1].tables.find(name);
      at::Tensor& own = table == heads_[1].tables.end() ? heads_[1].parameters.at(name) : table->second;
      own = at::zeros_like(own);
      if (table != heads_[1].tables.end()) tables_[absl::StrCat(kNoClick, name)] = own;
    }
  }
  Flatten(options.learns);
}

void Network::Flatten(bool learns) {
  // Each parameter once: those of the second head that are its own last.
  std::vector<at::Tensor*> all;
  for (auto& [name, tensor] : heads_[0].parameters) all.push_back(&tensor);
  for (size_t h = 1; h < heads_.size(); ++h) {
    for (auto& [name, tensor] : heads_[h].parameters) {
      if (!tensor.is_same(heads_[0].parameters.at(name))) all.push_back(&tensor);
    }
  }
  std::vector<at::Tensor> flat;
  for (const at::Tensor* tensor : all) flat.push_back(tensor->flatten());
  dense_ = at::cat(flat);
  if (learns) dense_gradient_ = at::zeros_like(dense_);
  const Parameters before = heads_[0].parameters;
  int64_t first = 0;
  for (at::Tensor* tensor : all) {
    const int64_t count = tensor->numel();
    const at::Tensor view = dense_.narrow(0, first, count).view(tensor->sizes()).detach();
    if (learns) {
      view.set_requires_grad(true);
      view.mutable_grad() = dense_gradient_.narrow(0, first, count).view(tensor->sizes());
    }
    *tensor = view;
    first += count;
  }
  for (size_t h = 1; h < heads_.size(); ++h) {
    for (auto& [name, tensor] : heads_[h].parameters) {
      if (tensor.is_same(before.at(name))) tensor = heads_[0].parameters.at(name);
    }
  }
}

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
    Parameters parameters = ParametersOf(layout, tensors, options.device);
    return std::unique_ptr<Network>(new Network(spec, architecture, std::move(layout), options, std::move(parameters)));
  });
}

at::Tensor Network::Forward(const Head& head, const Inputs& inputs, double dropout) const {
  return architecture_->logits({.spec = spec_,
                                .layout = layout_,
                                .inputs = inputs,
                                .parameters = head.parameters,
                                .dropout = dropout,
                                .attention = attention_});
}

at::Tensor Network::Logits(const model::Batch& batch) const {
  const c10::AutoGradMode no_gradient(false);
  const BatchTensors tensors(layout_, batch, device_);
  std::vector<at::Tensor> logits;
  for (const Head& head : heads_) logits.push_back(Forward(head, LookUp(layout_, tensors, head.tables), 0));
  return logits.size() == 1 ? logits[0] : logits[0] - logits[1];
}

std::unique_ptr<BatchTensors> Network::Prepare(const model::Batch& batch) const {
  return std::make_unique<BatchTensors>(layout_, batch, device_);
}

Network::Evaluation Network::Evaluate(const BatchTensors& batch, double dropout) const {
  Evaluation evaluation;
  std::vector<at::Tensor> logits;
  Inputs first;
  for (const Head& head : heads_) {
    Inputs inputs = LookUp(layout_, batch, head.tables);
    const auto add = [&](const model::SideInputs& side, const SideTensors& tensors, const at::Tensor& shared,
                         at::Tensor* own) {
      if (side.arenas.empty()) return;
      // The second head reads most tables, or all, together with the first: one gradient for both.
      const bool same = !logits.empty() && std::ranges::all_of(side.arenas, [&](const model::Arena& arena) {
        return head.tables.at(arena.parameter).is_same(heads_[0].tables.at(arena.parameter));
      });
      if (same) {
        *own = shared;
        return;
      }
      own->set_requires_grad(true);
      evaluation.sides_.push_back({.prefix = logits.empty() ? "" : kNoClick, .tensors = &tensors, .inputs = *own});
    };
    add(layout_.context, batch.context, first.context, &inputs.context);
    add(layout_.ad, batch.ads, first.ads, &inputs.ads);
    if (logits.empty()) first = inputs;
    logits.push_back(Forward(head, inputs, dropout).to(at::kFloat));
  }
  evaluation.outputs_ = logits.size() == 1 ? logits[0] : at::stack(logits, 1);
  return evaluation;
}

std::vector<Network::TableGradient> Network::Evaluation::TableGradients() const {
  const c10::AutoGradMode no_gradient(false);
  std::vector<TableGradient> all;
  for (const Side& side : sides_) {
    for (const Lookup& lookup : side.tensors->lookups) {
      all.push_back({.parameter = absl::StrCat(side.prefix, lookup.arena->parameter),
                     .members = lookup.members,
                     .gradients = GradientOf(lookup, side.inputs.grad())});
    }
  }
  return all;
}

Parameters Network::dense_parameters() const {
  Parameters all = heads_[0].parameters;
  for (size_t h = 1; h < heads_.size(); ++h) {
    for (const auto& [name, tensor] : heads_[h].parameters) {
      if (!tensor.is_same(heads_[0].parameters.at(name))) all[absl::StrCat(kNoClick, name)] = tensor;
    }
  }
  return all;
}

model::TensorFile Network::Copy() const {
  const c10::AutoGradMode no_gradient(false);
  const auto own = [&](Parameters Head::*of, const std::string& name) {
    const at::Tensor& first = (heads_[0].*of).at(name);
    if (heads_.size() == 1) return first.to(at::kCPU).contiguous();
    const at::Tensor& second = (heads_[1].*of).at(name);
    return (first.is_same(second) ? first : first - second).to(at::kCPU).contiguous();
  };
  model::TensorFile file;
  model::ForEachArena(layout_, [&](const model::Arena& arena) {
    const at::Tensor all = own(&Head::tables, arena.parameter);
    for (const model::TableInput& table : arena.tables) {
      file.tensors[table.tensor] = CopyOf(all.narrow(0, table.first_row, table.buckets));
    }
  });
  for (const auto& [name, tensor] : heads_[0].parameters) file.tensors[name] = CopyOf(own(&Head::parameters, name));
  return file;
}

}  // namespace vickrey::torch
