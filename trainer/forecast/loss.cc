#include "trainer/forecast/loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/l1_loss.h>
#include <ATen/ops/mse_loss.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "trainer/loss/pointwise.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

struct Entry {
  std::string_view name;
  ForecastLoss loss;
};

constexpr Entry kLosses[] = {
    {"mse", [](const at::Tensor& f, const at::Tensor& r, double, double) { return at::mse_loss(f, r); }},
    {"mae", [](const at::Tensor& f, const at::Tensor& r, double, double) { return at::l1_loss(f, r); }},
    {"madl", [](const at::Tensor& f, const at::Tensor& r, double a, double) { return 2 * GmadlOf(f, r, a, 1); }},
    {"gmadl", [](const at::Tensor& f, const at::Tensor& r, double a, double b) { return GmadlOf(f, r, a, b); }},
};

}  // namespace

absl::StatusOr<ForecastLoss> FindForecastLoss(const std::string& name) {
  std::vector<std::string> known;
  for (const Entry& entry : kLosses) {
    if (entry.name == name) return entry.loss;
    known.emplace_back(entry.name);
  }
  return base::InvalidField("loss.loss",
                            absl::StrCat("'", name, "' is not known; known: ", absl::StrJoin(known, ", ")));
}

}  // namespace vickrey::trainer
