#include "trainer/parallel/environment.h"

#include <cstdlib>
#include <limits>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

constexpr int64_t kMaxSize = 4096;  // each process has a connection to each other

std::optional<std::string> Get(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

absl::StatusOr<std::string> Require(const char* name) {
  std::optional<std::string> value = Get(name);
  if (!value) return base::InvalidField(name, "not set in the environment, and WORLD_SIZE is more than 1");
  return *std::move(value);
}

absl::StatusOr<int64_t> ToInteger(const char* name, const std::string& value, int64_t min, int64_t max) {
  int64_t number;
  if (!absl::SimpleAtoi(value, &number) || number < min || number > max) {
    return base::InvalidField(
        name, absl::StrCat("an integer from ", min, " to ", max, " expected in the environment, not '", value, "'"));
  }
  return number;
}

absl::StatusOr<int64_t> Integer(const char* name, int64_t min, int64_t max, int64_t if_missing) {
  const std::optional<std::string> value = Get(name);
  return value ? ToInteger(name, *value, min, max) : absl::StatusOr<int64_t>(if_missing);
}

absl::StatusOr<int64_t> RequireInteger(const char* name, int64_t min, int64_t max) {
  ASSIGN_OR_RETURN(const std::string value, Require(name));
  return ToInteger(name, value, min, max);
}

absl::StatusOr<bool> Boolean(const char* name) {
  const std::string value = Get(name).value_or("False");
  if (value == "True" || value == "False") return value == "True";  // as Python writes them
  return base::InvalidField(name, absl::StrCat("True or False expected in the environment, not '", value, "'"));
}

}  // namespace

absl::StatusOr<Environment> Environment::Read() {
  Environment environment;
  ASSIGN_OR_RETURN(environment.size, Integer("WORLD_SIZE", 1, kMaxSize, 1));
  ASSIGN_OR_RETURN(environment.local_rank, Integer("LOCAL_RANK", 0, kMaxSize - 1, 0));
  if (environment.size == 1) return environment;
  ASSIGN_OR_RETURN(environment.rank, RequireInteger("RANK", 0, environment.size - 1));
  ASSIGN_OR_RETURN(environment.address, Require("MASTER_ADDR"));
  ASSIGN_OR_RETURN(environment.port, RequireInteger("MASTER_PORT", 1, std::numeric_limits<uint16_t>::max()));
  ASSIGN_OR_RETURN(environment.agent_store, Boolean("TORCHELASTIC_USE_AGENT_STORE"));
  ASSIGN_OR_RETURN(environment.restart_count,
                   Integer("TORCHELASTIC_RESTART_COUNT", 0, std::numeric_limits<int64_t>::max(), 0));
  return environment;
}

}  // namespace vickrey::trainer
