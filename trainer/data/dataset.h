#ifndef TRAINER_DATA_DATASET_H_
#define TRAINER_DATA_DATASET_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "trainer/loss/batch.h"
#include "vickrey/base/shard.h"
#include "vickrey/config/v1/train.pb.h"
#include "vickrey/features/schema.h"
#include "vickrey/features/statistics.h"
#include "vickrey/metric/line_metrics.h"
#include "vickrey/model/batch.h"

namespace vickrey::trainer {

// What labels are computed on. `kTeacher` labels come from elsewhere (trainer/teacher.h).
enum class Labels { kClick, kTeacher, kTruth };
// REQUIRES: "click", "teacher" or "truth".
Labels LabelsOf(std::string_view name);

// The auctions of a snapshot, in order of time, encoded, in memory.
struct Dataset {
  std::shared_ptr<const features::Schema> schema;                 // frozen
  std::vector<vickrey::storage::v1::FieldStatistics> statistics;  // of the training set, raw
  model::Batch features;
  // One for each candidate:
  std::vector<int64_t> bids_micros, values_micros;
  std::vector<float> clicks;   // 0 or 1; NaN: unknown
  std::vector<double> truths;  // NaN: unknown
  // Auctions, split in order of time.
  base::IndexRange train, validation, test;

  int64_t auctions() const { return features.auctions(); }
  int64_t candidates() const { return features.candidates(); }
  // Clicks / labelled candidates of a range of auctions; 0 where nothing is labelled.
  double ClickRate(const base::IndexRange& range) const;
};

// Reads the whole snapshot, after a first pass over the training set for the statistics of its features, with which the
// schema's transforms are frozen; samples of them are a function of `seed`. NOT_FOUND if there is no such log or
// snapshot; INVALID_ARGUMENT if it is empty, was down-sampled, or its features do not fit the schema (naming the
// auction and the field). Shows progress.
absl::StatusOr<std::unique_ptr<Dataset>> LoadDataset(const std::filesystem::path& db, const std::string& snapshot_id,
                                                     const vickrey::config::v1::DataConfig& config, uint64_t seed);

// Bids and labels of the auctions of `order`, from which features are copied too: what a training step reads.
// `labels`: one for each candidate of the dataset; NaN: masked.
void Gather(const Dataset& data, const std::vector<double>& labels, const std::vector<int64_t>& order, size_t begin,
            size_t end, model::Batch* features, LossBatch* batch);

// A loss's labels where they are the log's own.
std::vector<double> LoggedLabels(const Dataset& data, Labels labels);

// Metrics of predictions of a range's auctions under a second-price auction; `pctr` has an entry for each candidate of
// the range. Judged by the truth where it is known, else by clicks.
absl::StatusOr<vickrey::v1::MetricsLine> Judge(const Dataset& data, const base::IndexRange& range,
                                               const std::vector<double>& pctr);

}  // namespace vickrey::trainer

#endif  // TRAINER_DATA_DATASET_H_
