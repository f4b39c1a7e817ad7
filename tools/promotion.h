// Whether a version of a model is to be promoted: what was asked for, held against what was found.
#ifndef TOOLS_PROMOTION_H_
#define TOOLS_PROMOTION_H_

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/v1/online_lines.pb.h"

namespace vickrey::tools {

// One of
//
//   METRIC >= MARGIN   the low end of the 95 % interval of (candidate - incumbent) / incumbent is at least MARGIN:
//                      welfare >= -0.01 is a test of not being worse by more than 1 %
//   METRIC <= MARGIN   its high end is at most MARGIN: regret <= 0
//   METRIC in LO..HI   the candidate's own metric, with its 95 % interval where there is one, lies within the band:
//                      calibration in 0.9..1.1
struct Condition {
  enum class Kind { kAtLeast, kAtMost, kWithin };

  // INVALID_ARGUMENT naming --if.
  static absl::StatusOr<Condition> Parse(std::string_view text);

  // Whether an interval meets it; none does not.
  bool Holds(const std::optional<std::pair<double, double>>& ci95) const;

  std::string text;
  Kind kind = Kind::kAtLeast;
  std::string metric;
  double lo = 0, hi = 0;
};

// What a file tells of models: the output of `vickrey eval online`, or a simulation's summary. Immutable.
class Evidence {
 public:
  using Interval = std::optional<std::pair<double, double>>;  // nothing: not defined

  // INVALID_ARGUMENT naming --evidence for a file that is no such output.
  static absl::StatusOr<Evidence> Read(const std::filesystem::path& file);

  const std::string& file() const { return file_; }
  // What it says that makes it doubtful.
  const std::vector<std::string>& warnings() const { return warnings_; }
  // INVALID_ARGUMENT naming --evidence where it says the digest of NAME@VERSION, and it is not this one.
  absl::Status CheckIsOf(const std::string& ref, const std::string& sha256) const;
  // What it says of a condition's metric of the two, NAME@VERSION each; nullptr: nothing at all.
  const Interval* Find(const Condition& condition, const std::string& candidate, const std::string& incumbent) const;

 private:
  std::string file_;
  std::vector<std::string> warnings_;
  std::map<std::string, std::string> sha256_;                    // by model; empty: not said
  std::map<std::pair<std::string, std::string>, Interval> own_;  // model, metric
  std::map<std::pair<std::pair<std::string, std::string>, std::string>, Interval> compared_;
};

// Every condition with what each piece of evidence says of it, in this order. INVALID_ARGUMENT naming --evidence where
// no evidence knows a condition's metric: what was not looked at is not taken for good.
absl::StatusOr<std::vector<vickrey::v1::PromotionLine::Condition>> Judge(const std::vector<Condition>& conditions,
                                                                         const std::vector<Evidence>& evidence,
                                                                         const std::string& candidate,
                                                                         const std::string& incumbent);

}  // namespace vickrey::tools

#endif  // TOOLS_PROMOTION_H_
