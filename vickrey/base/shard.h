#ifndef VICKREY_BASE_SHARD_H_
#define VICKREY_BASE_SHARD_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"

namespace vickrey::base {

// One of `count` parts of a job, from 0.
struct Shard {
  int64_t index = 0;
  int64_t count = 1;
};

struct IndexRange {
  int64_t begin = 0;
  int64_t end = 0;  // past the last
};

constexpr int64_t kMaxShards = 1'000'000;

// "i/n" with 0 <= i < n <= 1,000,000. INVALID_ARGUMENT otherwise.
absl::StatusOr<Shard> ParseShard(std::string_view text);

// The shard that a launcher of many processes has given this one by environment variables: a Slurm job array's task
// (SLURM_ARRAY_TASK_ID, _MIN, _COUNT and _STEP; of 8-14:2 the tasks are shards 0/4 to 3/4), or a Kubernetes indexed
// job's completion (JOB_COMPLETION_INDEX, of `count` or, where that is 0, JOB_COMPLETIONS). Nothing where neither is
// set. INVALID_ARGUMENT naming the variable that is wrong or missing: to go on without would be to do all of the job,
// many times.
absl::StatusOr<std::optional<Shard>> ShardOfEnvironment(int64_t count);

// The shard's part of 0 .. total-1, in whole blocks but for the last, so that statistics accumulated by block do not
// depend on the number of shards. The ranges of all shards, in order, are the whole.
constexpr IndexRange RangeOf(const Shard& shard, int64_t total, int64_t block) {
  const int64_t blocks = total / block + (total % block != 0);
  const int64_t each = blocks / shard.count, more = blocks % shard.count;  // the first `more` shards have one more
  const auto begin = [&](int64_t i) { return std::min(total, (i * each + std::min(i, more)) * block); };
  return {begin(shard.index), begin(shard.index + 1)};
}

}  // namespace vickrey::base

#endif  // VICKREY_BASE_SHARD_H_
