#ifndef VICKREY_TORCH_TORCH_SCORER_H_
#define VICKREY_TORCH_TORCH_SCORER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "vickrey/model/artifact.h"
#include "vickrey/model/scorer.h"
#include "vickrey/torch/network.h"

namespace vickrey::torch {

// "cpu", "cuda" or "cuda:N". INVALID_ARGUMENT for anything else; FAILED_PRECONDITION for a CUDA device that this
// machine, or this LibTorch, does not have.
absl::StatusOr<at::Device> DeviceOf(const std::string& name);

// A Scorer on LibTorch, on the CPU or on CUDA. It agrees with the native scorer within 1e-5 in probability, where not
// both have lost the digits of numbers that cancel; its bits depend on the batch, the device and the number of threads.
//
// Thread-safe. It has a copy of the weights.
class TorchScorer final : public model::Scorer {
 public:
  struct Options {
    std::string device = "cpu";  // as DeviceOf
    // Threads of LibTorch on the CPU, 1 to 1024. LibTorch has one number for the process, which each call sets: give
    // all scorers of a process the same.
    int threads = 1;
  };
  // INVALID_ARGUMENT naming an option; otherwise as DeviceOf and Network::Create.
  static absl::StatusOr<std::unique_ptr<TorchScorer>> Create(const vickrey::storage::v1::ModelSpec& spec,
                                                             const features::Schema& schema,
                                                             const model::TensorViews& tensors, const Options& options);

  absl::Status Logits(const model::Batch& batch, std::span<float> logits) const override;

 private:
  TorchScorer(std::unique_ptr<const Network> network, int threads) : network_(std::move(network)), threads_(threads) {}

  const std::unique_ptr<const Network> network_;
  const int threads_;
};

}  // namespace vickrey::torch

#endif  // VICKREY_TORCH_TORCH_SCORER_H_
