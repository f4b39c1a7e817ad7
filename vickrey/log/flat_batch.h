#ifndef VICKREY_LOG_FLAT_BATCH_H_
#define VICKREY_LOG_FLAT_BATCH_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vickrey::log {

// Auctions of a log as flat arrays, joined with their feedback: what reads much of a log fast. Features are raw, in the
// order of one schema's fields (EncodedFeatures of features.proto). Copyable; not thread-safe.
struct FlatBatch {
  // The features of one side of a schema: of each auction for the context, of each candidate for ads.
  struct Side {
    std::vector<float> dense;                // rows x dense fields; NaN: missing
    std::vector<uint64_t> fingerprints;      // rows x categorical fields; 0: missing
    std::vector<uint32_t> bag_lengths;       // rows x bags
    std::vector<uint64_t> bag_fingerprints;  // the members of all bags, one after the other
  };

  int64_t auctions() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t candidates() const { return offsets.back(); }
  std::string_view id(int64_t auction) const {
    const size_t begin = auction == 0 ? 0 : id_ends[auction - 1];
    return std::string_view(ids).substr(begin, id_ends[auction] - begin);
  }
  // Empty, keeping memory.
  void Clear();

  std::vector<int64_t> offsets = {0};  // auction a has candidates [offsets[a], offsets[a + 1])
  // One for each auction:
  std::string ids;  // one after the other; of auction a up to id_ends[a]
  std::vector<size_t> id_ends;
  std::vector<int64_t> event_times;
  std::vector<double> sampling_rates;  // 1 where not given
  Side context;
  // One for each candidate:
  std::vector<int64_t> bids_micros;
  std::vector<int64_t> values_micros;  // the bid where not given
  std::vector<int8_t> clicks;          // 1, 0; -1: unknown
  std::vector<int32_t> slots;          // from 1; 0: not shown; -1: unknown
  std::vector<double> ctrs, teachers;  // NaN: unknown
  Side ads;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_FLAT_BATCH_H_
