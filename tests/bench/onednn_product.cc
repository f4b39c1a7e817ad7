#include "tests/bench/onednn_product.h"

#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

namespace vickrey::bench {

struct OneDnnProduct::Primitive {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::matmul matmul;
  std::unordered_map<int, dnnl::memory> arguments;
};

OneDnnProduct::OneDnnProduct(const float* x, const float* w, int64_t rows, int64_t inputs, int64_t outputs, float* y)
    : primitive_(std::make_unique<Primitive>()) {
  using dnnl::memory;
  auto& [engine, stream, matmul, arguments] = *primitive_;
  const auto f32 = memory::data_type::f32;
  const memory::desc x_desc({rows, inputs}, f32, memory::format_tag::ab);
  const memory::desc any({inputs, outputs}, f32, memory::format_tag::any);
  const memory::desc y_desc({rows, outputs}, f32, memory::format_tag::ab);
  const dnnl::matmul::primitive_desc product(dnnl::matmul::desc(x_desc, any, y_desc), engine);
  memory plain({{inputs, outputs}, f32, memory::format_tag::ba}, engine, const_cast<float*>(w));
  memory packed(product.weights_desc(), engine);
  dnnl::reorder(plain, packed).execute(stream, plain, packed);
  matmul = dnnl::matmul(product);
  arguments = {{DNNL_ARG_SRC, memory(x_desc, engine, const_cast<float*>(x))},
               {DNNL_ARG_WEIGHTS, packed},
               {DNNL_ARG_DST, memory(y_desc, engine, y)}};
  stream.wait();
}

OneDnnProduct::~OneDnnProduct() = default;

void OneDnnProduct::Run() {
  primitive_->matmul.execute(primitive_->stream, primitive_->arguments);
  primitive_->stream.wait();
}

}  // namespace vickrey::bench
