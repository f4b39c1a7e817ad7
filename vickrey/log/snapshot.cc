#include "vickrey/log/snapshot.h"

#include <google/protobuf/struct.pb.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "rocksdb/utilities/checkpoint.h"
#include "vickrey/base/files.h"
#include "vickrey/base/json.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"
#include "vickrey/features/schema.h"
#include "vickrey/log/keys.h"
#include "vickrey/log/rocksdb_status.h"

namespace vickrey::log {
namespace {

namespace fs = std::filesystem;
using vickrey::storage::v1::LogMeta;
using vickrey::storage::v1::SnapshotManifest;
using Family = Database::Family;

constexpr char kManifest[] = "SNAPSHOT.json";

fs::path FolderOf(const fs::path& log) { return log / "snapshots"; }

absl::StatusOr<SnapshotManifest> ReadManifest(const fs::path& folder) {
  const fs::path file = folder / kManifest;
  ASSIGN_OR_RETURN(const std::string json, base::ReadFile(file, 1 << 20));
  google::protobuf::Struct fields;  // which a later version may have others of
  if (base::FromJson(json, &fields).ok()) {
    const auto format = fields.fields().find("format");
    if (format != fields.fields().end() && format->second.number_value() > kFormat) {
      return absl::FailedPreconditionError(absl::StrCat(folder.string(), " has format ", format->second.number_value(),
                                                        "; this version knows up to ", kFormat));
    }
  }
  SnapshotManifest manifest;
  if (const absl::Status read = base::FromJson(json, &manifest); !read.ok()) {
    return absl::DataLossError(absl::StrCat(file.string(), ": ", std::string(read.message())));
  }
  if (manifest.snapshot_id() != folder.filename()) {
    return absl::DataLossError(absl::StrCat(file.string(), " is of another snapshot, '", manifest.snapshot_id(), "'"));
  }
  return manifest;
}

}  // namespace

absl::StatusOr<std::string> ContentDigest(const Database& database, const std::function<absl::Status()>& check) {
  base::Sha256 sha;
  const auto add = [&sha](const rocksdb::Slice& slice) {
    sha.Update(TimeKey(static_cast<int64_t>(slice.size())));
    sha.Update({slice.data(), slice.size()});
  };
  int64_t keys = 0;
  for (const Family family : {Family::kAuctions, Family::kFeedback}) {
    const auto it = database.Iterate(family);
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      if (++keys % 1024 == 0 && check) RETURN_IF_ERROR(check());
      add(it->key());
      add(it->value());
    }
    RETURN_IF_ERROR(database.StatusOf(it->status()));
  }
  return absl::BytesToHexString(sha.Digest());
}

fs::path SnapshotData(const fs::path& log, std::string_view snapshot_id) {
  return FolderOf(log) / snapshot_id / "data";
}

absl::StatusOr<SnapshotManifest> FreezeSnapshot(const fs::path& log, const Database& database, Committer* committer,
                                                const std::function<absl::Status()>& check) {
  ASSIGN_OR_RETURN(auto publisher, base::FolderPublisher::Create(FolderOf(log) / "new"));
  rocksdb::Checkpoint* checkpoint = nullptr;
  RETURN_IF_ERROR(FromRocksDb(rocksdb::Checkpoint::Create(&database.db(), &checkpoint)));
  const std::unique_ptr<rocksdb::Checkpoint> owned(checkpoint);
  RETURN_IF_ERROR(committer->Alone(
      [&] { return FromRocksDb(checkpoint->CreateCheckpoint((publisher->path() / "data").string())); }));

  SnapshotManifest manifest;
  {
    ASSIGN_OR_RETURN(const auto frozen, Database::OpenFolderForReading(publisher->path() / "data"));
    ASSIGN_OR_RETURN(const LogMeta meta, frozen->ReadMeta());
    ASSIGN_OR_RETURN(const std::string digest, ContentDigest(*frozen, check));
    manifest.set_format(kFormat);
    manifest.set_snapshot_id(absl::StrCat("s", meta.last_sequence() - meta.pruned_auctions(), "-",
                                          meta.feedback() - meta.pruned_feedback(), "-", digest.substr(0, 12)));
    manifest.set_log_id(meta.log_id());
    manifest.set_auctions(static_cast<int64_t>(meta.last_sequence() - meta.pruned_auctions()));
    manifest.set_digest(digest);
    manifest.set_created_time(absl::ToUnixMicros(absl::Now()));
  }
  const fs::path target = FolderOf(log) / manifest.snapshot_id();
  RETURN_IF_ERROR(base::WriteFileAtomically(publisher->path() / kManifest, base::ToJson(manifest) + "\n"));
  const absl::Status published = publisher->PublishAs(target);
  if (absl::IsAlreadyExists(published)) return ReadManifest(target);
  RETURN_IF_ERROR(published);
  return manifest;
}

