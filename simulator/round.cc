#include "simulator/round.h"

#include <limits>

#include "vickrey/log/value.h"
#include "vickrey/metric/judge.h"
#include "vickrey/metric/welfare.h"

namespace vickrey::simulator {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// What was logged of a candidate; a CandidateLine has the same fields.
template <typename Logged>
void AppendLogged(const Logged& logged, Round* round) {
  round->truths.push_back(logged.has_ctr() ? logged.ctr() : kUnknown);
  round->teachers.push_back(logged.has_teacher() ? logged.teacher() : kUnknown);
  round->clicks.push_back(logged.has_click() ? static_cast<int8_t>(logged.click()) : metric::kUnknownClick);
  round->slots.push_back(logged.slot());
  round->propensities.push_back(logged.has_propensity() ? logged.propensity() : kUnknown);
  round->examinations.push_back(logged.has_examination() ? logged.examination() : 1);
  round->logged_policy = round->logged_policy || logged.has_propensity();
}

}  // namespace

void Round::Clear() {
  const auto clear = [](auto&... arrays) { (arrays.clear(), ...); };
  clear(auction_ids, cluster_keys, ad_ids, bids_micros, values_micros, truths, teachers, clicks, slots, propensities,
        examinations);
  for (Answers& model : answers) clear(model.answered, model.pctrs, model.winners, model.prices_micros);
  offsets.assign(1, 0);
  logged_policy = false;
}

void Round::Append(const vickrey::v1::LoggedAuction& record) {
  const auto& auction = record.auction();
  auction_ids.push_back(auction.auction_id());
  cluster_keys.push_back(auction.cluster_key());
  for (int i = 0; i < auction.candidates_size(); ++i) {
    const auto& candidate = auction.candidates(i);
    ad_ids.push_back(candidate.ad_id());
    bids_micros.push_back(candidate.bid().micros());
    values_micros.push_back(log::ValueMicros(candidate));
    const bool known = i < record.candidates_size();
    AppendLogged(known ? record.candidates(i) : vickrey::v1::LoggedCandidate::default_instance(), this);
  }
  offsets.push_back(static_cast<int64_t>(bids_micros.size()));
}

void Round::Append(const vickrey::v1::AuctionLine& line) {
  auction_ids.push_back(line.auction_id());
  cluster_keys.push_back(line.cluster_key());
  for (const auto& candidate : line.candidates()) {
    ad_ids.push_back(candidate.ad_id());
    bids_micros.push_back(candidate.bid_micros());
    values_micros.push_back(metric::ValueMicros(candidate));
    AppendLogged(candidate, this);
  }
  offsets.push_back(static_cast<int64_t>(bids_micros.size()));
}

vickrey::v1::AuctionLine Round::LineOf(size_t a) const {
  vickrey::v1::AuctionLine line;
  line.set_auction_id(std::string(auction_ids[a]));
  line.set_cluster_key(std::string(cluster_keys[a]));
  for (int64_t i = offsets[a]; i < offsets[a + 1]; ++i) {
    auto& candidate = *line.add_candidates();
    candidate.set_ad_id(std::string(ad_ids[i]));
    candidate.set_bid_micros(bids_micros[i]);
    candidate.set_value_micros(values_micros[i]);
    if (truths[i] == truths[i]) candidate.set_ctr(truths[i]);
    if (teachers[i] == teachers[i]) candidate.set_teacher(teachers[i]);
    if (clicks[i] != metric::kUnknownClick) candidate.set_click(clicks[i]);
    if (slots[i] != 0) candidate.set_slot(slots[i]);
    if (propensities[i] == propensities[i]) candidate.set_propensity(propensities[i]);
    if (examinations[i] != 1) candidate.set_examination(examinations[i]);
  }
  return line;
}

}  // namespace vickrey::simulator
