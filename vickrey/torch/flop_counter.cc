#include "vickrey/torch/flop_counter.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string_view>

namespace vickrey::torch {
namespace {

struct Product {
  std::string_view name;
  size_t a, b;  // which of its inputs are multiplied
};

constexpr std::string_view kAttention = "aten::scaled_dot_product_attention";
constexpr std::array kProducts = {
    Product{"aten::mm", 0, 1}, Product{"aten::addmm", 1, 2}, Product{"aten::bmm", 0, 1}, Product{"aten::baddbmm", 1, 2},
    Product{"aten::mv", 0, 1}, Product{"aten::addmv", 1, 2}, Product{"aten::dot", 0, 1}, Product{kAttention, 0, 1},
};

// FLOP of (..., n, k) times (..., k, m), or a vector (k).
double FlopsOf(const Product& product, const at::Tensor& a, const at::Tensor& b) {
  if (product.name == kAttention) {
    // Of every query with every key, and of the weights with the values, which are as wide.
    return 4 * static_cast<double>(a.numel()) * static_cast<double>(b.size(-2));
  }
  const int64_t columns = b.dim() > 1 ? b.size(-1) : 1;
  return 2 * static_cast<double>(a.numel()) * static_cast<double>(columns);
}

}  // namespace

thread_local FlopCounter* FlopCounter::current_ = nullptr;

struct FlopCounter::Inside final : at::ObserverContext {
  explicit Inside(FlopCounter* of) : counter(of) { ++counter->inside_; }
  ~Inside() override { --counter->inside_; }
  FlopCounter* const counter;
};

FlopCounter::FlopCounter() {
  current_ = this;
  handle_ = at::addThreadLocalCallback(
      at::RecordFunctionCallback(&FlopCounter::Begin).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
}

FlopCounter::~FlopCounter() {
  at::removeCallback(handle_);
  current_ = nullptr;
}

std::unique_ptr<at::ObserverContext> FlopCounter::Begin(const at::RecordFunction& function) {
  const auto* product = std::ranges::find(kProducts, std::string_view(function.name()), &Product::name);
  if (product == kProducts.end() || current_ == nullptr) return nullptr;
  const auto inputs = function.inputs();
  const size_t needed = std::max(product->a, product->b);
  if (current_->inside_ == 0 && inputs.size() > needed && inputs[product->a].isTensor() &&
      inputs[product->b].isTensor()) {
    current_->flops_ += FlopsOf(*product, inputs[product->a].toTensor(), inputs[product->b].toTensor());
  }
  return std::make_unique<Inside>(current_);
}

}  // namespace vickrey::torch
