#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/connect.h"
#include "tools/log.h"
#include "tools/log_place.h"
#include "tools/scan_flags.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/time.h"
#include "vickrey/log/parquet_layout.h"
#include "vickrey/log/parquet_writer.h"
#include "vickrey/log/reader.h"
#include "vickrey/log/record.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::AuctionLine;
using vickrey::v1::LoggedAuction;
using vickrey::v1::ReadAuctionsRequest;

struct ReadFlags {
  LogPlace place;
  ScanFlags part;
  std::string snapshot, cursor;
  std::string format = "jsonl", out;  // of export
  int64_t limit = 0;                  // of scan; 0: none
  bool feedback = false;
  bool join = false;
  bool json = false;
};

absl::StatusOr<log::LogReader::ScanOptions> OptionsOf(const ReadFlags& flags) {
  ASSIGN_OR_RETURN(auto options, flags.part.Options());
  options.cursor = flags.cursor;
  return options;
}

// Calls `f` on each auction, or on the first `limit` where that is not 0.
template <typename F>
absl::Status ForEachAuction(const log::LogReader& reader, const log::LogReader::ScanOptions& options, F f,
                            int64_t limit = 0) {
  ASSIGN_OR_RETURN(const auto scan, reader.NewScan(options));
  LoggedAuction record;
  for (int64_t i = 0; limit == 0 || i < limit; ++i) {
    ASSIGN_OR_RETURN(const bool more, scan->Next(&record));
    if (!more) return absl::OkStatus();
    RETURN_IF_ERROR(base::CheckInterrupt());
    RETURN_IF_ERROR(f(record, *scan));
  }
  return absl::OkStatus();
}

// Writes auctions, each with its cursor where there is one.
class LineWriter {
 public:
  absl::Status Write(const LoggedAuction& record, const std::string& cursor = "") {
    AuctionLine line = log::ToLine(record);
    if (!cursor.empty()) line.set_cursor(cursor);
    base::WriteLine(line);
    return ++lines_ % 1024 == 0 ? base::FlushLines() : absl::OkStatus();  // a full disk ends it
  }

 private:
  int64_t lines_ = 0;
};

ReadAuctionsRequest RequestOf(const ReadFlags& flags, const log::LogReader::ScanOptions& options) {
  ReadAuctionsRequest request;
  request.set_snapshot_id(flags.snapshot);
  request.set_from(options.from);
  request.set_to(options.to);
  const int64_t seconds = absl::ToInt64Seconds(options.label_window);
  request.mutable_label_window()->set_seconds(seconds);
  request.mutable_label_window()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(options.label_window - absl::Seconds(seconds))));
  if (options.as_of.has_value()) request.set_as_of(*options.as_of);
  request.set_cursor(options.cursor);
  request.set_limit(flags.limit);
  return request;
}

// Joined, with cursors.
absl::Status Scan(const ReadFlags& flags) {
  RETURN_IF_ERROR(flags.place.Check());
  ASSIGN_OR_RETURN(const auto options, OptionsOf(flags));
  LineWriter writer;
  if (!flags.place.address.empty()) {
    ASSIGN_OR_RETURN(const auto client, client::Connect(flags.place.address));
    return client->ReadAuctions(RequestOf(flags, options),
                                [&](const vickrey::v1::ReadAuctionsResponse& response) -> absl::Status {
                                  RETURN_IF_ERROR(base::CheckInterrupt());
                                  return writer.Write(response.record(), response.cursor());
                                });
  }
  ASSIGN_OR_RETURN(const auto reader, log::LogReader::Open(flags.place.db, flags.snapshot));
  return ForEachAuction(
      *reader, options,
      [&](const LoggedAuction& record, const log::LogReader::Scan& scan) {
        return writer.Write(record, scan.cursor());
      },
      flags.limit);
}

// Reads the log twice: a column has one type, which all records must agree on.
absl::Status WriteParquet(const log::LogReader& reader, const log::LogReader::ScanOptions& options,
                          const std::string& out) {
  log::ParquetLayout layout;
  int64_t total = 0;
  RETURN_IF_ERROR(ForEachAuction(reader, options, [&](const LoggedAuction& record, const auto&) {
    ++total;
    layout.Observe(record);
    return absl::OkStatus();
  }));
  ASSIGN_OR_RETURN(const auto writer, log::ParquetWriter::Create(out, layout));
  base::Progress progress("export", "auctions", total);
  RETURN_IF_ERROR(ForEachAuction(reader, options, [&](const LoggedAuction& record, const auto&) {
    progress.Update(writer->rows());
    return writer->Append(record);
  }));
  progress.Update(writer->rows());
  progress.Finish();
  return writer->Close();
}

