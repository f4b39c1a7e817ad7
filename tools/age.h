#ifndef TOOLS_AGE_H_
#define TOOLS_AGE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "vickrey/base/tool.h"

namespace vickrey::tools {

// From when on something is old: the flags --before TIME and --older-than DURATION, of which one is given.
class Age {
 public:
  // `what`: what is old then ("Auctions").
  void Declare(CLI::App& app, const std::string& what);
  // In microseconds since 1970. INVALID_ARGUMENT naming the flag.
  absl::StatusOr<int64_t> Before() const;

 private:
  std::string before_, older_than_;
};

}  // namespace vickrey::tools

#endif  // TOOLS_AGE_H_
