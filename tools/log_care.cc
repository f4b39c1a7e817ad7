#include <memory>
#include <string>

#include "tools/age.h"
#include "tools/log.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/log/impression_log.h"
#include "vickrey/log/verify.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

struct CareFlags {
  std::string db, snapshot;
  Age age;
  bool json = false;
};

absl::Status PruneLog(const CareFlags& flags) {
  ASSIGN_OR_RETURN(const int64_t before, flags.age.Before());
  ASSIGN_OR_RETURN(const auto log, log::ImpressionLog::Open(flags.db, /*create=*/false));
  ASSIGN_OR_RETURN(const auto pruned, log->Prune(before));
  vickrey::v1::PruneLine line;
  line.set_auctions(pruned.auctions);
  line.set_feedback(pruned.feedback);
  line.set_orphans(pruned.orphans);
  line.set_before(before);
  base::WriteSummary(line, flags.json);
  return absl::OkStatus();
}

absl::Status Verify(const CareFlags& flags) {
  ASSIGN_OR_RETURN(const log::Verification found, log::Verify(flags.db, flags.snapshot));
  vickrey::v1::VerifyLine line;
  line.set_ok(found.problem_count == 0);
  line.set_problem_count(found.problem_count);
  line.set_auctions(found.auctions);
  line.set_feedback(found.feedback);
  for (const auto& problem : found.problems) {
    auto& to = *line.add_problems();
    to.set_file(problem.file);
    to.set_kind(problem.kind);
    to.set_message(base::ValidUtf8(problem.message));
  }
  base::WriteSummary(line, flags.json);
  return line.ok() ? absl::OkStatus() : base::CheckFailed();
}

}  // namespace

void AddLogCare(base::Tool& tool) {
  const auto flags = std::make_shared<CareFlags>();
  CLI::App& prune = tool.AddVerb("prune", "Delete old auctions with their ids and feedback, and old orphans",
                                 "vickrey log prune --db /tmp/log --before 2000-01-01T00:00:00Z", [flags] {
                                   base::NoteInterrupts();
                                   return PruneLog(*flags);
                                 });
  flags->age.Declare(prune, "Auctions");
  CLI::App& verify =
      tool.AddVerb("verify", "Read all of it and say what is wrong: checksums, records, keys, ids, joins, counts",
                   "vickrey log verify --db /tmp/log", [flags] { return Verify(*flags); });
  verify.add_option("--snapshot", flags->snapshot, "This snapshot; default: the log as it is now");
  for (CLI::App* app : {&prune, &verify}) {
    app->add_option("--db", flags->db, "The log's folder")->required();
    app->add_flag("--json", flags->json, "JSON on a terminal too");
  }
}

}  // namespace vickrey::tools
