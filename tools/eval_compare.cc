#include <cmath>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tools/eval.h"
#include "vickrey/metric/comparison_line.h"
#include "vickrey/metric/paired.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using metric::PairedComparison;
using vickrey::v1::ComparisonLine;
using vickrey::v1::OutcomeLine;

constexpr int kDefaultReplicates = 1000;  // for auc, which has no other interval

struct CompareFlags {
  std::string a, b;
  std::string models;  // "A,B": only their lines are read
  std::string metric = "welfare";
  double margin = 0;
  bool cluster = false;
  int bootstrap = 0;
  uint64_t seed = 1;
  bool json = false;
};

// What any metric reads of it.
absl::Status Check(const OutcomeLine& line) {
  const std::pair<const char*, double> amounts[] = {
      {"welfare", line.welfare()}, {"oracle_welfare", line.oracle_welfare()}, {"revenue", line.revenue()}};
  for (const auto& [field, amount] : amounts) {
    if (!std::isfinite(amount)) return base::InvalidField(field, absl::StrCat(amount, " is not a finite number"));
  }
  if (!(line.pctr() >= 0 && line.pctr() <= 1)) {
    return base::InvalidField("pctr", absl::StrCat(line.pctr(), " is not a probability in [0, 1]"));
  }
  if (line.auction_id().empty()) return base::InvalidField("auction_id", "is empty");
  return absl::OkStatus();
}

// Calls `f` on each outcome of a file, of `model` where that is not empty; refuses an auction that comes twice.
template <typename F>
absl::Status ForEachOutcome(const std::string& file, const std::string& model, F f) {
  std::set<std::string> others;  // models that the file holds beside
  std::ifstream in(file);
  if (!in) return base::AboutField(absl::NotFoundError(absl::StrCat("cannot open ", file)), "FILE");
  base::JsonLineReader reader(&in);
  std::unordered_set<std::string> seen;
  OutcomeLine line;
  while (true) {
    const auto more = reader.Next(&line);
    if (more.ok() && !*more) {
      if (model.empty() || !seen.empty()) return absl::OkStatus();
      return base::InvalidField("--models", absl::StrCat("'", model, "' has no outcome in ", file, "; models there: ",
                                                         others.empty() ? "none" : absl::StrJoin(others, ", ")));
    }
    absl::Status status = more.status();
    if (status.ok() && !model.empty() && line.model() != model) {
      if (others.size() < 20) others.insert(line.model());
      continue;
    }
    if (status.ok() && !seen.insert(line.auction_id()).second) {
      status = base::InvalidField(
          "auction_id",
          absl::StrCat("'", line.auction_id(),
                       "' comes twice; a file holds the outcomes of one model, or --models names two of them"));
    }
    if (status.ok()) status = Check(line);
    if (status.ok()) status = f(line);
    if (!status.ok()) return base::AtLine(base::Annotate(status, file), reader.line());
  }
}

// The part of the metric that an outcome is: numerator and denominator of a ratio of sums.
absl::StatusOr<metric::Ratio> RatioOf(const std::string& metric, const OutcomeLine& line) {
  const auto need = [&](bool has, double value) -> absl::StatusOr<metric::Ratio> {
    if (!has)
      return base::InvalidField(metric,
                                absl::StrCat("is null in auction ", line.auction_id(), "; it cannot be compared"));
    return metric::Ratio{value, 1};
  };
  if (metric == "welfare") return need(line.has_welfare(), line.welfare());
  if (metric == "revenue") return need(line.has_revenue(), line.revenue());
  if (metric == "regret") {
    return need(line.has_welfare() && line.has_oracle_welfare(), line.oracle_welfare() - line.welfare());
  }
  // Calibration of the winners: predictions over clicks.
  if (!line.has_pctr() || !line.has_clicked()) return metric::Ratio{0, 0};
  return metric::Ratio{line.pctr(), line.clicked() ? 1.0 : 0.0};
}

std::optional<metric::ScoredClick> ShownOf(const OutcomeLine& line) {
  if (!line.has_pctr() || !line.has_clicked()) return std::nullopt;
  return metric::ScoredClick{line.pctr(), line.clicked()};
}

