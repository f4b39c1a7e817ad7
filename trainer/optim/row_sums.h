// Gradients of rows, many of them repeated, summed for each row.
#ifndef TRAINER_OPTIM_ROW_SUMS_H_
#define TRAINER_OPTIM_ROW_SUMS_H_

#include <hwy/aligned_allocator.h>

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "trainer/optim/row_kernels.h"

namespace vickrey::trainer {

// Calls body(0), ..., body(count - 1), in any order and at the same time, and returns after all of them.
using ForAll = absl::FunctionRef<void(int64_t count, absl::FunctionRef<void(int64_t)> body)>;

// Members are split by a hash of their row into parts of about a thousand, each of which finds its repetitions in a
// table that fits the nearest cache, and keeps its rows and sums together. Parts and all that is in them follow from
// the members alone, whoever works on them; a hot row, or a table of few rows, makes one part longer, not all of them.
//
// Not thread-safe. Memory is kept from one Sum to the next.
class RowSums {
 public:
  static constexpr int64_t kMostMembers = INT32_MAX;

  // Sums gradients (count, width) by `members` (count), in their order. False, and no rows, where a member is not in
  // [0, rows). REQUIRES: count <= kMostMembers. `workers`: how many bodies of `for_all` can run at the same time.
  bool Sum(const int64_t* members, int64_t count, const float* gradients, int64_t width, int64_t rows, int64_t workers,
           ForAll for_all);

  // What the last Sum made. Each row is in one part; together they lie where gradients lay in the batch.
  int64_t parts() const { return static_cast<int64_t>(distinct_.size()); }
  SummedRows part(int64_t p) const {
    return {.rows = rows_.data() + begin_[p],
            .sums = sums_.get() + begin_[p] * width_,
            .count = distinct_[p],
            .width = width_};
  }
  // Parts [first, last) for worker w of `workers`: about as many members for each.
  int64_t FirstPart(int64_t worker, int64_t workers) const;

 private:
  bool CountParts(const int64_t* members, int64_t count, uint64_t rows, ForAll for_all);
  void Distribute(const int64_t* members, int64_t count, ForAll for_all);
  void SumPart(int64_t p, const float* gradients, std::vector<int32_t>* table);
  void Reserve(int64_t count);

  int part_bits_ = 0;
  int64_t width_ = 0;
  // Of parts.
  std::vector<int64_t> begin_;     // where each begins in what follows, and the end
  std::vector<int64_t> distinct_;  // rows
  // Of members, part by part, in the batch's order; of a part, first come its rows and sums, then nothing.
  std::vector<int64_t> member_rows_, rows_;
  std::vector<int32_t> members_, slots_;
  hwy::AlignedFreeUniquePtr<float[]> sums_;
  int64_t sums_size_ = 0;

  std::vector<int64_t> places_;               // (chunks, parts): members, then where the next one goes
  std::vector<int64_t> bad_;                  // of chunks: members that are no rows
  std::vector<std::vector<int32_t>> tables_;  // of workers
};

}  // namespace vickrey::trainer

#endif  // TRAINER_OPTIM_ROW_SUMS_H_
