// What PackedMatrix hands to the code of each instruction set.
#ifndef VICKREY_MODEL_PRODUCT_H_
#define VICKREY_MODEL_PRODUCT_H_

#include <cstdint>

namespace vickrey::model {

// As PackedMatrix::Multiply says. `panels`: (inputs, kPanel) each, aligned, one after the other.
struct Product {
  const float* x;
  int64_t x_stride;
  const float* const* start;
  const float* bias;
  bool relu;
  float* y;
  int64_t y_stride;
  int64_t inputs;
  const float* panels;
};

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_PRODUCT_H_
