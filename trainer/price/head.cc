#include "trainer/price/head.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::PriceHeadConfig;

struct Kind {
  std::string_view name;
  std::unique_ptr<PriceHead> (*make)(const PriceHeadConfig&, int64_t, const PriceScales&, PriceParameters*);
  std::vector<std::string> losses;
};

const std::array<Kind, 4>& Kinds() {
  static const auto* const kinds = new std::array<Kind, 4>{{
      {"regression", &MakeRegressionHead, {"mse", "mae"}},
      {"bins", &MakeBinsHead, {"ce", "ntl_mse", "ntl_was"}},
      {"digits", &MakeDigitsHead, {"ce", "ntl_mse", "ntl_was"}},
      {"decision", &MakeDecisionHead, {"mse", "mae", "gmadl"}},
  }};
  return *kinds;
}

const Kind* FindKind(std::string_view name) {
  for (const Kind& kind : Kinds()) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<PriceHead> MakeHead(const PriceHeadConfig& config, int64_t width, const PriceScales& scales,
                                    PriceParameters* parameters) {
  return FindKind(config.kind())->make(config, width, scales, parameters);
}

absl::Status CheckHead(const PriceHeadConfig& config) {
  const Kind* const kind = FindKind(config.kind());
  if (kind == nullptr || config.loss().empty()) return absl::OkStatus();  // the field's own rule says so better
  const std::string& loss = config.loss();
  if (std::find(kind->losses.begin(), kind->losses.end(), loss) == kind->losses.end()) {
    return base::InvalidField("loss", absl::StrCat("'", loss, "' is no loss of kind ", config.kind(), "; it has ",
                                                   absl::StrJoin(kind->losses, ", ")));
  }
  const bool ntl = loss == "ntl_mse" || loss == "ntl_was";
  if (config.has_lambda() && !ntl) return base::InvalidField("lambda", absl::StrCat("is not read by ", loss));
  if (config.has_a() && loss != "gmadl") return base::InvalidField("a", absl::StrCat("is not read by ", loss));
  if (config.has_b() && loss != "gmadl") return base::InvalidField("b", absl::StrCat("is not read by ", loss));
  return absl::OkStatus();
}

at::Tensor OneHot(const at::Tensor& tokens, int64_t n) {
  return at::zeros({tokens.size(0), n}, at::kDouble).scatter_(1, tokens.unsqueeze(1), 1);
}

}  // namespace vickrey::trainer
