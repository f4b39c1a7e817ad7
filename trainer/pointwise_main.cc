// `vickrey eval pointwise-loss`: losses of forecasts by themselves, on JSON lines, in double.
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer/loss/directional.h"
#include "trainer/loss/number_token.h"
#include "vickrey/base/config.h"
#include "vickrey/base/finite.h"
#include "vickrey/base/tool.h"
#include "vickrey/config/v1/loss.pb.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::PointwiseLossConfig;
using vickrey::v1::PointwiseLossInputLine;
using vickrey::v1::PointwiseLossLine;
using vickrey::v1::PointwiseLossSummaryLine;

constexpr int kMaxTokens = 1 << 20;
constexpr double kSumTolerance = 1e-6;  // of probabilities that were printed and read again

absl::Status CheckFinite(const std::string& field, double value) {
  return std::isfinite(value) ? absl::OkStatus()
                              : base::InvalidField(field, absl::StrCat(base::ShortestDecimal(value), " is not finite"));
}

absl::Status CheckNone(const std::string& loss, const char* field, bool given) {
  return given ? base::InvalidField(field, absl::StrCat("is not read by ", loss)) : absl::OkStatus();
}

absl::Status CheckRead(const std::string& loss, const PointwiseLossConfig& config) {
  RETURN_IF_ERROR(CheckNone(loss, "a", config.has_a() && loss != "gmadl"));
  RETURN_IF_ERROR(CheckNone(loss, "b", config.has_b() && loss != "gmadl"));
  return CheckNone(loss, "lambda", config.has_lambda() && loss != "ntl_mse" && loss != "ntl_was");
}

absl::StatusOr<PointwiseLossLine> Directional(const std::string& loss, const PointwiseLossConfig& config,
                                              const PointwiseLossInputLine& in) {
  if (!in.has_observed()) return base::InvalidField("observed", absl::StrCat("is required by ", loss));
  if (!in.has_forecast()) return base::InvalidField("forecast", absl::StrCat("is required by ", loss));
  RETURN_IF_ERROR(CheckFinite("observed", in.observed()));
  RETURN_IF_ERROR(CheckFinite("forecast", in.forecast()));
  RETURN_IF_ERROR(CheckNone(loss, "target", in.has_target()));
  RETURN_IF_ERROR(CheckNone(loss, "target_probabilities", in.target_probabilities_size() > 0));
  RETURN_IF_ERROR(CheckNone(loss, "values", in.values_size() > 0));
  RETURN_IF_ERROR(CheckNone(loss, "logits", in.logits_size() > 0));
  const PointLoss result =
      loss == "madl" ? Madl(in.observed(), in.forecast()) : Gmadl(in.observed(), in.forecast(), config.a(), config.b());
  PointwiseLossLine line;
  line.set_value(result.value);
  line.add_gradient(result.slope);
  return line;
}

// The distribution that is right.
absl::StatusOr<std::vector<double>> TargetOf(const PointwiseLossInputLine& in) {
  const int n = in.values_size();
  if (in.has_target() == (in.target_probabilities_size() > 0)) {
    return base::InvalidField("target", "exactly one of target and target_probabilities is required");
  }
  std::vector<double> target(in.target_probabilities().begin(), in.target_probabilities().end());
  if (in.has_target()) {
    target.assign(n, 0);
    bool found = false;
    for (int k = 0; k < n; ++k) {
      if (in.values(k) != in.target()) continue;
      target[k] = 1;
      found = true;
    }
    if (!found) {
      return base::InvalidField("target", absl::StrCat(base::ShortestDecimal(in.target()), " is none of values"));
    }
    return target;
  }
  if (static_cast<int>(target.size()) != n) {
    return base::InvalidField("target_probabilities", absl::StrCat("has ", target.size(), " entries; values has ", n));
  }
  double sum = 0;
  for (int k = 0; k < n; ++k) {
    if (!(target[k] >= 0 && target[k] <= 1)) {
      return base::InvalidField(absl::StrCat("target_probabilities[", k, "]"),
                                absl::StrCat(base::ShortestDecimal(target[k]), " is not a probability in [0, 1]"));
    }
    sum += target[k];
  }
  if (std::abs(sum - 1) > kSumTolerance) {
    return base::InvalidField("target_probabilities",
                              absl::StrCat("have the sum ", base::ShortestDecimal(sum), ", not 1"));
  }
  return target;
}

