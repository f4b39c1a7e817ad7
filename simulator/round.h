#ifndef SIMULATOR_ROUND_H_
#define SIMULATOR_ROUND_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/auction_service.pb.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::simulator {

// Texts one behind the other: no allocation for each, and memory that is kept from one block to the next.
class Texts {
 public:
  void push_back(std::string_view text) {
    bytes_.append(text);
    ends_.push_back(bytes_.size());
  }
  std::string_view operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }
  void clear() {
    bytes_.clear();
    ends_.clear();
  }

 private:
  std::string bytes_;
  std::vector<size_t> ends_;
};

// A block of auctions that models have played, as flat arrays: what judges them needs, and no features. Auction a has
// the candidates [offsets[a], offsets[a + 1]) of N in all. Not thread-safe.
struct Round {
  // What one model answered.
  struct Answers {
    std::vector<uint8_t> answered;  // (auctions) 0: the call was lost
    std::vector<double> pctrs;      // (N) 0 where there is no answer
    // Slot k (from 0) of auction a, entry a x slots + k, as the server sold it: the winner, -1 if unsold, and its
    // price. Empty where the auction was not decided elsewhere.
    std::vector<int32_t> winners;
    std::vector<int64_t> prices_micros;
  };

  // No auctions and no answers; memory is kept.
  void Clear();

  size_t auctions() const { return offsets.size() - 1; }
  size_t candidates(size_t a) const { return static_cast<size_t>(offsets[a + 1] - offsets[a]); }

  // The auction, without answers to it. An auction that has fewer entries of what was logged than candidates knows
  // nothing of the others.
  void Append(const vickrey::v1::LoggedAuction& record);
  // What Append takes of it, but for the prediction, there and back: for files.
  void Append(const vickrey::v1::AuctionLine& line);
  vickrey::v1::AuctionLine LineOf(size_t a) const;

  Texts auction_ids, cluster_keys;
  std::vector<int64_t> offsets = {0};
  // (N) each:
  Texts ad_ids;
  std::vector<int64_t> bids_micros;
  std::vector<int64_t> values_micros;    // the bid where none is given
  std::vector<double> truths, teachers;  // click probabilities; NaN: not known
  std::vector<int8_t> clicks;            // metric::kUnknownClick: not known
  std::vector<int32_t> slots;            // where it was shown, from 1; 0: not shown, or not known
  std::vector<double> propensities;      // NaN: not known
  std::vector<double> examinations;      // 1: not known
  bool logged_policy = false;            // whether there is a propensity at all

  std::vector<Answers> answers;  // by model
};

}  // namespace vickrey::simulator

#endif  // SIMULATOR_ROUND_H_
