// RunBatch's memory does not grow with the number of auctions: counted by the allocator of this program.
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "vickrey/auction/mechanism.h"

namespace {

int64_t allocations = 0;  // NOLINT: operator new is global

}  // namespace

// Not inlined: the compiler would see half of a pair, and take free() for a mistake.
[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size); memory != nullptr) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace vickrey::auction {
namespace {

// Of so many auctions of ten candidates each, in which scores tie or do not.
int64_t AllocationsOf(const Mechanism& mechanism, int auctions, bool ties) {
  std::vector<int64_t> bids, offsets = {0};
  for (int a = 0; a < auctions; ++a) {
    for (int i = 0; i < 10; ++i) bids.push_back(ties ? 1 + i / 4 : 1 + i);
    offsets.push_back(static_cast<int64_t>(bids.size()));
  }
  const std::vector<double> pctrs(bids.size(), 0.5);
  BatchOutcome outcome;
  const int64_t before = allocations;
  EXPECT_TRUE(mechanism.RunBatch({bids, pctrs, offsets}, &outcome).ok());
  return allocations - before;
}

TEST(RunBatch, AllocatesNothingForAnAuction) {
  for (const std::string_view name : MechanismNames()) {
    const int slots = name == "second_price" ? 1 : 3;
    const auto mechanism = MakeMechanism({.mechanism = std::string(name), .slots = slots}).value();
    for (const bool ties : {false, true}) {
      EXPECT_EQ(AllocationsOf(*mechanism, 2000, ties), AllocationsOf(*mechanism, 20, ties)) << name << ' ' << ties;
      EXPECT_LT(AllocationsOf(*mechanism, 20, ties), 20) << name;
    }
  }
}

}  // namespace
}  // namespace vickrey::auction
