// Which auctions of a dataset: those to train on, by fold, to validate and to test on.
#ifndef TRAINER_DATA_GROUPING_H_
#define TRAINER_DATA_GROUPING_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer/data/dataset.h"
#include "vickrey/base/random_access_file.h"
#include "vickrey/base/shard.h"

namespace vickrey::trainer {

// Of some auctions.
struct Totals {
  int64_t auctions = 0, candidates = 0;
  int64_t labelled = 0, clicks = 0, with_truth = 0;  // candidates

  double ClickRate() const {  // 0 where nothing is labelled
    return labelled > 0 ? static_cast<double>(clicks) / static_cast<double>(labelled) : 0;
  }
  void Add(const Totals& other);
};

// Some auctions of a dataset, in a fixed order. Immutable, so thread-safe; shares the list, which lies on disk.
class Selection {
 public:
  int64_t auctions() const { return totals_.auctions; }
  const Totals& totals() const { return totals_; }
  const Dataset& dataset() const { return *dataset_; }

  // Numbers in the dataset of the auctions at [begin, begin + numbers.size()).
  absl::Status Numbers(int64_t begin, std::span<int64_t> numbers) const;

 private:
  friend class Grouping;
  std::shared_ptr<const Dataset> dataset_;
  std::shared_ptr<const base::RandomAccessFile> list_;
  std::vector<base::IndexRange> ranges_;  // of the list, one after the other
  Totals totals_;
};

// All auctions of a dataset in groups: the folds of the training set, validation, test; in each in order of time. Which
// fold an auction is in depends on the seed and the auction's id alone, so that it is the same in every snapshot.
//
// Immutable, so thread-safe.
class Grouping {
 public:
  // Writes the list into the dataset's folder, unless it is there. REQUIRES: folds >= 1.
  static absl::StatusOr<Grouping> Make(std::shared_ptr<const Dataset> dataset, int folds, uint64_t seed);

  const Dataset& dataset() const { return *dataset_; }
  int folds() const { return folds_; }
  Selection Train() const { return Select(0, folds_); }
  Selection Fold(int fold) const { return Select(fold, fold + 1); }
  Selection TrainWithout(int fold) const;
  Selection Validation() const { return Select(folds_, folds_ + 1); }
  Selection Test() const { return Select(folds_ + 1, folds_ + 2); }

 private:
  Grouping(std::shared_ptr<const Dataset> dataset, int folds) : dataset_(std::move(dataset)), folds_(folds) {}
  Selection Select(int from, int to) const;

  std::shared_ptr<const Dataset> dataset_;
  int folds_;
  std::vector<Totals> totals_;  // of each group
  std::shared_ptr<const base::RandomAccessFile> list_;
};

// At most `most` of them, evenly spaced, in their order; 0: all.
struct Sample {
  Sample(const Selection& of, int64_t most)
      : selection(of), auctions(most > 0 && most < of.auctions() ? most : of.auctions()) {}
  // Where the i-th is in the selection.
  int64_t Place(int64_t i) const { return i * selection.auctions() / auctions; }

  const Selection& selection;
  const int64_t auctions;
};

}  // namespace vickrey::trainer

#endif  // TRAINER_DATA_GROUPING_H_
