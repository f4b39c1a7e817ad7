// For a CUDA build of LibTorch with NCCL's header.
#include <cstdlib>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "trainer/parallel/store.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {
namespace {

using torch::CatchTorch;

class NcclLinks : public Links {
 public:
  NcclLinks(at::Device device, c10::intrusive_ptr<c10d::ProcessGroupNCCL> group)
      : device_(device), group_(std::move(group)) {}

  // NCCL's own way of ending waits for peers.
  ~NcclLinks() override {
    CatchTorch([&] { group_->abort(); }).IgnoreError();
  }

  absl::Status Exchange(std::string_view operation, const std::vector<at::Tensor>& to,
                        const std::vector<at::Tensor>& from, absl::Time deadline) override {
    const at::Tensor nothing = at::empty({0}, at::TensorOptions().device(device_));
    const auto filled = [&](const std::vector<at::Tensor>& tensors) {
      std::vector<at::Tensor> all;
      for (int r = 0; r < group_->getSize(); ++r) {
        const bool none = r == group_->getRank() || !tensors[r].defined();
        all.push_back(none ? nothing : tensors[r]);
      }
      return all;
    };
    std::vector<at::Tensor> inputs = filled(to), outputs = filled(from);
    // One group of sends and receives. With a timeout, the wait is for the device, not for its stream only.
    return PeerLost(absl::StrCat(std::string(operation), " with all other ranks, by NCCL"),
                    CatchTorch([&] { group_->alltoall(outputs, inputs)->wait(MillisecondsUntil(deadline)); }));
  }

 private:
  const at::Device device_;
  const c10::intrusive_ptr<c10d::ProcessGroupNCCL> group_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Links>> ConnectDevice(const Environment& environment, const Store& store,
                                                     const at::Device& device, absl::Time deadline) {
  // Its threads would end the process when a peer is gone; here that is an error of the call.
  for (const char* name : {"TORCH_NCCL_ASYNC_ERROR_HANDLING", "TORCH_NCCL_ENABLE_MONITORING"}) setenv(name, "0", 0);
  auto group = CatchTorch([&] {
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = MillisecondsUntil(deadline);
    auto made = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, environment.rank, environment.size, options);
    made->setBoundDeviceId(device);
    return made;
  });
  if (!group.ok()) return PeerLost("start: connecting to all other ranks by NCCL", group.status());
  return std::make_unique<NcclLinks>(device, *std::move(group));
}

}  // namespace vickrey::trainer
