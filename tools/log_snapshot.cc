#include <memory>
#include <string>

#include "client/client.h"
#include "client/connect.h"
#include "tools/age.h"
#include "tools/log.h"
#include "tools/log_place.h"
#include "vickrey/log/impression_log.h"
#include "vickrey/log/snapshot.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using vickrey::storage::v1::SnapshotManifest;

// Of a folder or of a server.
template <typename Snapshot>
void WriteSnapshot(const Snapshot& snapshot) {
  vickrey::v1::SnapshotLine line;
  line.set_snapshot_id(snapshot.snapshot_id());
  line.set_auctions(snapshot.auctions());
  line.set_digest(snapshot.digest());
  base::WriteLine(line);
}

struct SnapshotFlags {
  LogPlace place;
  std::string id;
  Age age;
  int keep = 1;
};

absl::Status Create(const SnapshotFlags& flags) {
  RETURN_IF_ERROR(flags.place.Check());
  if (!flags.place.address.empty()) {
    ASSIGN_OR_RETURN(const auto client, client::Connect(flags.place.address));
    ASSIGN_OR_RETURN(const auto snapshot, client->CreateSnapshot());
    WriteSnapshot(snapshot);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const auto log, log::ImpressionLog::Open(flags.place.db, /*create=*/false));
  ASSIGN_OR_RETURN(const SnapshotManifest manifest, log->CreateSnapshot());
  WriteSnapshot(manifest);
  return absl::OkStatus();
}

absl::Status List(const SnapshotFlags& flags) {
  RETURN_IF_ERROR(flags.place.Check());
  if (!flags.place.address.empty()) {
    ASSIGN_OR_RETURN(const auto client, client::Connect(flags.place.address));
    ASSIGN_OR_RETURN(const auto snapshots, client->ListSnapshots());
    for (const auto& snapshot : snapshots) WriteSnapshot(snapshot);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const auto manifests, log::ListSnapshots(flags.place.db));
  for (const SnapshotManifest& manifest : manifests) WriteSnapshot(manifest);
  return absl::OkStatus();
}

absl::Status Delete(const SnapshotFlags& flags) {
  RETURN_IF_ERROR(flags.place.Check());
  if (!flags.place.address.empty()) {
    ASSIGN_OR_RETURN(const auto client, client::Connect(flags.place.address));
    ASSIGN_OR_RETURN(const auto snapshot, client->DeleteSnapshot(flags.id));
    WriteSnapshot(snapshot);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const SnapshotManifest manifest, log::FindSnapshot(flags.place.db, flags.id));
  RETURN_IF_ERROR(log::DeleteSnapshot(flags.place.db, flags.id));
  WriteSnapshot(manifest);
  return absl::OkStatus();
}

absl::Status Prune(const SnapshotFlags& flags) {
  ASSIGN_OR_RETURN(const int64_t before, flags.age.Before());
  ASSIGN_OR_RETURN(const auto deleted, log::PruneSnapshots(flags.place.db, before, flags.keep));
  for (const SnapshotManifest& manifest : deleted) WriteSnapshot(manifest);
  return absl::OkStatus();
}

}  // namespace

void AddLogSnapshot(base::Tool& tool) {
  const auto flags = std::make_shared<SnapshotFlags>();
  CLI::App& app = tool.AddVerb("snapshot", "Frozen copies, for training and simulation: create, list, delete, prune",
                               "vickrey log snapshot create --db /tmp/log", [] { return absl::OkStatus(); });
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* summary, absl::Status (*run)(const SnapshotFlags&)) -> CLI::App& {
    const std::string more = run == &Delete  ? " s1000-0-4f1c8c52d8ab"
                             : run == &Prune ? " --older-than 720h --keep 3"
                                             : "";
    return tool.AddVerb(app, name, summary, absl::StrCat("vickrey log snapshot ", name, " --db /tmp/log", more),
                        [flags, run] { return run(*flags); });
  };
  flags->place.Declare(add("create", "Freeze the log as it is", &Create));
  flags->place.Declare(add("list", "All snapshots, the oldest first", &List));
  CLI::App& drop = add("delete", "Delete one", &Delete);
  flags->place.Declare(drop);
  drop.add_option("SNAPSHOT", flags->id, "Its id")->required();
  CLI::App& prune = add("prune", "Delete those made long ago", &Prune);
  prune.add_option("--db", flags->place.db, "The log's folder")->required();
  flags->age.Declare(prune, "Snapshots made");
  prune.add_option("--keep", flags->keep, "The newest so many stay, however old")->check(CLI::NonNegativeNumber);
}

}  // namespace vickrey::tools
