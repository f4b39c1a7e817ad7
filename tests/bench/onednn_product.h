// A matrix product of oneDNN, to measure against. LibTorch's wheel brings headers of another version of it, so that
// only onednn_product.cc, which includes nothing of LibTorch, includes them.
#ifndef TESTS_BENCH_ONEDNN_PRODUCT_H_
#define TESTS_BENCH_ONEDNN_PRODUCT_H_

#include <cstdint>
#include <memory>

namespace vickrey::bench {

// y = x w^T, x (rows, inputs), w (outputs, inputs), y (rows, outputs), all row by row. The weights are packed before,
// as oneDNN likes them best. x and y must outlive it.
class OneDnnProduct {
 public:
  OneDnnProduct(const float* x, const float* w, int64_t rows, int64_t inputs, int64_t outputs, float* y);
  ~OneDnnProduct();

  void Run();

 private:
  struct Primitive;
  std::unique_ptr<Primitive> primitive_;
};

}  // namespace vickrey::bench

#endif  // TESTS_BENCH_ONEDNN_PRODUCT_H_