absl::StatusOr<std::vector<SnapshotManifest>> ListSnapshots(const fs::path& log) {
  if (!fs::exists(log / "data")) {
    return base::AboutField(absl::NotFoundError(absl::StrCat("there is no log in '", log.string(), "'")), "--db");
  }
  std::vector<SnapshotManifest> manifests;
  std::error_code error;
  for (fs::directory_iterator it(FolderOf(log), error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with(".")) continue;  // aside, not published
    auto manifest = ReadManifest(it->path());
    if (absl::IsNotFound(manifest.status())) continue;  // not a snapshot
    RETURN_IF_ERROR(manifest);
    manifests.push_back(*std::move(manifest));
  }
  std::sort(manifests.begin(), manifests.end(), [](const SnapshotManifest& a, const SnapshotManifest& b) {
    return std::tuple(a.created_time(), a.snapshot_id()) < std::tuple(b.created_time(), b.snapshot_id());
  });
  return manifests;
}

absl::StatusOr<SnapshotManifest> FindSnapshot(const fs::path& log, std::string_view snapshot_id) {
  if (features::IsId(snapshot_id) && !snapshot_id.starts_with(".")) {
    auto manifest = ReadManifest(FolderOf(log) / snapshot_id);
    if (manifest.ok() || !absl::IsNotFound(manifest.status())) return manifest;
  }
  std::string known;
  ASSIGN_OR_RETURN(const auto all, ListSnapshots(log));
  for (const SnapshotManifest& manifest : all)
    absl::StrAppend(&known, known.empty() ? "" : ", ", manifest.snapshot_id());
  return base::AboutField(
      absl::NotFoundError(absl::StrCat("'", std::string(snapshot_id), "' is not a snapshot of the log; there ",
                                       known.empty() ? "are none" : "are: ", known)),
      "--snapshot");
}

absl::Status DeleteSnapshot(const fs::path& log, std::string_view snapshot_id) {
  RETURN_IF_ERROR(FindSnapshot(log, snapshot_id));
  // Renamed first, so that no reader finds half of it.
  const fs::path folder = FolderOf(log) / snapshot_id;
  const fs::path aside =
      FolderOf(log) / absl::StrCat(".", std::string(snapshot_id), ".deleted-", absl::ToUnixNanos(absl::Now()));
  std::error_code error;
  fs::rename(folder, aside, error);
  if (!error) fs::remove_all(aside, error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot delete ", folder.string(), ": ", error.message()));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SnapshotManifest>> PruneSnapshots(const fs::path& log, int64_t before, int keep) {
  ASSIGN_OR_RETURN(std::vector<SnapshotManifest> all, ListSnapshots(log));
  std::vector<SnapshotManifest> deleted;
  for (size_t i = 0; i + static_cast<size_t>(keep) < all.size() && all[i].created_time() < before; ++i) {
    RETURN_IF_ERROR(DeleteSnapshot(log, all[i].snapshot_id()));
    deleted.push_back(std::move(all[i]));
  }
  // What a process left aside when it died.
  std::error_code error;
  for (fs::directory_iterator it(FolderOf(log), error), end; !error && it != end; it.increment(error)) {
    const auto age = fs::file_time_type::clock::now() - fs::last_write_time(it->path(), error);
    if (it->path().filename().string().starts_with(".") && age > std::chrono::hours(1)) {
      fs::remove_all(it->path(), error);
    }
  }
  return deleted;
}

}  // namespace vickrey::log
