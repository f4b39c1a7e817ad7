#ifndef TRAINER_DATA_ENCODE_H_
#define TRAINER_DATA_ENCODE_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "trainer/data/dataset.h"
#include "vickrey/config/v1/train.pb.h"

namespace vickrey::trainer {

// The dataset of a snapshot: found under `root`/datasets if a job made it before, else made there, in two passes over
// the log: one over the training set for the statistics of its features, with which the schema's transforms are frozen
// (samples of them are a function of `seed`), one over all. NOT_FOUND if there is no such log or snapshot;
// INVALID_ARGUMENT if it is empty, was down-sampled, or its features do not fit the schema (naming the auction and the
// field); RESOURCE_EXHAUSTED if the disk is full. Shows progress.
absl::StatusOr<std::shared_ptr<const Dataset>> EncodeSnapshot(const std::filesystem::path& db,
                                                              const std::string& snapshot_id,
                                                              const vickrey::config::v1::DataConfig& config,
                                                              uint64_t seed, const std::filesystem::path& root);

}  // namespace vickrey::trainer

#endif  // TRAINER_DATA_ENCODE_H_