// The file is put in the place of what is there, which must be a file then: not a device, a folder or a link.
absl::Status CheckTarget(const std::string& out) {
  std::error_code error;
  const auto status = std::filesystem::symlink_status(out, error);
  if (!std::filesystem::exists(status) || std::filesystem::is_regular_file(status)) return absl::OkStatus();
  return base::InvalidField("--out", absl::StrCat("'", out, "' is there and is not a regular file"));
}

// As appended, or joined where that is asked for.
absl::Status Export(const ReadFlags& flags) {
  ASSIGN_OR_RETURN(auto options, OptionsOf(flags));
  options.join = flags.join;
  const bool parquet = flags.format == "parquet";
  if (parquet && flags.feedback) return base::InvalidField("--feedback", "is for jsonl only");
  if (flags.feedback &&
      (flags.join || !flags.part.from.empty() || !flags.part.to.empty() || !flags.part.as_of.empty())) {
    return base::InvalidField("--feedback", "writes all reports; --join, --from, --to and --as-of are for auctions");
  }
  if (parquet && flags.out.empty()) return base::InvalidField("--out", "is required for parquet: the file to write");
  if (!parquet && !flags.out.empty()) return base::InvalidField("--out", "is for parquet only; jsonl goes to stdout");
  if (parquet) RETURN_IF_ERROR(CheckTarget(flags.out));
  ASSIGN_OR_RETURN(const auto reader, log::LogReader::Open(flags.place.db, flags.snapshot));
  if (parquet) return WriteParquet(*reader, options, flags.out);
  LineWriter writer;
  if (!flags.feedback) {
    return ForEachAuction(*reader, options,
                          [&](const LoggedAuction& record, const auto&) { return writer.Write(record); });
  }
  int64_t lines = 0;
  return reader->ForEachFeedback([&](const vickrey::v1::Feedback& report) -> absl::Status {
    RETURN_IF_ERROR(base::CheckInterrupt());
    base::WriteLine(report);
    return ++lines % 1024 == 0 ? base::FlushLines() : absl::OkStatus();
  });
}

absl::StatusOr<vickrey::v1::LogStatsLine> StatsOf(const ReadFlags& flags) {
  if (!flags.place.address.empty()) {
    ASSIGN_OR_RETURN(const auto client, client::Connect(flags.place.address));
    return client->GetLogStats(flags.snapshot);
  }
  ASSIGN_OR_RETURN(const auto reader, log::LogReader::Open(flags.place.db, flags.snapshot));
  ASSIGN_OR_RETURN(const log::LogStats stats, reader->Stats());
  return log::ToLine(stats);
}

absl::Status Stats(const ReadFlags& flags) {
  RETURN_IF_ERROR(flags.place.Check());
  ASSIGN_OR_RETURN(const auto line, StatsOf(flags));
  base::WriteSummary(line, flags.json);
  return absl::OkStatus();
}

}  // namespace

void AddLogRead(base::Tool& tool) {
  const auto flags = std::make_shared<ReadFlags>();
  CLI::App& scan = tool.AddVerb("scan", "Read auctions in order of time, joined with their clicks",
                                "vickrey log scan --db /tmp/log | vickrey eval metrics", [flags] {
                                  base::NoteInterrupts();
                                  return Scan(*flags);
                                });
  scan.add_option("--limit", flags->limit, "At most so many auctions; 0: all")
      ->check(CLI::Range(int64_t{0}, int64_t{1'000'000'000'000}));
  scan.add_option("--cursor", flags->cursor, "Go on behind the auction that had this cursor, in the same snapshot");
  CLI::App& write = tool.AddVerb(
      "export",
      "Auctions as they were appended, to keep, to import elsewhere or for other tools; with --feedback the reports",
      "vickrey log export --db /tmp/log > /tmp/log.jsonl", [flags] {
        base::NoteInterrupts();
        return Export(*flags);
      });
  write
      .add_option("--format", flags->format,
                  "jsonl, to stdout; parquet, to --out: typed columns, a row for each auction")
      ->check(CLI::IsMember({"jsonl", "parquet"}));
  write.add_option("--out", flags->out, "parquet: the file");
  write.add_flag("--join", flags->join,
                 "With the clicks and conversions that were reported, as `scan` gives them: a log of these has no need "
                 "of the reports");
  write.add_flag("--feedback", flags->feedback, "The reports instead of the auctions");
  for (CLI::App* app : {&scan, &write}) flags->part.Declare(*app);
  CLI::App& stats =
      tool.AddVerb("stats", "What is in the log", "vickrey log stats --db /tmp/log", [flags] { return Stats(*flags); });
  for (CLI::App* app : {&scan, &stats}) flags->place.Declare(*app);
  write.add_option("--db", flags->place.db, "The log's folder")->required();
  stats.add_flag("--json", flags->json, "JSON on a terminal too");
  for (CLI::App* app : {&scan, &write, &stats}) {
    app->add_option("--snapshot", flags->snapshot, "This snapshot; default: the log as it is now");
  }
}

}  // namespace vickrey::tools
