#include "simulator/results.h"

#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "simulator/part.h"
#include "vickrey/base/files.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/base/tool.h"

namespace vickrey::simulator {
namespace {

using vickrey::v1::SimulationSummary;

// With so many digits behind the point.
std::string Shown(bool has, double value, int digits) { return has ? absl::StrFormat("%.*f", digits, value) : "-"; }

// The summary for people: a line for each model, then for each comparison.
std::string TableOf(const SimulationSummary& summary) {
  std::string text = absl::StrFormat("%-28s %10s %10s %10s %8s %9s %8s\n", "model", "welfare", "regret", "revenue",
                                     "AUC", "log loss", "calibr.");
  for (const auto& m : summary.models()) {
    absl::StrAppendFormat(&text, "%-28s %10s %10s %10s %8s %9s %8s\n", m.ref(), Shown(m.has_welfare(), m.welfare(), 5),
                          Shown(m.has_regret(), m.regret(), 5), Shown(m.has_revenue(), m.revenue(), 5),
                          Shown(m.has_auc(), m.auc(), 4), Shown(m.has_logloss(), m.logloss(), 5),
                          Shown(m.has_calibration(), m.calibration(), 3));
  }
  for (const auto& c : summary.comparisons()) {
    absl::StrAppendFormat(&text, "%s of %s against %s: ", c.metric(), c.a_model(), c.b_model());
    if (c.has_relative_ci95() && c.relative_ci95().values_size() == 2) {
      absl::StrAppendFormat(&text, "%+.2f %% (95 %% interval %+.2f to %+.2f)\n", 100 * c.relative(),
                            100 * c.relative_ci95().values(0).number_value(),
                            100 * c.relative_ci95().values(1).number_value());
    } else {
      text += "not defined\n";
    }
  }
  if (summary.missing() > 0)
    absl::StrAppendFormat(&text, "MISSING: %d outcomes, because calls failed\n", summary.missing());
  return text;
}

// A result is put in the place of what was there, which must not be a device, a pipe or a link.
absl::Status CheckPlace(const char* flag, const std::string& file) {
  if (file.empty()) return absl::OkStatus();
  std::error_code error;
  const auto status = std::filesystem::symlink_status(file, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return base::InvalidField(flag, absl::StrCat("'", file, "' is there and is not a plain file"));
  }
  // Not found out when the work is done: a folder that is none or is not writable, a name that is too long.
  return base::AboutField(base::FilePublisher::Create(file).status(), flag);
}

}  // namespace

void ResultFlags::Declare(CLI::App& app) {
  app.add_option("--outcomes", outcomes, "Write every outcome to this file")->default_str("none");
  app.add_option("--summary", summary, "Write the summary to this file")->default_str("none");
  app.add_flag("--json", json, "JSON on a terminal too");
}

absl::Status ResultFlags::Check(std::span<const std::filesystem::path> inputs) const {
  RETURN_IF_ERROR(CheckPlace("--outcomes", outcomes));
  RETURN_IF_ERROR(CheckPlace("--summary", summary));
  if (!outcomes.empty() && outcomes == summary) {
    return base::InvalidField("--summary", absl::StrCat("'", summary, "' is the file of --outcomes, too"));
  }
  std::error_code error;
  for (const std::filesystem::path& input : inputs) {
    for (const auto& [flag, file] : {std::pair("--outcomes", outcomes), std::pair("--summary", summary)}) {
      if (!std::filesystem::equivalent(file, input, error) || error) continue;
      return base::InvalidField(flag, absl::StrCat("'", file, "' is one of the files that are read"));
    }
  }
  return absl::OkStatus();
}

absl::Status ResultFlags::Write(const SimulationSummary& result) const {
  if (!summary.empty()) RETURN_IF_ERROR(base::WriteFileAtomically(summary, base::ToJson(result) + "\n"));
  if (json || isatty(STDOUT_FILENO) != 1) {
    base::WriteLine(result);
  } else {
    std::cout << TableOf(result) << std::flush;
  }
  return result.missing() > 0 ? base::CheckFailed() : absl::OkStatus();
}

}  // namespace vickrey::simulator
