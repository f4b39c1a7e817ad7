#include <memory>
#include <string>

#include "tools/age.h"
#include "tools/log.h"
#include "vickrey/log/impression_log.h"
#include "vickrey/log/snapshot.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using vickrey::storage::v1::SnapshotManifest;

void WriteSnapshot(const SnapshotManifest& manifest) {
  vickrey::v1::SnapshotLine line;
  line.set_snapshot_id(manifest.snapshot_id());
  line.set_auctions(manifest.auctions());
  line.set_digest(manifest.digest());
  base::WriteLine(line);
}

struct Flags {
  std::string db, id;
  Age age;
  int keep = 1;
};

absl::Status Create(const Flags& flags) {
  ASSIGN_OR_RETURN(const auto log, log::ImpressionLog::Open(flags.db, /*create=*/false));
  ASSIGN_OR_RETURN(const SnapshotManifest manifest, log->CreateSnapshot());
  WriteSnapshot(manifest);
  return absl::OkStatus();
}

absl::Status List(const Flags& flags) {
  ASSIGN_OR_RETURN(const auto manifests, log::ListSnapshots(flags.db));
  for (const SnapshotManifest& manifest : manifests) WriteSnapshot(manifest);
  return absl::OkStatus();
}

absl::Status Delete(const Flags& flags) {
  ASSIGN_OR_RETURN(const SnapshotManifest manifest, log::FindSnapshot(flags.db, flags.id));
  RETURN_IF_ERROR(log::DeleteSnapshot(flags.db, flags.id));
  WriteSnapshot(manifest);
  return absl::OkStatus();
}

absl::Status Prune(const Flags& flags) {
  ASSIGN_OR_RETURN(const int64_t before, flags.age.Before());
  ASSIGN_OR_RETURN(const auto deleted, log::PruneSnapshots(flags.db, before, flags.keep));
  for (const SnapshotManifest& manifest : deleted) WriteSnapshot(manifest);
  return absl::OkStatus();
}

}  // namespace

void AddLogSnapshot(base::Tool& tool) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& app = tool.AddVerb("snapshot", "Frozen copies, for training and simulation: create, list, delete, prune",
                               "vickrey log snapshot create --db /tmp/log", [] { return absl::OkStatus(); });
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* summary, absl::Status (*run)(const Flags&)) -> CLI::App& {
    CLI::App& verb = tool.AddVerb(app, name, summary, [flags, run] { return run(*flags); });
    verb.add_option("--db", flags->db, "The log's folder")->required();
    return verb;
  };
  add("create", "Freeze the log as it is", &Create);
  add("list", "All snapshots, the oldest first", &List);
  add("delete", "Delete one", &Delete).add_option("SNAPSHOT", flags->id, "Its id")->required();
  CLI::App& prune = add("prune", "Delete those made long ago", &Prune);
  flags->age.Declare(prune, "Snapshots made");
  prune.add_option("--keep", flags->keep, "The newest so many stay, however old")->check(CLI::NonNegativeNumber);
}

}  // namespace vickrey::tools
