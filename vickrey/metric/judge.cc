#include "vickrey/metric/judge.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/limits.h"
#include "vickrey/base/status.h"

namespace vickrey::metric {
namespace {

using vickrey::v1::AuctionLine;
using vickrey::v1::CandidateLine;

absl::Status CheckProbability(const std::string& field, bool given, double p) {
  if (!given || (p >= 0 && p <= 1)) return absl::OkStatus();
  return base::InvalidField(field, absl::StrCat(p, " is not a probability in [0, 1]"));
}

absl::Status CheckCandidate(const std::string& at, const CandidateLine& c) {
  RETURN_IF_ERROR(CheckProbability(at + "pctr", c.has_pctr(), c.pctr()));
  RETURN_IF_ERROR(CheckProbability(at + "ctr", c.has_ctr(), c.ctr()));
  RETURN_IF_ERROR(CheckProbability(at + "teacher", c.has_teacher(), c.teacher()));
  if (c.has_click() && c.click() != 0 && c.click() != 1) {
    return base::InvalidField(at + "click", absl::StrCat(c.click(), " is not 0, 1 or null"));
  }
  if (c.has_value_micros() && (c.value_micros() < 0 || c.value_micros() > auction::kMaxBidMicros)) {
    return base::InvalidField(at + "value_micros", absl::StrCat(c.value_micros(), " is out of range; 0 to ",
                                                                auction::kMaxBidMicros, " are allowed"));
  }
  if (c.bid_micros() < auction::kMinBidMicros || c.bid_micros() > auction::kMaxBidMicros) {
    return base::InvalidField(
        at + "bid_micros", absl::StrCat(c.bid_micros(), " is out of range; a bid is ", auction::kMinBidMicros, " to ",
                                        auction::kMaxBidMicros, " micros"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<JudgedAuction> Judge(const AuctionLine& line) {
  if (line.candidates().empty()) {
    return base::InvalidField("candidates",
                              absl::StrCat("auction ", line.auction_id(), " has none; at least 1 is needed"));
  }
  if (line.candidates_size() > base::kMaxCandidates) {
    return base::InvalidField("candidates", absl::StrCat("auction ", line.auction_id(), " has ", line.candidates_size(),
                                                         "; at most ", base::kMaxCandidates, " are allowed"));
  }
  JudgedAuction judged;
  std::array<bool, kReferences.size()> known;
  known.fill(true);
  for (int i = 0; i < line.candidates_size(); ++i) {
    const CandidateLine& c = line.candidates(i);
    RETURN_IF_ERROR(base::Annotate(CheckCandidate(absl::StrCat("candidates[", i, "]."), c),
                                   absl::StrCat("auction ", line.auction_id())));
    judged.bids_micros.push_back(c.bid_micros());
    judged.pctrs.push_back(c.pctr());
    judged.values_micros.push_back(ValueMicros(c));
    judged.has_pctr = judged.has_pctr && c.has_pctr();
    judged.clicks.push_back(c.has_click() ? static_cast<int8_t>(c.click()) : kUnknownClick);
    judged.teachers.push_back(c.has_teacher() ? c.teacher() : std::numeric_limits<double>::quiet_NaN());
    // In the order of kReferences.
    const std::pair<bool, double> references[] = {
        {c.has_ctr(), c.ctr()}, {c.has_teacher(), c.teacher()}, {c.has_click(), static_cast<double>(c.click())}};
    for (size_t r = 0; r < known.size(); ++r) {
      known[r] = known[r] && references[r].first;
      judged.probabilities[r].push_back(references[r].second);
    }
  }
  for (int i = 0; i < line.candidates_size() && !judged.has_pctr; ++i) {
    judged.known_pctrs.push_back(line.candidates(i).has_pctr() ? judged.pctrs[i]
                                                               : std::numeric_limits<double>::quiet_NaN());
  }
  for (size_t r = 0; r < known.size(); ++r) {
    if (!known[r]) judged.probabilities[r].clear();
  }
  return judged;
}

}  // namespace vickrey::metric
