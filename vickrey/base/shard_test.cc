#include "vickrey/base/shard.h"

#include <cstdlib>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "vickrey/base/status.h"

namespace vickrey::base {
namespace {

TEST(Shard, Parses) {
  EXPECT_EQ(ParseShard("3/8")->index, 3);
  EXPECT_EQ(ParseShard("3/8")->count, 8);
  for (const char* text : {"", "3", "8/8", "-1/8", "a/b", "0/0", "1/2/3", "0/1000001", "0/ "}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseShard(text).status())) << text;
  }
}

TEST(Shard, RangesAreWholeBlocksAndTogetherTheWhole) {
  for (const int64_t total : {0, 1, 4096, 4097, 20'000, 1'000'000}) {
    for (const int64_t count : {1, 2, 3, 7, 300}) {
      int64_t at = 0;
      for (int64_t i = 0; i < count; ++i) {
        const IndexRange range = RangeOf({i, count}, total, 4096);
        EXPECT_EQ(range.begin, at);
        EXPECT_LE(range.begin, range.end);
        EXPECT_TRUE(range.begin % 4096 == 0 || range.begin == total);
        at = range.end;
      }
      EXPECT_EQ(at, total);
    }
  }
}

// Sets variables while it lives, and takes those of the launchers that it does not name away.
class Environment {
 public:
  explicit Environment(const std::map<std::string, std::string>& variables) {
    for (const char* name : {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN",
                             "SLURM_ARRAY_TASK_STEP", "JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"}) {
      unsetenv(name);
    }
    for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
  }
};

std::string Found(const std::map<std::string, std::string>& variables, int64_t count = 0) {
  const Environment environment(variables);
  const auto shard = ShardOfEnvironment(count);
  if (!shard.ok()) return FieldOf(shard.status()).value_or("error");
  if (!shard->has_value()) return "none";
  return absl::StrCat((*shard)->index, "/", (*shard)->count);
}

TEST(ShardOfEnvironment, OfSlurmsArrays) {
  EXPECT_EQ(Found({}), "none");
  EXPECT_EQ(Found({{"SLURM_ARRAY_TASK_ID", ""}}), "none");
  EXPECT_EQ(Found({{"SLURM_ARRAY_TASK_ID", "3"}, {"SLURM_ARRAY_TASK_COUNT", "8"}, {"SLURM_ARRAY_TASK_MIN", "0"}}),
            "3/8");
  EXPECT_EQ(Found({{"SLURM_ARRAY_TASK_ID", "3"}, {"SLURM_ARRAY_TASK_COUNT", "8"}, {"SLURM_ARRAY_TASK_MIN", "1"}}),
            "2/8");
  EXPECT_EQ(Found({{"SLURM_ARRAY_TASK_ID", "12"},
                   {"SLURM_ARRAY_TASK_COUNT", "4"},
                   {"SLURM_ARRAY_TASK_MIN", "8"},
                   {"SLURM_ARRAY_TASK_STEP", "2"}}),
            "2/4");
  EXPECT_EQ(Found({{"SLURM_ARRAY_TASK_ID", "3"}}), "SLURM_ARRAY_TASK_COUNT");
  EXPECT_EQ(Found({{"SLURM_ARRAY_TASK_ID", "x"}}), "SLURM_ARRAY_TASK_ID");
  EXPECT_EQ(Found({{"SLURM_ARRAY_TASK_ID", "9"}, {"SLURM_ARRAY_TASK_COUNT", "8"}}), "SLURM_ARRAY_TASK_ID");
  EXPECT_EQ(Found({{"SLURM_ARRAY_TASK_ID", "0"}, {"SLURM_ARRAY_TASK_COUNT", "8"}, {"SLURM_ARRAY_TASK_MIN", "1"}}),
            "SLURM_ARRAY_TASK_ID");
  EXPECT_EQ(Found({{"SLURM_ARRAY_TASK_ID", "9"},
                   {"SLURM_ARRAY_TASK_COUNT", "8"},
                   {"SLURM_ARRAY_TASK_MIN", "8"},
                   {"SLURM_ARRAY_TASK_STEP", "2"}}),
            "SLURM_ARRAY_TASK_ID");
}

TEST(ShardOfEnvironment, OfKubernetesIndexedJobs) {
  EXPECT_EQ(Found({{"JOB_COMPLETION_INDEX", "0"}, {"JOB_COMPLETIONS", "5"}}), "0/5");
  EXPECT_EQ(Found({{"JOB_COMPLETION_INDEX", "4"}}, 5), "4/5");
  EXPECT_EQ(Found({{"JOB_COMPLETION_INDEX", "4"}, {"JOB_COMPLETIONS", "9"}}, 5), "4/5");
  EXPECT_EQ(Found({{"JOB_COMPLETION_INDEX", "4"}}), "JOB_COMPLETIONS");
  EXPECT_EQ(Found({{"JOB_COMPLETION_INDEX", "5"}, {"JOB_COMPLETIONS", "5"}}), "JOB_COMPLETION_INDEX");
  EXPECT_EQ(Found({{"JOB_COMPLETION_INDEX", "1"}, {"JOB_COMPLETIONS", "2000000"}}), "JOB_COMPLETION_INDEX");
}

}  // namespace
}  // namespace vickrey::base
