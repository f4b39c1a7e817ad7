#include "vickrey/torch/flop_counter.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <gtest/gtest.h>

namespace vickrey::torch {
namespace {

TEST(FlopCounter, CountsTwoForEachMultiplicationOfAProduct) {
  const at::Tensor a = at::ones({3, 5}), b = at::ones({5, 7}), bias = at::ones({7});
  const FlopCounter counter;
  double before = 0;
  const auto added = [&] {
    const double now = counter.flops() - before;
    before = counter.flops();
    return now;
  };
  at::mm(a, b);
  EXPECT_EQ(added(), 2 * 3 * 5 * 7);
  at::addmm(bias, a, b);
  EXPECT_EQ(added(), 2 * 3 * 5 * 7);
  at::linear(a, b.t(), bias);
  EXPECT_EQ(added(), 2 * 3 * 5 * 7);
  at::linear(at::ones({2, 3, 5}), b.t());
  EXPECT_EQ(added(), 2 * 2 * 3 * 5 * 7);
  at::matmul(at::ones({4, 3, 5}), at::ones({4, 5, 7}));
  EXPECT_EQ(added(), 4 * 2 * 3 * 5 * 7);
  at::mv(a, at::ones({5}));
  EXPECT_EQ(added(), 2 * 3 * 5);
  a.add(1).mul(2);
  EXPECT_EQ(added(), 0);
}

TEST(FlopCounter, CountsAttentionAlikeHoweverItIsComputed) {
  // 2 candidates, 3 heads, 5 fields, 7 wide.
  const at::Tensor q = at::ones({2, 3, 5, 7});
  double fused = 0, composed = 0;
  {
    const FlopCounter counter;
    at::scaled_dot_product_attention(q, q, q);
    fused = counter.flops();
  }
  {
    const FlopCounter counter;
    at::matmul(at::matmul(q, q.transpose(2, 3)), q);
    composed = counter.flops();
  }
  EXPECT_EQ(fused, 2.0 * 2 * 2 * 3 * 5 * 5 * 7);
  EXPECT_EQ(composed, fused);
}

TEST(FlopCounter, CountsOnlyWhileItLives) {
  const at::Tensor a = at::ones({3, 3});
  at::mm(a, a);
  const FlopCounter counter;
  EXPECT_EQ(counter.flops(), 0);
}

}  // namespace
}  // namespace vickrey::torch
