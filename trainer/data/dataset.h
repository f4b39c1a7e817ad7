// The auctions of a snapshot, encoded for training, in files of which any auction can be read by itself: what is in
// memory does not grow with the log.
#ifndef TRAINER_DATA_DATASET_H_
#define TRAINER_DATA_DATASET_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer/data/chunk.h"
#include "vickrey/base/files.h"
#include "vickrey/base/random_access_file.h"
#include "vickrey/features/schema.h"
#include "vickrey/features/statistics.h"
#include "vickrey/model/layout.h"

namespace vickrey::trainer {

// What the index says of an auction.
struct IndexEntry {
  uint64_t offset = 0;           // of its record
  uint64_t first_candidate = 0;  // candidates before it
  uint64_t id_hash = 0;          // xxHash64 of its id
  Part part = Part::kTrain;
  uint32_t labelled = 0, clicks = 0, with_truth = 0;  // of its candidates
  uint32_t crc = 0;                                   // CRC-32C of the entry while this is 0
  uint32_t unused = 0;
};
static_assert(sizeof(IndexEntry) == 48);

// A folder with `dataset.json` (DatasetFile of storage/v1/dataset.proto), `records` and `index`, in the byte order of
// the machine that made it.
//
// Immutable, so thread-safe.
class Dataset {
 public:
  // NOT_FOUND if there is none; DATA_LOSS if its files are missing, or not as long as they should be.
  static absl::StatusOr<std::shared_ptr<const Dataset>> Open(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  const std::shared_ptr<const features::Schema>& schema() const { return schema_; }  // frozen
  const std::vector<vickrey::storage::v1::FieldStatistics>& statistics() const { return statistics_; }
  int64_t auctions() const { return auctions_; }
  int64_t candidates() const { return candidates_; }

  // The error of what is not as it was written: DATA_LOSS, saying that the folder can be deleted.
  absl::Status Damaged(const std::string& what) const;

  // Adds auction `number`, in order of time from 0, to a chunk. DATA_LOSS if the record is not what was written.
  absl::Status Read(int64_t number, Chunk* chunk) const;

  // Entries of the auctions [begin, begin + entries.size()); behind the last auction there is one entry more. DATA_LOSS
  // if one is not what was written.
  absl::Status ReadIndex(int64_t begin, std::span<IndexEntry> entries) const;

 private:
  Dataset(std::filesystem::path folder, std::shared_ptr<const features::Schema> schema, model::Layout inputs)
      : folder_(std::move(folder)), schema_(std::move(schema)), inputs_(std::move(inputs)) {}

  const std::filesystem::path folder_;
  const std::shared_ptr<const features::Schema> schema_;
  const model::Layout inputs_;
  std::vector<vickrey::storage::v1::FieldStatistics> statistics_;
  int64_t auctions_ = 0, candidates_ = 0;
  std::unique_ptr<const base::RandomAccessFile> records_, index_;
};

// Writes a dataset:
//   1. Create;
//   2. Append chunks, in order of time;
//   3. Publish: it is visible, whole and on disk.
//
// Not thread-safe.
class DatasetWriter {
 public:
  // ALREADY_EXISTS if the folder does. `schema`: frozen.
  static absl::StatusOr<std::unique_ptr<DatasetWriter>> Create(
      const std::filesystem::path& folder, std::shared_ptr<const features::Schema> schema,
      std::vector<vickrey::storage::v1::FieldStatistics> statistics);

  // `id_hashes`, `parts`: one for each auction of the chunk.
  absl::Status Append(const Chunk& chunk, std::span<const uint64_t> id_hashes, std::span<const Part> parts);
  absl::Status Publish();

 private:
  DatasetWriter() = default;

  std::shared_ptr<const features::Schema> schema_;
  std::vector<vickrey::storage::v1::FieldStatistics> statistics_;
  std::unique_ptr<base::FolderPublisher> folder_;
  std::unique_ptr<base::FilePublisher> records_, index_;
  std::string bytes_;  // scratch
  IndexEntry next_;    // where the next auction begins
  int64_t auctions_ = 0;
};

}  // namespace vickrey::trainer

#endif  // TRAINER_DATA_DATASET_H_
