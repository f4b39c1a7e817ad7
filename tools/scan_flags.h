#ifndef TOOLS_SCAN_FLAGS_H_
#define TOOLS_SCAN_FLAGS_H_

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "vickrey/log/reader.h"

namespace vickrey::tools {

// Which part of a log is read, and what is known of it by when: the flags --from, --to, --label-window and --as-of.
struct ScanFlags {
  void Declare(CLI::App& app);
  // INVALID_ARGUMENT naming the flag.
  absl::StatusOr<log::LogReader::ScanOptions> Options() const;

  std::string from, to, label_window = "1h", as_of;
};

}  // namespace vickrey::tools

#endif  // TOOLS_SCAN_FLAGS_H_
