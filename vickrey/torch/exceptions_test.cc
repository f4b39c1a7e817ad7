#include "vickrey/torch/exceptions.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>

#include <new>
#include <stdexcept>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vickrey::torch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(CatchTorch, GivesTheResult) {
  EXPECT_EQ(CatchTorch([] { return at::ones({2, 3}).numel(); }).value(), 6);
  EXPECT_TRUE(CatchTorch([] {}).ok());
}

TEST(CatchTorch, AShapeThatDoesNotFitIsAnErrorWithoutItsStackTrace) {
  const auto product = CatchTorch([] { return at::matmul(at::ones({2, 3}), at::ones({2, 3})); });
  EXPECT_TRUE(absl::IsInternal(product.status()));
  EXPECT_THAT(std::string(product.status().message()), HasSubstr("cannot be multiplied"));
  EXPECT_THAT(std::string(product.status().message()), Not(HasSubstr("frame #")));
}

TEST(CatchTorch, AnIndexOutOfRangeIsInvalid) {
  EXPECT_TRUE(absl::IsInvalidArgument(CatchTorch([] { return at::ones({2}).select(0, 5); }).status()));
}

TEST(CatchTorch, MemoryThatRanOutIsSaidSo) {
  EXPECT_TRUE(absl::IsResourceExhausted(CatchTorch([] { return at::ones({int64_t{1} << 50}); }).status()));
}

TEST(CatchTorch, OtherExceptionsAreCaughtToo) {
  EXPECT_TRUE(absl::IsResourceExhausted(CatchTorch([] { throw std::bad_alloc(); })));
  EXPECT_TRUE(absl::IsInternal(CatchTorch([] { throw std::runtime_error("x"); })));
  EXPECT_TRUE(absl::IsInternal(CatchTorch([] { throw 1; })));
}

}  // namespace
}  // namespace vickrey::torch
