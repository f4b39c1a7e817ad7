// A shard of a simulation as a file, from which the whole is put together again (part.proto).
#ifndef SIMULATOR_PART_H_
#define SIMULATOR_PART_H_

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/io/zero_copy_stream_impl.h"
#include "simulator/round.h"
#include "simulator/scoring.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/shard.h"
#include "vickrey/config/v1/simulate.pb.h"
#include "vickrey/storage/v1/part.pb.h"
#include "vickrey/v1/auction_service.pb.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::simulator {

// Where the part of a shard lies, beside its summary.
std::filesystem::path PartOf(const std::filesystem::path& summary);

// Writes aside, and puts the file in its place when it is whole. Not thread-safe.
class PartWriter {
 public:
  static absl::StatusOr<std::unique_ptr<PartWriter>> Open(const std::filesystem::path& file);
  // Removes what was written aside, unless Finish succeeded.
  ~PartWriter();

  absl::Status Start(const vickrey::config::v1::SimulateConfig& config, const base::Shard& shard,
                     const std::vector<Contestant>& contestants);
  // Auctions, without their features, and what Scoring::Judge takes of them, as records.
  static std::string RecordsOf(const Round& round);
  // Records of the auctions behind those written before. UNAVAILABLE where the disk is full, say.
  absl::Status Write(std::string_view records);
  // UNAVAILABLE if something could not be written.
  absl::Status Finish(const vickrey::v1::SimulationSummary& summary);

 private:
  explicit PartWriter(std::filesystem::path file) : file_(std::move(file)) {}
  absl::Status Put(const vickrey::storage::v1::PartRecord& record);

  const std::filesystem::path file_;
  std::filesystem::path aside_;
  std::ofstream out_;
  base::Sha256 digest_;  // of all records; it stands behind them
};

// Reads a part. Not thread-safe.
class PartReader {
 public:
  // NOT_FOUND if the file is not there; DATA_LOSS unless it begins as a part does.
  static absl::StatusOr<std::unique_ptr<PartReader>> Open(const std::filesystem::path& file);

  const std::filesystem::path& file() const { return file_; }
  const vickrey::storage::v1::PartHeader& header() const { return header_; }
  // The next auction; false at the end, after which end() is known. DATA_LOSS for a file that is cut or damaged.
  absl::StatusOr<bool> Next(vickrey::storage::v1::PartAuction* auction);
  const vickrey::storage::v1::PartEnd& end() const { return end_; }

 private:
  explicit PartReader(std::filesystem::path file) : file_(std::move(file)), in_(file_, std::ios::binary) {}
  absl::Status Read(vickrey::storage::v1::PartRecord* record);

  const std::filesystem::path file_;
  std::ifstream in_;
  std::optional<google::protobuf::io::IstreamInputStream> stream_;
  vickrey::storage::v1::PartHeader header_;
  vickrey::storage::v1::PartEnd end_;
  int64_t auctions_ = 0;
};

}  // namespace vickrey::simulator

#endif  // SIMULATOR_PART_H_
