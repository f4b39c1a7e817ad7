// Products of rows with a matrix whose bits do not depend on how many rows there are: what the native scorers are made
// of.
#ifndef VICKREY_MODEL_MATRIX_H_
#define VICKREY_MODEL_MATRIX_H_

#include <hwy/aligned_allocator.h>

#include <cstdint>
#include <span>

#include "vickrey/model/tensors.h"

namespace vickrey::model {

// What goes into a product y = x w beside x and w.
struct ProductOptions {
  const float* const* start = nullptr;  // for each row as many floats as one of y, from which its sums go on; or zeros
  const float* bias = nullptr;          // as many floats, added at the end of every row's sums; default: none
  bool relu = false;                    // negative results become 0
};

// A matrix of weights, packed for Multiply.
//
// Each output is a sum over the inputs in their order, one fused multiply-add after the other where the processor has
// them, whatever the number of rows and the place of a row among them: equal rows give equal bits. Rows and outputs are
// blocked; the sums never are, which costs little: a block of sums stays in registers from the first input to the last.
//
// Vectors are of the instruction set that Highway picks at run time; bits are the same for equal instruction sets.
// Immutable, so thread-safe.
class PackedMatrix {
 public:
  // Outputs are computed in panels of so many; rows of outputs have a multiple of it.
  static constexpr int64_t kPanel = 16;
  static constexpr int64_t Padded(int64_t outputs) { return (outputs + kPanel - 1) / kPanel * kPanel; }

  PackedMatrix() = default;
  // Copies `weight`, (outputs, inputs).
  explicit PackedMatrix(const TensorView& weight);

  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }
  int64_t padded() const { return Padded(outputs_); }

  // What goes into a product beside x.
  using Options = ProductOptions;
  // y[i][h] = start[i][h] + sum over j of x[i][j] w[h][j] + bias[h] for each of `rows` rows, in this order. Rows of x
  // are `x_stride` floats apart, rows of y `y_stride`, and have padded() floats. What comes behind outputs() is 0 where
  // start and bias are, if all of x is finite.
  void Multiply(const float* x, int64_t x_stride, int64_t rows, const Options& options, float* y,
                int64_t y_stride) const;

 private:
  int64_t inputs_ = 0, outputs_ = 0;
  hwy::AlignedFreeUniquePtr<float[]> panels_;  // one after the other: (inputs, kPanel)
};

// A matrix that is packed where it is made, such as the keys of a candidate: panels of (inputs, kPanel) floats, one
// after the other, the first aligned to 64 bytes; zeros behind the last output.
struct Panels {
  int64_t inputs = 0, outputs = 0;
  const float* values = nullptr;
};

// As PackedMatrix::Multiply, whose bits these are. Thread-safe.
void Multiply(const Panels& w, const float* x, int64_t x_stride, int64_t rows, const ProductOptions& options, float* y,
              int64_t y_stride);

// A bias or another vector, followed by zeros up to a multiple of PackedMatrix::kPanel.
std::vector<float> PaddedVector(std::span<const float> values);

// sum of x[j] w[j], in an order that depends on their number alone.
float Dot(std::span<const float> x, std::span<const float> w);

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_MATRIX_H_
