// What `vickrey simulate` and `vickrey eval merge` do alike with their results.
#ifndef SIMULATOR_RESULTS_H_
#define SIMULATOR_RESULTS_H_

#include <CLI/CLI.hpp>
#include <filesystem>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::simulator {

// Where results go.
struct ResultFlags {
  void Declare(CLI::App& app);
  // INVALID_ARGUMENT or another error naming the flag whose file cannot be written, or is one of `inputs`: before the
  // work, not after it.
  absl::Status Check(std::span<const std::filesystem::path> inputs = {}) const;
  // Writes the summary to its file and to stdout: a table for people, JSON for machines. CheckFailed if outcomes are
  // missing.
  absl::Status Write(const vickrey::v1::SimulationSummary& result) const;

  std::string outcomes, summary;
  bool json = false;
};

}  // namespace vickrey::simulator

#endif  // SIMULATOR_RESULTS_H_
