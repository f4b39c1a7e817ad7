// The requests of `vickrey load`: from a synthetic market, from a snapshot of a log, or from stdin.
#ifndef TOOLS_LOAD_REQUESTS_H_
#define TOOLS_LOAD_REQUESTS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/load/generator.h"
#include "tools/asked_rules.h"

namespace vickrey::tools {

struct RequestFlags {
  void Declare(CLI::App& app);

  std::string method = "predict";  // or auction
  std::string model;
  AskedRules rules;  // of --method auction
  bool log = false;  // every auction has an id of its own, and is logged
  std::string market, params;
  std::vector<int> candidates;
  bool encoded = false;
  std::string db, snapshot;
  int64_t requests = 1000;
  uint64_t seed = 1;
};

// INVALID_ARGUMENT names the flag, or the line of stdin.
absl::StatusOr<std::vector<client::PreparedRequest>> PrepareRequests(const RequestFlags& flags);

// Of the method: "/package.Service/Method", and where its answer names the version.
void SetMethod(const RequestFlags& flags, client::LoadOptions* options);

}  // namespace vickrey::tools

#endif  // TOOLS_LOAD_REQUESTS_H_
