#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tools/log.h"
#include "vickrey/base/time.h"
#include "vickrey/log/reader.h"
#include "vickrey/log/record.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::AuctionLine;
using vickrey::v1::LoggedAuction;
using vickrey::v1::LogStatsLine;

struct Flags {
  std::string db, snapshot, from, to, label_window = "1h", as_of, cursor;
  bool feedback = false;
  bool json = false;
};

// The time of a flag, `otherwise` where it is not given.
template <typename T>
absl::StatusOr<T> TimeOf(const std::string& flag, const std::string& text, T otherwise) {
  if (text.empty()) return otherwise;
  const auto time = base::ParseEventTime(text);
  if (!time.ok()) return base::InvalidField(flag, {time.status().message().data(), time.status().message().size()});
  return T(*time);
}

absl::StatusOr<log::LogReader::ScanOptions> OptionsOf(const Flags& flags) {
  log::LogReader::ScanOptions options;
  ASSIGN_OR_RETURN(options.from, TimeOf("--from", flags.from, options.from));
  ASSIGN_OR_RETURN(options.to, TimeOf("--to", flags.to, options.to));
  ASSIGN_OR_RETURN(options.as_of, TimeOf("--as-of", flags.as_of, options.as_of));
  options.cursor = flags.cursor;
  if (!absl::ParseDuration(flags.label_window, &options.label_window) || options.label_window < absl::ZeroDuration() ||
      options.label_window > absl::Hours(24 * 366 * 100)) {
    return base::InvalidField("--label-window",
                              absl::StrCat("'", flags.label_window, "' is not a duration such as 30m, 1h or 0"));
  }
  return options;
}

// `scan`: joined, with cursors; `export`: as appended.
absl::Status Scan(const Flags& flags, bool exporting) {
  ASSIGN_OR_RETURN(auto options, OptionsOf(flags));
  options.join = !exporting;
  ASSIGN_OR_RETURN(const auto reader, log::LogReader::Open(flags.db, flags.snapshot));
  ASSIGN_OR_RETURN(const auto scan, reader->NewScan(options));
  LoggedAuction record;
  for (int64_t i = 1;; ++i) {
    ASSIGN_OR_RETURN(const bool more, scan->Next(&record));
    if (!more) return absl::OkStatus();
    AuctionLine line = log::ToLine(record);
    if (!exporting) line.set_cursor(scan->cursor());
    base::WriteLine(line);
    if (i % 1024 == 0) RETURN_IF_ERROR(base::FlushLines());  // a full disk ends it
  }
}

absl::Status Export(const Flags& flags) {
  if (!flags.feedback) return Scan(flags, /*exporting=*/true);
  ASSIGN_OR_RETURN(const auto reader, log::LogReader::Open(flags.db, flags.snapshot));
  return reader->ForEachFeedback([](const vickrey::v1::Feedback& report) {
    base::WriteLine(report);
    return absl::OkStatus();
  });
}

absl::Status Stats(const Flags& flags) {
  ASSIGN_OR_RETURN(const auto reader, log::LogReader::Open(flags.db, flags.snapshot));
  ASSIGN_OR_RETURN(const log::LogStats stats, reader->Stats());
  LogStatsLine line;
  line.set_auctions(stats.auctions);
  line.set_candidates(stats.candidates);
  line.set_clicks(stats.clicks);
  if (stats.labelled > 0) line.set_ctr(static_cast<double>(stats.clicks) / static_cast<double>(stats.labelled));
  if (stats.from.has_value()) line.set_from(*stats.from);
  if (stats.to.has_value()) line.set_to(*stats.to);
  line.set_bytes(stats.bytes);
  line.set_labelled(stats.labelled);
  line.set_feedback(stats.feedback);
  line.set_orphans(stats.orphans);
  line.set_conversions(stats.conversions);
  line.set_conversion_value_micros(stats.conversion_value_micros);
  base::WriteSummary(line, flags.json);
  return absl::OkStatus();
}

void DeclareTimes(CLI::App& app, Flags& flags) {
  app.add_option("--from", flags.from, "Event time, inclusive: microseconds since 1970, or 2024-01-31T12:00:00Z");
  app.add_option("--to", flags.to, "Event time, exclusive");
}

}  // namespace

void AddLogRead(base::Tool& tool) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& scan =
      tool.AddVerb("scan", "Read auctions in order of time, joined with their clicks",
                   "vickrey log scan --db /tmp/log | vickrey eval metrics", [flags] { return Scan(*flags, false); });
  DeclareTimes(scan, *flags);
  scan.add_option("--label-window", flags->label_window,
                  "A shown candidate without a click is a no-click when it is older than this; unlabelled before");
  scan.add_option(
      "--as-of", flags->as_of,
      "What was known at this time: later clicks are left out; default: when the snapshot was first made, or now");
  scan.add_option("--cursor", flags->cursor, "Go on behind the auction that had this cursor, in the same snapshot");
  CLI::App& write = tool.AddVerb(
      "export",
      "Auctions as they were appended, to keep or to import elsewhere; with --feedback the reports, for `log feedback`",
      "vickrey log export --db /tmp/log > /tmp/log.jsonl", [flags] { return Export(*flags); });
  DeclareTimes(write, *flags);
  write.add_flag("--feedback", flags->feedback, "The reports instead of the auctions");
  CLI::App& stats =
      tool.AddVerb("stats", "What is in the log", "vickrey log stats --db /tmp/log", [flags] { return Stats(*flags); });
  stats.add_flag("--json", flags->json, "JSON on a terminal too");
  for (CLI::App* app : {&scan, &write, &stats}) {
    app->add_option("--db", flags->db, "The log's folder")->required();
    app->add_option("--snapshot", flags->snapshot, "This snapshot; default: the log as it is now");
  }
}

}  // namespace vickrey::tools
