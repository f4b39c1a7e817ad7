#include "trainer/optim/table_memory.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

namespace vickrey::trainer {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

}  // namespace

at::Tensor TableZeros(at::IntArrayRef sizes, const at::TensorOptions& options) {
  size_t bytes = options.dtype().itemsize();
  for (const int64_t size : sizes) {
    TORCH_CHECK(size >= 0 && !__builtin_mul_overflow(bytes, static_cast<size_t>(size), &bytes), "sizes ", sizes);
  }
  if (!options.device().is_cpu() || bytes < kHugePage) return at::zeros(sizes, options);
  // One page more, so that the first begins where the tensor does.
  const size_t mapped = bytes + kHugePage;
  void* const memory =
      mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  TORCH_CHECK(memory != MAP_FAILED, "no memory for ", bytes, " bytes of a table: ", std::strerror(errno));
  void* const begin = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(memory) + kHugePage - 1) & ~(kHugePage - 1));
  madvise(begin, bytes, MADV_HUGEPAGE);  // a wish
  return at::from_blob(
      begin, sizes, [memory, mapped](void*) { munmap(memory, mapped); }, options);
}

}  // namespace vickrey::trainer
