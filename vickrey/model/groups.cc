#include "vickrey/model/groups.h"

#include <hwy/aligned_allocator.h>

#include <new>

namespace vickrey::model {

float* ThreadScratch(int64_t floats) {
  thread_local hwy::AlignedFreeUniquePtr<float[]> memory;
  thread_local int64_t size = 0;
  if (floats > size) {
    size = 0;
    memory = hwy::AllocateAligned<float>(static_cast<size_t>(floats));
    if (memory == nullptr) throw std::bad_alloc();
    size = floats;
  }
  return memory.get();
}

}  // namespace vickrey::model