absl::StatusOr<metric::Comparison> Compare(const CompareFlags& flags) {
  std::pair<std::string, std::string> models;
  if (!flags.models.empty()) {
    models = absl::StrSplit(flags.models, absl::MaxSplits(',', 1));
    if (models.first.empty() || models.second.empty()) {
      return base::InvalidField("--models", absl::StrCat("'", flags.models, "' is not two models, A,B"));
    }
  }
  // Everything of A is kept by auction; B streams by.
  std::unordered_map<std::string, OutcomeLine> of_a;
  RETURN_IF_ERROR(ForEachOutcome(flags.a, models.first, [&](const OutcomeLine& line) {
    of_a[line.auction_id()] = line;
    return absl::OkStatus();
  }));
  PairedComparison paired(flags.bootstrap > 0);
  metric::PairedAuc auc;
  size_t matched = 0;
  RETURN_IF_ERROR(ForEachOutcome(flags.b, models.second, [&](const OutcomeLine& b) -> absl::Status {
    const auto found = of_a.find(b.auction_id());
    if (found == of_a.end()) {
      return base::InvalidField("auction_id", absl::StrCat("'", b.auction_id(), "' is not in ", flags.a));
    }
    ++matched;
    const OutcomeLine& a = found->second;
    if (a.missing() || b.missing()) {
      paired.Skip();
      return absl::OkStatus();
    }
    const std::string cluster = flags.cluster ? a.cluster_key() : "";
    if (flags.metric == "auc") {
      auc.Add(cluster, ShownOf(a), ShownOf(b));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const auto ratio_a, RatioOf(flags.metric, a));
    ASSIGN_OR_RETURN(const auto ratio_b, RatioOf(flags.metric, b));
    paired.Add(cluster, ratio_a, ratio_b);
    return absl::OkStatus();
  }));
  if (matched != of_a.size()) {
    return base::InvalidField("auction_id",
                              absl::StrCat(of_a.size() - matched, " auctions of ", flags.a, " are not in ", flags.b));
  }
  if (matched == 0) return base::InvalidField("A", absl::StrCat(flags.a, " has no outcomes"));
  if (flags.metric == "auc") {
    return auc.ByBootstrap(flags.bootstrap > 0 ? flags.bootstrap : kDefaultReplicates, flags.seed);
  }
  return flags.bootstrap > 0 ? paired.ByBootstrap(flags.bootstrap, flags.seed) : paired.ByDelta();
}

absl::Status RunCompare(const CompareFlags& flags) {
  ASSIGN_OR_RETURN(const metric::Comparison c, Compare(flags));
  ComparisonLine line = metric::LineOf(c, flags.metric, flags.margin);
  if (const size_t comma = flags.models.find(','); comma != std::string::npos) {
    line.set_a_model(flags.models.substr(0, comma));
    line.set_b_model(flags.models.substr(comma + 1));
  }
  base::WriteSummary(line, flags.json);
  return line.pass() ? absl::OkStatus() : base::CheckFailed();
}

}  // namespace

void AddEvalCompare(base::Tool& tool) {
  const auto flags = std::make_shared<CompareFlags>();
  CLI::App& app = tool.AddVerb(
      "compare",
      "Compare two models' outcomes of the same auctions: exit 0 iff the low end of the 95 % interval of (A-B)/B is "
      "at least the margin",
      R"(printf '{"auction_id":"%s","welfare":%s}\n' 1 1.3 2 1.0 3 1.4 >/tmp/a.jsonl; )"
      R"(printf '{"auction_id":"%s","welfare":%s}\n' 1 1.2 2 0.9 3 1.4 >/tmp/b.jsonl; )"
      "vickrey eval compare /tmp/a.jsonl /tmp/b.jsonl --metric welfare --margin -0.001",
      [flags] { return RunCompare(*flags); });
  app.add_option("A", flags->a, "Outcome lines of one model")->required();
  app.add_option("B", flags->b, "Outcome lines of the other, of the same auctions")->required();
  app.add_option("--models", flags->models,
                 "MODEL,MODEL as in the lines' field model: only these of A and of B, for files of several models")
      ->default_str("all");
  app.add_option("--metric", flags->metric,
                 "welfare, revenue, regret, auc or calibration (the last two of the winners)")
      ->check(CLI::IsMember({"welfare", "revenue", "regret", "auc", "calibration"}));
  app.add_option("--margin", flags->margin, "Pass iff the low end of the 95 % interval of (A-B)/B is at least this")
      ->check(CLI::Range(-1e6, 1e6));
  app.add_flag("--cluster", flags->cluster, "Auctions of a cluster_key vary as one");
  app.add_option("--bootstrap", flags->bootstrap, "Intervals by so many resamplings instead of the delta method")
      ->check(CLI::Range(2, 1'000'000))
      ->default_str("none");
  app.add_option("--seed", flags->seed, "Of the resamplings");
  app.add_flag("--json", flags->json, "JSON on a terminal too");
}

}  // namespace vickrey::tools
