#include "vickrey/base/shard.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "vickrey/base/status.h"

namespace vickrey::base {

absl::StatusOr<Shard> ParseShard(std::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(absl::string_view(text.data(), text.size()), '/');
  Shard shard;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &shard.index) || !absl::SimpleAtoi(parts[1], &shard.count) ||
      shard.index < 0 || shard.count < 1 || shard.index >= shard.count || shard.count > kMaxShards) {
    return InvalidField("shard",
                        absl::StrCat("'", std::string(text), "' is not i/n with 0 <= i < n <= 1000000, such as 0/4"));
  }
  return shard;
}

namespace {

// The variable as a number; nothing where it is not set, or empty.
absl::StatusOr<std::optional<int64_t>> NumberIn(const char* variable) {
  const char* const text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return std::optional<int64_t>();
  int64_t value = 0;
  if (absl::SimpleAtoi(text, &value) && value >= 0) return std::optional(value);
  return InvalidField(variable, absl::StrCat("'", text, "' in the environment is no number from 0"));
}

absl::StatusOr<Shard> Checked(const char* variable, int64_t index, int64_t count) {
  if (count >= 1 && count <= kMaxShards && index >= 0 && index < count) return Shard{index, count};
  return InvalidField(variable, absl::StrCat("makes this shard ", index, "/", count,
                                             ", which is not i/n with 0 <= i < n <= ", kMaxShards));
}

}  // namespace

absl::StatusOr<std::optional<Shard>> ShardOfEnvironment(int64_t count) {
  ASSIGN_OR_RETURN(const auto task, NumberIn("SLURM_ARRAY_TASK_ID"));
  if (task.has_value()) {
    ASSIGN_OR_RETURN(const auto tasks, NumberIn("SLURM_ARRAY_TASK_COUNT"));
    ASSIGN_OR_RETURN(const auto least, NumberIn("SLURM_ARRAY_TASK_MIN"));
    ASSIGN_OR_RETURN(const auto step, NumberIn("SLURM_ARRAY_TASK_STEP"));
    if (!tasks.has_value()) {
      return InvalidField("SLURM_ARRAY_TASK_COUNT", "is not set beside SLURM_ARRAY_TASK_ID; give --shard i/n");
    }
    const int64_t behind = *task - least.value_or(0), each = std::max<int64_t>(step.value_or(1), 1);
    if (behind < 0 || behind % each != 0) {
      return InvalidField("SLURM_ARRAY_TASK_ID", absl::StrCat(*task, " is none of ", least.value_or(0), ", ",
                                                              least.value_or(0) + each, ", ..."));
    }
    ASSIGN_OR_RETURN(const Shard shard, Checked("SLURM_ARRAY_TASK_ID", behind / each, *tasks));
    return std::optional(shard);
  }
  ASSIGN_OR_RETURN(const auto completion, NumberIn("JOB_COMPLETION_INDEX"));
  if (!completion.has_value()) return std::optional<Shard>();
  ASSIGN_OR_RETURN(const auto completions, NumberIn("JOB_COMPLETIONS"));
  if (count == 0 && !completions.has_value()) {
    return InvalidField("JOB_COMPLETIONS",
                        "is not set beside JOB_COMPLETION_INDEX: Kubernetes does not say how many completions there "
                        "are; set it to the job's spec.completions, or give --shards N or --shard i/n");
  }
  ASSIGN_OR_RETURN(const Shard shard, Checked("JOB_COMPLETION_INDEX", *completion, count > 0 ? count : *completions));
  return std::optional(shard);
}

}  // namespace vickrey::base
