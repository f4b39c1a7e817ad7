// What the native scorers allocate after their first batch of a size: nothing. Counts every call of the allocator, so
// this is a program of its own.
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/base/config.h"
#include "gtest/gtest.h"
#include "vickrey/model/networks_testing.h"

#if defined(ABSL_HAVE_ADDRESS_SANITIZER) || defined(ABSL_HAVE_THREAD_SANITIZER) || !defined(__GLIBC__)
#define VICKREY_COUNTS_ALLOCATIONS 0
#else
#define VICKREY_COUNTS_ALLOCATIONS 1

namespace {
thread_local int64_t allocations = 0;
}  // namespace

// Takes the place of the library's, which it calls under its other name.
extern "C" {
void* __libc_malloc(size_t);            // NOLINT(bugprone-reserved-identifier)
void* __libc_calloc(size_t, size_t);    // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void*, size_t);    // NOLINT(bugprone-reserved-identifier)
void* __libc_memalign(size_t, size_t);  // NOLINT(bugprone-reserved-identifier)

void* malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(size_t nmemb, size_t size) {
  ++allocations;
  return __libc_calloc(nmemb, size);
}
void* realloc(void* ptr, size_t size) {
  ++allocations;
  return __libc_realloc(ptr, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memptr, size_t alignment, size_t size) {
  ++allocations;
  *memptr = __libc_memalign(alignment, size);
  return *memptr == nullptr ? 12 : 0;  // ENOMEM
}
}
#endif

namespace vickrey::model {
namespace {

class AllocationTest : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Architectures, AllocationTest, testing::ValuesIn(TestSpecs()),
                         [](const auto& info) { return NameOf(info.param); });

TEST_P(AllocationTest, NothingIsAllocatedAfterTheFirstBatch) {
#if VICKREY_COUNTS_ALLOCATIONS
  const TestNetwork network(GetParam());
  const auto scorer = network.Native();
  const Batch large = RandomBatch(network.layout, {3, 0, 500, 40, 1}, 1);
  const Batch small = RandomBatch(network.layout, {7, 2}, 2);
  std::vector<float> logits(large.candidates());
  ASSERT_TRUE(scorer->Logits(large, logits).ok());
  int64_t before = allocations;
  bool good = true;
  for (int i = 0; i < 3; ++i) {
    good = good && scorer->Logits(large, logits).ok();
    good = good && scorer->Logits(small, {logits.data(), static_cast<size_t>(small.candidates())}).ok();
  }
  const int64_t made = allocations - before;
  EXPECT_TRUE(good);
  EXPECT_EQ(made, 0);
  // The counter counts.
  before = allocations;
  const std::vector<float> one(1);
  EXPECT_EQ(allocations - before, 1) << one.size();
#else
  GTEST_SKIP() << "a sanitizer, or another library, has its own allocator";
#endif
}

}  // namespace
}  // namespace vickrey::model
