#include "vickrey/base/shard.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "vickrey/base/status.h"

namespace vickrey::base {

absl::StatusOr<Shard> ParseShard(std::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(absl::string_view(text.data(), text.size()), '/');
  Shard shard;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &shard.index) || !absl::SimpleAtoi(parts[1], &shard.count) ||
      shard.index < 0 || shard.count < 1 || shard.index >= shard.count || shard.count > 1'000'000) {
    return InvalidField("shard",
                        absl::StrCat("'", std::string(text), "' is not i/n with 0 <= i < n <= 1000000, such as 0/4"));
  }
  return shard;
}

}  // namespace vickrey::base
