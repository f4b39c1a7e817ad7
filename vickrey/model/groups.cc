#include "vickrey/model/groups.h"

namespace vickrey::model {

float* ThreadScratch(int64_t floats) {
  thread_local hwy::AlignedFreeUniquePtr<float[]> memory;
  thread_local int64_t size = 0;
  if (floats > size) {
    memory = hwy::AllocateAligned<float>(static_cast<size_t>(floats));
    size = floats;
  }
  return memory.get();
}

}  // namespace vickrey::model
