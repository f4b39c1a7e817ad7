#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/log.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/sha256.h"
#include "vickrey/log/importer.h"
#include "vickrey/log/impression_log.h"
#include "vickrey/log/record.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::AppendAuctionResult;
using vickrey::v1::ImportLine;
using vickrey::v1::LoggedAuction;

constexpr size_t kBatch = 1024;        // auctions committed together
constexpr int64_t kRejectsShown = 10;  // the others are counted only

struct Flags {
  std::string db, file, format, bids;
  int group_size = 1;
  uint64_t seed = 1;
  double max_rejects = 0.01;
  bool json = false;
};

// One import: reads, batches, counts.
class Import {
 public:
  Import(const Flags& flags, log::ImpressionLog* log) : flags_(flags), log_(*log) {}

  absl::Status Run(log::Importer* importer, base::Progress* progress) {
    const auto reject = [this](int64_t line, const absl::Status& why) { Reject(line, why); };
    LoggedAuction record;
    while (true) {
      const auto more = importer->Next(reject, &record);
      if (!more.ok()) return base::AtLine(more.status(), importer->line());
      result_.set_read(importer->rows());
      progress->Update(importer->rows());
      if (!*more) break;
      if (const absl::Status valid = log::Validate(record); !valid.ok()) {
        Reject(importer->line(), valid);
        continue;
      }
      batch_.push_back(std::move(record));
      lines_.push_back(importer->line());
      record.Clear();
      if (batch_.size() == kBatch) RETURN_IF_ERROR(Commit());
    }
    return Commit();
  }
  const ImportLine& result() const { return result_; }

 private:
  void Reject(int64_t line, const absl::Status& why) {
    result_.set_rejected(result_.rejected() + 1);
    if (!result_.has_first_error()) {
      result_.set_first_error(
          absl::StrCat("line ", line, ": ", base::ValidUtf8({why.message().data(), why.message().size()})));
    }
    if (result_.rejected() <= kRejectsShown)
      std::fprintf(stderr, "%s\n", base::ErrorLine(base::AtLine(why, line)).c_str());
  }

  absl::Status CheckRejects() const {
    if (static_cast<double>(result_.rejected()) <= flags_.max_rejects * static_cast<double>(result_.read())) {
      return absl::OkStatus();
    }
    return base::InvalidField(
        "--max-rejects",
        absl::StrCat(result_.rejected(), " of ", result_.read(), " rows were rejected, more than ", flags_.max_rejects,
                     " of them; stopped after ", result_.stored(), " auctions; first: ", result_.first_error()));
  }

  absl::Status Store(std::span<const LoggedAuction> records, const int64_t* lines) {
    ASSIGN_OR_RETURN(const auto answers, log_.AppendAuctions(records));
    for (size_t i = 0; i < answers.size(); ++i) {
      if (answers[i].status() == AppendAuctionResult::STORED) result_.set_stored(result_.stored() + 1);
      if (answers[i].status() == AppendAuctionResult::DUPLICATE) result_.set_duplicate(result_.duplicate() + 1);
      if (answers[i].status() == AppendAuctionResult::CONFLICT) {
        Reject(lines[i], base::InvalidField("auction_id", absl::StrCat("another auction '", answers[i].auction_id(),
                                                                       "' is in the log already")));
      }
    }
    return absl::OkStatus();
  }

  // Stores the batch, unless too many rows were rejected by now.
  absl::Status Commit() {
    RETURN_IF_ERROR(CheckRejects());
    const absl::Status stored = Store({batch_.data(), batch_.size()}, lines_.data());
    if (absl::IsInvalidArgument(stored)) {  // of none of them: one by one, without those that the log refuses
      for (size_t i = 0; i < batch_.size(); ++i) {
        const absl::Status one = Store({&batch_[i], 1}, &lines_[i]);
        if (absl::IsInvalidArgument(one)) {
          Reject(lines_[i], one);
        } else {
          RETURN_IF_ERROR(one);
        }
      }
    } else {
      RETURN_IF_ERROR(stored);
    }
    batch_.clear();
    lines_.clear();
    return CheckRejects();
  }

  const Flags& flags_;
  log::ImpressionLog& log_;
  ImportLine result_;
  std::vector<LoggedAuction> batch_;
  std::vector<int64_t> lines_;  // where each of the batch ended
};

absl::Status Run(const Flags& flags) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(flags.file, error)) {
    return base::InvalidField("FILE", absl::StrCat("'", flags.file, "' is not a file"));
  }
  log::ImportOptions options{.group_size = flags.group_size};
  if (flags.format == "jsonl" && (!flags.bids.empty() || flags.group_size != 1)) {
    return base::InvalidField(flags.bids.empty() ? "--group-size" : "--bids",
                              "is not for jsonl, which has auctions and bids");
  }
  if (!flags.bids.empty()) {
    ASSIGN_OR_RETURN(options.bids, log::BidSource::Parse(flags.bids, flags.seed));
  }
  ASSIGN_OR_RETURN(options.file_digest, base::Sha256HexOfFile(flags.file));
  std::ifstream in(flags.file, std::ios::binary);
  if (!in) return absl::NotFoundError(absl::StrCat("cannot open ", flags.file));
  ASSIGN_OR_RETURN(const auto importer, log::MakeImporter(flags.format, options, &in));
  ASSIGN_OR_RETURN(const auto log, log::ImpressionLog::Open(flags.db));
  RETURN_IF_ERROR(log->BeginImport(options.file_digest,
                                   absl::StrCat("format ", flags.format, ", group size ", flags.group_size, ", bids ",
                                                flags.bids.empty() ? "1" : flags.bids, ", seed ", flags.seed)));
  Import import(flags, log.get());
  absl::Status done;
  {
    base::Progress progress("import", "rows", std::nullopt);
    done = import.Run(importer.get(), &progress);
  }
  RETURN_IF_ERROR(done);
  base::WriteSummary(import.result(), flags.json);
  return absl::OkStatus();
}

}  // namespace

void AddLogImport(base::Tool& tool) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& app = tool.AddVerb("import", "Store a public log or exported lines; importing twice stores once",
                               "vickrey market generate --scenario linear --auctions 1000 --seed 1 >/tmp/linear.jsonl; "
                               "vickrey log import --db /tmp/imported --format jsonl /tmp/linear.jsonl",
                               [flags] { return Run(*flags); });
  app.add_option("--db", flags->db, "The log's folder, made if need be")->required();
  app.add_option("--format", flags->format, "criteo, outbrain or jsonl")->required();
  app.add_option("FILE", flags->file, "What to import")->required();
  app.add_option("--group-size", flags->group_size, "criteo: rows that make an auction");
  app.add_option("--bids", flags->bids,
                 "Draw bids, in units of the currency: lognormal:MU,SIGMA; default: 1 for all. Not for jsonl")
      ->default_str("none");
  app.add_option("--seed", flags->seed, "Of the bids");
  app.add_option("--max-rejects", flags->max_rejects, "Stop when more than this share of the rows is rejected")
      ->check(CLI::Range(0.0, 1.0));
  app.add_flag("--json", flags->json, "JSON on a terminal too");
}

}  // namespace vickrey::tools