absl::StatusOr<PointwiseLossLine> NumberToken(const std::string& loss, const PointwiseLossConfig& config,
                                              const PointwiseLossInputLine& in) {
  const int n = in.values_size();
  RETURN_IF_ERROR(CheckNone(loss, "observed", in.has_observed()));
  RETURN_IF_ERROR(CheckNone(loss, "forecast", in.has_forecast()));
  if (n < 1 || n > kMaxTokens) {
    return base::InvalidField("values", absl::StrCat("has ", n, " entries; 1 to ", kMaxTokens, " are allowed"));
  }
  if (in.logits_size() != n) {
    return base::InvalidField("logits", absl::StrCat("has ", in.logits_size(), " entries; values has ", n));
  }
  for (int k = 0; k < n; ++k) {
    RETURN_IF_ERROR(CheckFinite(absl::StrCat("values[", k, "]"), in.values(k)));
    RETURN_IF_ERROR(CheckFinite(absl::StrCat("logits[", k, "]"), in.logits(k)));
    if (k > 0 && in.values(k) <= in.values(k - 1)) {
      return base::InvalidField(absl::StrCat("values[", k, "]"),
                                absl::StrCat(base::ShortestDecimal(in.values(k)), " is not above the one before, ",
                                             base::ShortestDecimal(in.values(k - 1))));
    }
  }
  ASSIGN_OR_RETURN(const std::vector<double> target, TargetOf(in));
  std::vector<double> gradient(n);
  const NumberTokenLoss result =
      NumberTokens(loss == "ntl_mse" ? NumberDistance::kMse : NumberDistance::kWas, config.lambda(), n,
                   in.values().data(), target.data(), in.logits().data(), gradient.data());
  PointwiseLossLine line;
  line.set_value(result.value);
  line.set_cross_entropy(result.cross_entropy);
  line.set_distance(result.distance);
  line.mutable_gradient()->Assign(gradient.begin(), gradient.end());
  return line;
}

absl::Status Evaluate(const std::string& loss, const std::string& file) {
  PointwiseLossConfig config;
  RETURN_IF_ERROR(file.empty() ? base::LoadConfig("{}", "defaults", &config)
                               : base::LoadConfigFile(file, &config, [&loss](google::protobuf::Message* read) {
                                   return CheckRead(loss, static_cast<const PointwiseLossConfig&>(*read));
                                 }));
  const bool directional = loss == "madl" || loss == "gmadl";
  int64_t lines = 0;
  double sum = 0;
  RETURN_IF_ERROR(base::ForEachLine<PointwiseLossInputLine>([&](const PointwiseLossInputLine& in) -> absl::Status {
    ASSIGN_OR_RETURN(const PointwiseLossLine line,
                     directional ? Directional(loss, config, in) : NumberToken(loss, config, in));
    RETURN_IF_ERROR(base::CheckFiniteResult(line));
    base::WriteLine(line);
    sum += line.value();
    ++lines;
    return absl::OkStatus();
  }));
  PointwiseLossSummaryLine last;
  last.mutable_summary()->set_lines(lines);
  if (lines > 0) last.mutable_summary()->set_value(sum / static_cast<double>(lines));
  RETURN_IF_ERROR(base::CheckFiniteResult(last));
  base::WriteLine(last);
  return absl::OkStatus();
}

}  // namespace
}  // namespace vickrey::trainer

int main(int argc, char** argv) {
  vickrey::base::Tool tool("vickrey-pointwise-loss",
                           "Computes a loss of forecasts, and its gradient, of each line of stdin",
                           "vickrey eval pointwise-loss");
  std::string loss, config;
  CLI::App& app = tool.SetAction(
      R"(echo '{"target":4,"values":[3,4,5],"logits":[0,1,0]}' | vickrey eval pointwise-loss --loss ntl_was)",
      [&] { return vickrey::trainer::Evaluate(loss, config); });
  app.add_option("--loss", loss, "madl, gmadl, ntl_mse or ntl_was")
      ->required()
      ->check(CLI::IsMember({"madl", "gmadl", "ntl_mse", "ntl_was"}));
  app.add_option("--config", config, "A YAML or JSON file of PointwiseLossConfig: a, b, lambda");
  return tool.Run(argc, argv);
}
