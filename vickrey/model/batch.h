// Auctions as the arrays that networks read.
#ifndef VICKREY_MODEL_BATCH_H_
#define VICKREY_MODEL_BATCH_H_

#include <cstdint>
#include <span>
#include <vector>

#include "vickrey/model/layout.h"
#include "vickrey/v1/features.pb.h"

namespace vickrey::model {

// The raw features of one row, in the order of EncodedFeatures, where they lie.
struct RawRow {
  const float* dense = nullptr;
  const uint64_t* fingerprints = nullptr;
  const uint32_t* bag_lengths = nullptr;
  const uint64_t* bag_fingerprints = nullptr;
};

// One side of some rows: for the context a row for each auction, for ads a row for each candidate.
struct SideRows {
  int64_t rows = 0;
  std::vector<float> dense;             // rows x SideInputs::dense_width
  std::vector<int32_t> buckets;         // rows x SideInputs::singles: the row of each table
  std::vector<int32_t> bag_buckets;     // the members of all bags, one after the other
  std::vector<int64_t> bag_offsets{0};  // rows x SideInputs::bags + 1: bag k has [bag_offsets[k], bag_offsets[k + 1])
};

// Whole auctions, of any number of candidates each ("ragged"). It depends on the schema, not on the architecture.
// Copyable; not thread-safe.
struct Batch {
  // One auction. REQUIRES: encoded for the layout's schema, checked.
  void Append(const Layout& layout, const vickrey::v1::EncodedFeatures& context,
              const std::vector<const vickrey::v1::EncodedFeatures*>& candidates);
  void Append(const Layout& layout, const RawRow& context, std::span<const RawRow> candidates);
  // Auction `auction` of another batch of the same schema.
  void AppendFrom(const Batch& other, int64_t auction);
  void Clear();

  int64_t auctions() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t candidates() const { return offsets.back(); }

  std::vector<int64_t> offsets = {0};  // auction a has candidates [offsets[a], offsets[a + 1])
  SideRows context, ads;
};

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_BATCH_H_
