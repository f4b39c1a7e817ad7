#ifndef TRAINER_DATA_LABELS_H_
#define TRAINER_DATA_LABELS_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer/data/chunk.h"
#include "trainer/data/grouping.h"
#include "vickrey/base/random_access_file.h"

namespace vickrey::trainer {

// What a model learns to predict of each candidate of a dataset: its click, its true click probability, or what a
// teacher said of it, which lies in a file.
//
// Immutable, so thread-safe; cheap to copy.
class Labels {
 public:
  static Labels Clicks() { return Labels(Kind::kClick); }
  static Labels Truths() { return Labels(Kind::kTruth); }
  // `file` has a float for each candidate from `offset` on.
  static Labels OfFile(std::shared_ptr<const base::RandomAccessFile> file, int64_t offset);

  // `labels` becomes those of the chunk's candidates; NaN where there is none.
  absl::Status Of(const Chunk& chunk, std::vector<double>* labels) const;

  // INVALID_ARGUMENT naming loss.labels unless some candidate of the selection has one.
  absl::Status CheckAny(const Selection& selection) const;

 private:
  enum class Kind { kClick, kTruth, kFile };
  explicit Labels(Kind kind) : kind_(kind) {}

  Kind kind_;
  std::shared_ptr<const base::RandomAccessFile> file_;
  int64_t offset_ = 0;
};

// Calls f(chunk) on the auctions of a sample, in order, a few at a time: as many as have about 8192 candidates.
absl::Status ForEachChunk(const Sample& sample, absl::FunctionRef<absl::Status(const Chunk&)> f);
absl::Status ForEachChunk(const Selection& selection, absl::FunctionRef<absl::Status(const Chunk&)> f);

}  // namespace vickrey::trainer

#endif  // TRAINER_DATA_LABELS_H_
