#include "vickrey/torch/forecaster.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "vickrey/base/finite.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::torch {
namespace {

constexpr const ForecasterArchitecture* kArchitectures[] = {&kPerceptron, &kLstm, &kTransformer};
constexpr int64_t kMaxParameters = 100'000'000;

absl::StatusOr<const ForecasterArchitecture*> Find(const std::string& name) {
  std::vector<std::string> known;
  for (const ForecasterArchitecture* architecture : kArchitectures) {
    if (architecture->name == name) return architecture;
    known.emplace_back(architecture->name);
  }
  return base::InvalidField("architecture",
                            absl::StrCat("'", name, "' is not known; known: ", absl::StrJoin(known, ", ")));
}

int64_t CountOf(const ForecasterParameter& parameter) {
  int64_t count = 1;
  for (const int64_t size : parameter.shape) count *= size;
  return count;
}

}  // namespace

absl::Status CheckForecasterSize(std::string_view field, int64_t size) {
  if (size >= 1 && size <= kMaxForecasterSize) return absl::OkStatus();
  return base::InvalidField(
      field, absl::StrCat(size, " is out of range; it must be at least 1 and at most ", kMaxForecasterSize));
}

void AddLinear(const std::string& name, int64_t inputs, int64_t outputs, std::vector<ForecasterParameter>* parameters) {
  const double spread = 1 / std::sqrt(static_cast<double>(inputs));
  parameters->push_back({.name = name + ".weight", .shape = {outputs, inputs}, .spread = spread});
  parameters->push_back({.name = name + ".bias", .shape = {outputs}, .spread = spread});
}

at::Tensor Linear(const ForecastPass& pass, const std::string& name, const at::Tensor& x) {
  return at::linear(x, pass.parameter(name + ".weight"), pass.parameter(name + ".bias"));
}

at::Tensor Drop(const ForecastPass& pass, const at::Tensor& x) {
  return pass.dropout > 0 ? at::dropout(x, pass.dropout, /*train=*/true) : x;
}

absl::Status CheckForecasterSpec(const ForecasterSpec& spec) {
  ASSIGN_OR_RETURN(const ForecasterArchitecture* architecture, Find(spec.architecture));
  RETURN_IF_ERROR(CheckForecasterSize("window", spec.window));
  RETURN_IF_ERROR(CheckForecasterSize("channels", spec.channels));
  if (!(spec.dropout >= 0 && spec.dropout < 1)) {
    return base::InvalidField("dropout", absl::StrCat(base::ShortestDecimal(spec.dropout),
                                                      " is out of range; it must be at least 0 and less than 1"));
  }
  RETURN_IF_ERROR(architecture->check(spec));
  double count = 0;
  for (const ForecasterParameter& parameter : architecture->parameters(spec)) {
    double size = 1;
    for (const int64_t length : parameter.shape) size *= static_cast<double>(length);
    count += size;
  }
  if (count <= kMaxParameters) return absl::OkStatus();
  return base::InvalidField("architecture", absl::StrCat("'", spec.architecture, "' would have ", count,
                                                         " parameters; at most ", kMaxParameters, " are allowed"));
}

absl::StatusOr<std::unique_ptr<Forecaster>> Forecaster::Create(const ForecasterSpec& spec, uint64_t seed) {
  RETURN_IF_ERROR(CheckForecasterSpec(spec));
  ASSIGN_OR_RETURN(const ForecasterArchitecture* architecture, Find(spec.architecture));
  return CatchTorch([&] { return std::unique_ptr<Forecaster>(new Forecaster(spec, architecture, seed)); });
}

Forecaster::Forecaster(ForecasterSpec spec, const ForecasterArchitecture* architecture, uint64_t seed)
    : spec_(std::move(spec)), architecture_(architecture) {
  const std::vector<ForecasterParameter> parameters = architecture_->parameters(spec_);
  int64_t count = 0;
  for (const ForecasterParameter& parameter : parameters) count += CountOf(parameter);
  flat_ = at::zeros({count});
  gradient_ = at::zeros_like(flat_);
  int64_t first = 0;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const ForecasterParameter& parameter = parameters[i];
    const int64_t size = CountOf(parameter);
    const at::Tensor view = flat_.narrow(0, first, size).view(parameter.shape).detach();
    view.fill_(parameter.start);
    if (parameter.spread > 0) {
      base::RandomStream random(seed, base::StreamId("forecaster.start"), i);
      for (int64_t k = 0; k < size; ++k) {
        flat_.data_ptr<float>()[first + k] =
            static_cast<float>(parameter.start + parameter.spread * (2 * random.Uniform() - 1));
      }
    }
    view.set_requires_grad(true);
    view.mutable_grad() = gradient_.narrow(0, first, size).view(parameter.shape);
    parameters_[parameter.name] = view;
    first += size;
  }
}

void Forecaster::CheckShape(const at::Tensor& windows) const {
  TORCH_CHECK(windows.dim() == 3 && windows.size(1) == spec_.window && windows.size(2) == spec_.channels &&
                  windows.scalar_type() == at::kFloat,
              "windows are ", windows.toString(), " ", windows.sizes(), ", not floats (batch, ", spec_.window, ", ",
              spec_.channels, ")");
}

at::Tensor Forecaster::Forecast(const at::Tensor& windows) const {
  CheckShape(windows);
  const c10::AutoGradMode no_gradient(false);
  const int64_t rows = windows.size(0);
  std::vector<at::Tensor> forecasts = {at::empty({0})};
  for (int64_t first = 0; first < rows; first += kBlock) {
    const int64_t size = std::min(kBlock, rows - first);
    at::Tensor block = windows.narrow(0, first, size).contiguous();
    if (size < kBlock) block = at::constant_pad_nd(block, {0, 0, 0, 0, 0, kBlock - size});
    forecasts.push_back(
        architecture_->forecast({.spec = spec_, .windows = block, .parameters = parameters_}).narrow(0, 0, size));
  }
  return at::cat(forecasts);
}

at::Tensor Forecaster::Train(const at::Tensor& windows) const {
  CheckShape(windows);
  return architecture_->forecast(
      {.spec = spec_, .windows = windows, .parameters = parameters_, .dropout = spec_.dropout});
}

}  // namespace vickrey::torch
