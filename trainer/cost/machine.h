// What a training can be on, and what it takes of it.
#ifndef TRAINER_COST_MACHINE_H_
#define TRAINER_COST_MACHINE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "vickrey/v1/cost_lines.pb.h"

namespace vickrey::trainer::cost {

// The CPU, then each GPU that this process sees.
std::vector<vickrey::v1::CostDeviceLine> Devices();

// The processor's or the GPU's name.
std::string NameOf(const at::Device& device);

// Has every request of this process for more memory of its own than so many MiB in all, what it has already included,
// fail. The device's memory does not count.
absl::Status LimitMemory(int64_t mib);

// From now on the greatest memory counts anew, on the host as far as the system can do that; what a GPU's allocator
// holds back goes to the GPU.
void ForgetPeaks(const at::Device& device);
// The greatest resident memory.
int64_t HostPeakBytes();
// The greatest memory of a GPU in tensors; nullopt on the CPU, or where LibTorch does not say.
std::optional<int64_t> DevicePeakBytes(const at::Device& device);

// Seconds of all cores that this process has used.
double CpuSeconds();

// FLOP a second of a product of two square matrices, as large as takes some hundredths of a second: the most that a
// program made of products could reach. Throws as LibTorch does.
double ProductFlopsPerSecond(const at::Device& device, bool bfloat16);

}  // namespace vickrey::trainer::cost

#endif  // TRAINER_COST_MACHINE_H_
