// Networks that forecast the next value of a series from a window of what came before.
#ifndef VICKREY_TORCH_FORECASTER_H_
#define VICKREY_TORCH_FORECASTER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vickrey::torch {

// Which network, and how large. What an architecture does not read is ignored.
struct ForecasterSpec {
  std::string architecture;     // perceptron, lstm or transformer
  int64_t window = 0;           // periods that a forecast sees
  int64_t channels = 1;         // numbers of a period
  std::vector<int64_t> hidden;  // perceptron: widths of the hidden layers, from the input up; none: linear
  int64_t width = 0;            // lstm: units of a layer; transformer: width of a position
  int64_t layers = 0;           // lstm, transformer
  int64_t heads = 0;            // transformer: of attention; a divisor of width
  int64_t feedforward = 0;      // transformer: width of the hidden layer behind attention
  double dropout = 0;           // share of units left out in training: of hidden layers, of what each layer of an lstm
                                // gives on, of attention and both branches of a transformer's layer
};

// One evaluation.
struct ForecastPass {
  const ForecasterSpec& spec;
  const at::Tensor& windows;  // (batch, window, channels)
  const std::map<std::string, at::Tensor>& parameters;
  double dropout = 0;

  const at::Tensor& parameter(const std::string& name) const { return parameters.at(name); }
};

// A tensor of parameters and how it starts: uniform in start +- spread.
struct ForecasterParameter {
  std::string name;
  std::vector<int64_t> shape;
  double start = 0, spread = 0;
};

// An architecture: a file of its own, and one line in the table of forecaster.cc.
struct ForecasterArchitecture {
  std::string_view name;
  absl::Status (*check)(const ForecasterSpec& spec);  // INVALID_ARGUMENT naming the field
  std::vector<ForecasterParameter> (*parameters)(const ForecasterSpec& spec);
  at::Tensor (*forecast)(const ForecastPass& pass);  // (batch)
};

extern const ForecasterArchitecture kPerceptron;   // perceptron.cc
extern const ForecasterArchitecture kLstm;         // lstm.cc
extern const ForecasterArchitecture kTransformer;  // transformer.cc

// INVALID_ARGUMENT about `field` unless the number is in [1, kMaxForecasterSize].
inline constexpr int64_t kMaxForecasterSize = 65536;
absl::Status CheckForecasterSize(std::string_view field, int64_t size);

// A weight (outputs, inputs) and its bias, as PyTorch's nn.Linear starts them: uniform in +- 1 / sqrt(inputs).
void AddLinear(const std::string& name, int64_t inputs, int64_t outputs, std::vector<ForecasterParameter>* parameters);
// x (..., inputs) -> (..., outputs).
at::Tensor Linear(const ForecastPass& pass, const std::string& name, const at::Tensor& x);
// What dropout leaves of x, in training.
at::Tensor Drop(const ForecastPass& pass, const at::Tensor& x);

// INVALID_ARGUMENT naming the field of the spec; for an unknown architecture with the known ones.
absl::Status CheckForecasterSpec(const ForecasterSpec& spec);

// A network with its parameters, on the CPU.
//
// All parameters are views of one flat tensor, and so are their gradients, into which each backward pass adds: an
// optimizer is one operation on all of them. The start is a function of (spec, seed), drawn by Philox.
//
// Forecast is const and thread-safe as long as nobody changes the parameters; Train is not.
class Forecaster {
 public:
  // Errors as CheckForecasterSpec's.
  static absl::StatusOr<std::unique_ptr<Forecaster>> Create(const ForecasterSpec& spec, uint64_t seed);
  Forecaster(const Forecaster&) = delete;
  Forecaster& operator=(const Forecaster&) = delete;

  // (batch) forecasts of windows (batch, window, channels), float; throws as LibTorch does. A row's bits depend on
  // nothing but its window and its place: rows are evaluated in blocks of kBlock, the last one filled up with zeros, so
  // that rows behind it, and whether there are any, change nothing.
  static constexpr int64_t kBlock = 64;
  at::Tensor Forecast(const at::Tensor& windows) const;

  // The same, differentiable by the parameters, of the batch as a whole, with the dropout of the spec by LibTorch's
  // generator.
  at::Tensor Train(const at::Tensor& windows) const;

  // (parameters), float, in the architecture's order; what is written into it is what they are.
  const at::Tensor& parameters() const { return flat_; }
  // Their gradient.
  const at::Tensor& gradient() const { return gradient_; }
  // The same by name, as views.
  const std::map<std::string, at::Tensor>& by_name() const { return parameters_; }
  const ForecasterSpec& spec() const { return spec_; }

 private:
  Forecaster(ForecasterSpec spec, const ForecasterArchitecture* architecture, uint64_t seed);
  void CheckShape(const at::Tensor& windows) const;

  const ForecasterSpec spec_;
  const ForecasterArchitecture* const architecture_;
  at::Tensor flat_, gradient_;
  std::map<std::string, at::Tensor> parameters_;
};

}  // namespace vickrey::torch

#endif  // VICKREY_TORCH_FORECASTER_H_
