#include "vickrey/torch/torch_scorer.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::torch {
namespace {

constexpr int kMostThreads = 1024;

}  // namespace

absl::StatusOr<at::Device> DeviceOf(const std::string& name) {
  if (name == "cpu") return at::Device(at::kCPU);
  int index = 0;
  absl::string_view number = name;
  if (name != "cuda" && !(absl::ConsumePrefix(&number, "cuda:") && absl::SimpleAtoi(number, &index) && index >= 0)) {
    return base::InvalidField("device", absl::StrCat("'", name, "' is not known; known: cpu, cuda, cuda:N"));
  }
  ASSIGN_OR_RETURN(const int devices, CatchTorch([] {
                     return at::hasCUDA() ? static_cast<int>(at::detail::getCUDAHooks().deviceCount()) : 0;
                   }));
  if (index >= devices) {
    return base::AboutField(absl::FailedPreconditionError(absl::StrCat("device: there is no ", name, "; LibTorch sees ",
                                                                       devices, " CUDA devices")),
                            "device");
  }
  return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
}

absl::StatusOr<std::unique_ptr<TorchScorer>> TorchScorer::Create(const vickrey::storage::v1::ModelSpec& spec,
                                                                 const features::Schema& schema,
                                                                 const model::TensorViews& tensors,
                                                                 const Options& options) {
  if (options.threads < 1 || options.threads > kMostThreads) {
    return base::InvalidField("threads",
                              absl::StrCat(options.threads, " is out of range; 1 to ", kMostThreads, " are allowed"));
  }
  ASSIGN_OR_RETURN(const at::Device device, DeviceOf(options.device));
  ASSIGN_OR_RETURN(std::unique_ptr<const Network> network,
                   Network::Create(spec, schema, tensors, {.device = device, .learns = false}));
  return std::unique_ptr<TorchScorer>(new TorchScorer(std::move(network), options.threads));
}

absl::Status TorchScorer::Logits(const model::Batch& batch, std::span<float> logits) const {
  return CatchTorch([&] {
    const c10::AutoGradMode no_gradient(false);
    if (at::get_num_threads() != threads_) at::set_num_threads(threads_);
    const at::Tensor values = network_->Logits(batch).to(at::kCPU).contiguous();
    std::copy_n(values.data_ptr<float>(), values.numel(), logits.begin());
  });
}

}  // namespace vickrey::torch
