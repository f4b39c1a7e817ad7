#ifndef TOOLS_LOG_PLACE_H_
#define TOOLS_LOG_PLACE_H_

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/status.h"
#include "vickrey/base/status.h"

namespace vickrey::tools {

// Which log: that in a folder, or a server's.
struct LogPlace {
  // `folder`: what --db is.
  void Declare(CLI::App& app, const std::string& folder = "The log's folder") {
    auto* option = app.add_option("--db", db, folder);
    app.add_option("--address", address, "A server's HOST:PORT: its log")->excludes(option);
  }
  absl::Status Check() const {
    if (!db.empty() || !address.empty()) return absl::OkStatus();
    return base::InvalidField("--db", "or --address is required: which log");
  }

  std::string db, address;
};

}  // namespace vickrey::tools

#endif  // TOOLS_LOG_PLACE_H_
