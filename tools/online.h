#ifndef TOOLS_ONLINE_H_
#define TOOLS_ONLINE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/logged_policies.h"
#include "vickrey/auction/mechanism.h"
#include "vickrey/log/reader.h"
#include "vickrey/model/model.h"
#include "vickrey/v1/online_lines.pb.h"

namespace vickrey::tools {

struct OnlineOptions {
  std::string a, b;  // NAME@VERSION
  log::LogReader::ScanOptions part = {};
  // Both or neither: their rankings by `rules` are compared off-policy, too, on the decisions of `b` that have a
  // propensity. With one slot to sell the question is who is shown, wherever it was; with more, who is shown where.
  std::shared_ptr<const model::Model> model_a = nullptr, model_b = nullptr;
  auction::Rules rules = {};
};

// What two versions did in the auctions of a log that they decided, by the clicks that came. Where both decided some,
// only those from `a`'s first to its last are compared: before and after, ads and users
// were others.
//
// The auctions of the two are different ones, so that their means vary apart: welfare, revenue and click rate are
// compared with intervals of two samples, by clusters where auctions have them (metric::PairedComparison, in which an
// auction of one version counts nothing for the other). Off-policy all decisions of `b` count.
//
// NOT_FOUND for a log or a snapshot that is not there; INVALID_ARGUMENT naming the flag where there is nothing to
// compare, or the auction that a model cannot read.
absl::StatusOr<vickrey::v1::OnlineLine> CompareOnline(const LogRef& log, const OnlineOptions& options);

}  // namespace vickrey::tools

#endif  // TOOLS_ONLINE_H_
