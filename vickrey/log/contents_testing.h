// Records for tests that compare a log with what was appended to it.
#ifndef VICKREY_LOG_CONTENTS_TESTING_H_
#define VICKREY_LOG_CONTENTS_TESTING_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/feedback.pb.h"

namespace vickrey::log {

inline constexpr int64_t kFirstTime = 1704067200000000;  // of TimeOf, microseconds

// The n-th auction, "a" n, all of it a function of n: with one to three ads "x0", "x1", "x2", the first shown, and up
// to 3 KB of text that does not compress. Its time is one of 1000, not in the order of n.
vickrey::v1::LoggedAuction AuctionOf(int64_t n);
int64_t TimeOf(int64_t n);
// The n-th report, "f" n, on the n-th auction's first ad: a click or, of odd n, a conversion with a value.
vickrey::v1::Feedback ReportOf(int64_t n);
// The n of an auction's or a report's id.
int64_t NumberOf(const std::string& id);

// All of a log: id -> bytes of the record, and of it joined with its feedback as of a fixed time.
struct Contents {
  std::map<std::string, std::string> auctions, joined;
  std::map<std::string, std::string> reports;  // orphans too
  bool operator==(const Contents&) const = default;
};
absl::StatusOr<Contents> ContentsOf(const std::filesystem::path& log, const std::string& snapshot_id = "");

// The problems that Verify finds, a line each; its error if it fails.
std::string ProblemsOf(const std::filesystem::path& log, const std::string& snapshot_id = "");

// A folder of this test's, empty at the start, deleted at the end.
class TestFolder {
 public:
  explicit TestFolder(const std::string& name);
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  const std::filesystem::path path_;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_CONTENTS_TESTING_H_
