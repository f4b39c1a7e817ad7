#ifndef VICKREY_LOG_VERIFY_H_
#define VICKREY_LOG_VERIFY_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace vickrey::log {

// What a verification found. The kinds of problems: VerifyProblem of lines.proto.
struct Verification {
  struct Problem {
    std::string file;  // or the column family, where it is not about one file
    std::string kind;
    std::string message;
  };
  std::vector<Problem> problems;  // the first kMaxProblems
  int64_t problem_count = 0;      // of all
  int64_t auctions = 0;           // looked at
  int64_t feedback = 0;           // orphans among them
};

inline constexpr size_t kMaxProblems = 100;

// Reads all of a log, or of a snapshot of it: the files' checksums; every record, whether it parses, is valid and has
// the key that belongs to it; that auctions and ids go together one to one, with the digests that the ids hold; that
// every report belongs to an auction and an ad of it, and no orphan does; that there is as much as was counted when it
// was stored; of a snapshot, that its digest is still the same. Needs no more memory than a scan.
//
// What is wrong is in the result. NOT_FOUND where there is no such log or snapshot.
absl::StatusOr<Verification> Verify(const std::filesystem::path& log, const std::string& snapshot_id);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_VERIFY_H_
