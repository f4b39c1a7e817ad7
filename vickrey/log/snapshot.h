// Snapshots: frozen copies of a log that readers, training jobs and their provenance refer to by id.
#ifndef VICKREY_LOG_SNAPSHOT_H_
#define VICKREY_LOG_SNAPSHOT_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/log/committer.h"
#include "vickrey/log/database.h"
#include "vickrey/storage/v1/log.pb.h"

namespace vickrey::log {

// Freezes an open log by RocksDB's checkpoint, which shares files and takes no copy. The id depends on the contents
// only: the same contents give the same snapshot, which is then returned as it is, with the time when it was first
// made. Whoever commits waits while what is in memory is written out and the files are linked. `check` is called now
// and then; its error ends the work and leaves nothing.
absl::StatusOr<vickrey::storage::v1::SnapshotManifest> FreezeSnapshot(const std::filesystem::path& log,
                                                                      const Database& database, Committer* committer,
                                                                      const std::function<absl::Status()>& check = {});

// All snapshots of a log, the oldest first.
absl::StatusOr<std::vector<vickrey::storage::v1::SnapshotManifest>> ListSnapshots(const std::filesystem::path& log);

// NOT_FOUND naming those that there are.
absl::StatusOr<vickrey::storage::v1::SnapshotManifest> FindSnapshot(const std::filesystem::path& log,
                                                                    std::string_view snapshot_id);

absl::Status DeleteSnapshot(const std::filesystem::path& log, std::string_view snapshot_id);

// Deletes the snapshots first made before `before` (microseconds), but for the newest `keep`; those that were deleted.
absl::StatusOr<std::vector<vickrey::storage::v1::SnapshotManifest>> PruneSnapshots(const std::filesystem::path& log,
                                                                                   int64_t before, int keep);

// SHA-256 over the auctions and then their feedback: length and bytes of each key and value. 64 hexadecimal digits.
absl::StatusOr<std::string> ContentDigest(const Database& database, const std::function<absl::Status()>& check = {});

// The folder of a snapshot's database.
std::filesystem::path SnapshotData(const std::filesystem::path& log, std::string_view snapshot_id);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_SNAPSHOT_H_
