#include "trainer/cost/machine.h"

#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#if __has_include(<c10/core/CachingDeviceAllocator.h>)
#include <c10/core/CachingDeviceAllocator.h>
#endif
#ifdef VICKREY_CUDA
#include <cuda_runtime_api.h>
#endif

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "vickrey/torch/torch_scorer.h"

namespace vickrey::trainer::cost {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kFirstProduct = 256, kLastProduct = 8192;
constexpr double kLongProduct = .02;  // seconds
constexpr int kProducts = 5;

// The value of the first line `KEY : VALUE` of a file of the kernel's; empty where there is none.
std::string ValueOf(const char* file, absl::string_view key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (absl::StripAsciiWhitespace(parts.first) == key) return std::string(absl::StripAsciiWhitespace(parts.second));
  }
  return "";
}

// Of a value such as `1234 kB`.
int64_t BytesOf(absl::string_view value) {
  int64_t kib = 0;
  return absl::ConsumeSuffix(&value, " kB") && absl::SimpleAtoi(value, &kib) ? 1024 * kib : 0;
}

int Cores() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

c10::DeviceIndex IndexOf(const at::Device& device) { return device.has_index() ? device.index() : 0; }

#if __has_include(<c10/core/CachingDeviceAllocator.h>)
// That counts what it gives; null on the CPU.
c10::DeviceAllocator* AllocatorOf(const at::Device& device) {
  return device.is_cpu() ? nullptr : dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(device.type()));
}
#endif

vickrey::v1::CostDeviceLine Gpu(int index) {
  vickrey::v1::CostDeviceLine line;
  line.set_device("cuda");
  line.set_device_name("cuda");
  line.set_index(index);
#ifdef VICKREY_CUDA
  cudaDeviceProp properties = {};
  if (cudaGetDeviceProperties(&properties, index) == cudaSuccess) {
    line.set_device_name(properties.name);
    line.set_memory_bytes(static_cast<int64_t>(properties.totalGlobalMem));
  }
#endif
  return line;
}

}  // namespace

std::string NameOf(const at::Device& device) {
  if (device.is_cpu()) {
    const std::string name = ValueOf("/proc/cpuinfo", "model name");
    return name.empty() ? "cpu" : name;
  }
  return Gpu(IndexOf(device)).device_name();
}

std::vector<vickrey::v1::CostDeviceLine> Devices() {
  std::vector<vickrey::v1::CostDeviceLine> found(1);
  found[0].set_device("cpu");
  found[0].set_device_name(NameOf(at::kCPU));
  found[0].set_cores(Cores());
  found[0].set_memory_bytes(BytesOf(ValueOf("/proc/meminfo", "MemTotal")));
  for (int i = 0; torch::DeviceOf(absl::StrCat("cuda:", i)).ok(); ++i) found.push_back(Gpu(i));
  return found;
}

absl::Status LimitMemory(int64_t mib) {
  const auto bytes = static_cast<rlim_t>(mib * kMiB);
  const rlimit limit = {.rlim_cur = bytes, .rlim_max = bytes};
  if (setrlimit(RLIMIT_DATA, &limit) == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("--memory-mib ", mib, ": cannot limit memory: ", std::strerror(errno)));
}

void ForgetPeaks(const at::Device& device) {
  std::ofstream("/proc/self/clear_refs") << "5";
#if __has_include(<c10/core/CachingDeviceAllocator.h>)
  if (auto* allocator = AllocatorOf(device); allocator != nullptr) {
    allocator->emptyCache();
    allocator->resetPeakStats(IndexOf(device));
  }
#endif
}

int64_t HostPeakBytes() {
  if (const int64_t peak = BytesOf(ValueOf("/proc/self/status", "VmHWM")); peak > 0) return peak;
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return 1024 * static_cast<int64_t>(usage.ru_maxrss);
}

std::optional<int64_t> DevicePeakBytes(const at::Device& device) {
#if __has_include(<c10/core/CachingDeviceAllocator.h>)
  if (auto* allocator = AllocatorOf(device); allocator != nullptr) {
    const auto stats = allocator->getDeviceStats(IndexOf(device));
    return stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak;
  }
#endif
  return std::nullopt;
}

double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double ProductFlopsPerSecond(const at::Device& device, bool bfloat16) {
  const c10::InferenceMode no_gradient;
  for (int64_t size = kFirstProduct;; size *= 2) {
    const auto options = at::TensorOptions().device(device).dtype(at::kFloat);
    at::Tensor a = at::randn({size, size}, options), b = at::randn({size, size}, options);
    if (bfloat16) a = a.to(at::kBFloat16), b = b.to(at::kBFloat16);
    const auto once = [&] {
      const double begin = Seconds();
      const at::Tensor product = at::mm(a, b);
      product.select(0, 0).select(0, 0).item<float>();  // waits for it
      return Seconds() - begin;
    };
    once();  // the first chooses a kernel
    std::array<double, kProducts> seconds = {};
    for (double& one : seconds) one = once();
    std::ranges::sort(seconds);
    const double median = seconds[kProducts / 2];
    if (median > kLongProduct || size == kLastProduct) {
      const auto n = static_cast<double>(size);
      return 2 * n * n * n / median;
    }
  }
}

}  // namespace vickrey::trainer::cost
