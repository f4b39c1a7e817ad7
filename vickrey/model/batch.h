// Auctions as the arrays that networks read.
#ifndef VICKREY_MODEL_BATCH_H_
#define VICKREY_MODEL_BATCH_H_

#include <cstdint>
#include <vector>

#include "vickrey/model/layout.h"
#include "vickrey/v1/features.pb.h"

namespace vickrey::model {

// One side of some rows: for the context a row for each auction, for ads a row for each candidate.
struct SideRows {
  int64_t rows = 0;
  std::vector<float> dense;  // rows x SideInputs::dense_width
  // What is looked up in an arena, row by row and within it table by table: for each one row of the arena; of bags
  // those of bag k in [offsets[k], offsets[k + 1]).
  struct Members {
    std::vector<int64_t> rows;
    std::vector<int64_t> offsets = {0};  // rows x tables + 1, for bags only
  };
  std::vector<Members> arenas;
};

// Whole auctions, of any number of candidates each ("ragged"). Copyable; not thread-safe.
struct Batch {
  explicit Batch(const Layout& layout);

  // One auction. REQUIRES: encoded for the layout's schema, checked.
  void Append(const Layout& layout, const vickrey::v1::EncodedFeatures& context,
              const std::vector<const vickrey::v1::EncodedFeatures*>& candidates);
  // Auction `auction` of another batch of the same layout.
  void AppendFrom(const Batch& other, int64_t auction);
  void Clear();

  int64_t auctions() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t candidates() const { return offsets.back(); }

  std::vector<int64_t> offsets = {0};  // auction a has candidates [offsets[a], offsets[a + 1])
  SideRows context, ads;
};

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_BATCH_H_
