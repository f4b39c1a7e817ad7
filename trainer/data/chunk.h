#ifndef TRAINER_DATA_CHUNK_H_
#define TRAINER_DATA_CHUNK_H_

#include <cstdint>
#include <vector>

#include "vickrey/model/batch.h"

namespace vickrey::trainer {

// Which part of a dataset an auction belongs to.
enum class Part : uint32_t { kTrain = 0, kValidation = 1, kTest = 2 };

// Some auctions in memory, encoded. Copyable; not thread-safe.
struct Chunk {
  // Empty, keeping memory.
  void Clear() {
    features.Clear();
    numbers.clear(), first_candidates.clear();
    bids_micros.clear(), values_micros.clear(), clicks.clear(), truths.clear();
  }

  int64_t auctions() const { return features.auctions(); }
  int64_t candidates() const { return features.candidates(); }

  model::Batch features;
  // One for each auction:
  std::vector<int64_t> numbers;           // in the dataset
  std::vector<int64_t> first_candidates;  // number of its first candidate in the dataset
  // One for each candidate:
  std::vector<int64_t> bids_micros, values_micros;
  std::vector<float> clicks;   // 0 or 1; NaN: unknown
  std::vector<double> truths;  // click probability; NaN: unknown
};

}  // namespace vickrey::trainer

#endif  // TRAINER_DATA_CHUNK_H_
