#include <google/protobuf/arena.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "tools/log.h"
#include "tools/rejects.h"
#include "vickrey/base/config.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/sha256.h"
#include "vickrey/log/import_formats.h"
#include "vickrey/log/impression_log.h"
#include "vickrey/log/input_file.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using log::ImpressionLog;
using vickrey::v1::AppendAuctionResult;
using vickrey::v1::ImportLine;
using vickrey::v1::LoggedAuction;

constexpr size_t kBatchAuctions = 1024;  // committed together, at most,
constexpr size_t kBatchBytes = 8 << 20;  // and so many bytes, but for the last
constexpr size_t kWaiting = 2;           // batches that wait for the disk
constexpr size_t kArenaBytes = 1 << 20;

struct ImportFlags {
  std::string db, file, format, bids, items, schema, rejects;
  int group_size = 1;
  uint64_t seed = 1;
  double max_rejects = 0.01;
  bool encode = false;
  bool json = false;
};

// Auctions that are committed together, and how far the file was read with them.
struct Batch {
  std::vector<ImpressionLog::Prepared> records;
  std::vector<int64_t> lines;    // where each ended
  std::vector<int64_t> weights;  // of how many rows each is
  int64_t rows = 0;              // read by its end,
  int64_t rejected = 0;          // and how many of them left out
  size_t bytes = 0;
};

// Damage of the file to import is bad input, that of the log is not.
absl::Status OfFile(const absl::Status& status) {
  if (!absl::IsDataLoss(status)) return status;
  return base::InvalidField("FILE", {status.message().data(), status.message().size()});
}

// Too many of the rows so far were rejected.
absl::Status CheckShare(int64_t rejected, int64_t rows, double max_rejects, const Rejects& rejects) {
  if (static_cast<double>(rejected) <= max_rejects * static_cast<double>(rows)) return absl::OkStatus();
  return base::InvalidField("--max-rejects",
                            absl::StrCat(rejected, " of ", rows, " rows were rejected, more than ", max_rejects,
                                         " of them; first: ", rejects.first(),
                                         "; to go on, import again with the file mended or a larger share"));
}

// Commits batches on a thread of its own, in order, while the next ones are read.
class BatchCommitter {
 public:
  // The import is noted under the file's digest, with its options, when the first of it is stored.
  BatchCommitter(ImpressionLog* log, Rejects* rejects, double max_rejects, std::string file_digest,
                 std::string fingerprint)
      : log_(*log),
        rejects_(*rejects),
        max_rejects_(max_rejects),
        file_digest_(std::move(file_digest)),
        fingerprint_(std::move(fingerprint)),
        thread_([this] { Run(); }) {}
  ~BatchCommitter() { Finish().IgnoreError(); }

  // Waits while too many wait. An error of an earlier batch ends the import.
  absl::Status Push(Batch batch) {
    absl::MutexLock lock(&mu_);
    const auto ready = [this]()
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return waiting_.size() < kWaiting || !status_.ok(); };
    mu_.Await(absl::Condition(&ready));
    RETURN_IF_ERROR(status_);
    waiting_.push_back(std::move(batch));
    return absl::OkStatus();
  }

  // All that was pushed is on disk, or why it is not. Later pushes are not allowed.
  absl::Status Finish() {
    {
      const absl::MutexLock lock(&mu_);
      finishing_ = true;
    }
    if (thread_.joinable()) thread_.join();
    const absl::MutexLock lock(&mu_);
    return status_;
  }

  // After Finish.
  int64_t stored() const { return stored_; }
  int64_t duplicate() const { return duplicate_; }
  int64_t refused() const { return refused_; }  // rows

 private:
  void Run() {
    while (true) {
      Batch batch;
      {
        absl::MutexLock lock(&mu_);
        const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !waiting_.empty() || finishing_; };
        mu_.Await(absl::Condition(&ready));
        if (waiting_.empty()) return;
        batch = std::move(waiting_.front());
        waiting_.erase(waiting_.begin());
      }
      const absl::Status committed = Commit(batch);
      if (committed.ok()) continue;
      const absl::MutexLock lock(&mu_);
      status_ = committed;
      return;
    }
  }

  absl::Status CheckRejects(const Batch& batch) const {
    return CheckShare(batch.rejected + refused_, batch.rows, max_rejects_, rejects_);
  }

  // Stores a batch, unless too many rows were rejected by its end.
  absl::Status Commit(const Batch& batch) {
    RETURN_IF_ERROR(CheckRejects(batch));
    const absl::Status stored = Store(batch, 0, batch.records.size());
    if (!absl::IsInvalidArgument(stored)) return stored.ok() ? CheckRejects(batch) : stored;
    for (size_t i = 0; i < batch.records.size(); ++i) {  // none was: one by one, without those that the log refuses
      const absl::Status one = Store(batch, i, 1);
      if (absl::IsInvalidArgument(one)) {
        Refuse(batch, i, one);
      } else {
        RETURN_IF_ERROR(one);
      }
    }
    return CheckRejects(batch);
  }

  void Refuse(const Batch& batch, size_t i, const absl::Status& why) {
    refused_ += batch.weights[i];
    rejects_.Add(batch.lines[i], why);
  }

  // `size` records from `first` on.
  absl::Status Store(const Batch& batch, size_t first, size_t size) {
    if (size == 0) return absl::OkStatus();
    if (!begun_) RETURN_IF_ERROR(log_.BeginImport(file_digest_, fingerprint_));
    begun_ = true;
    ASSIGN_OR_RETURN(const auto answers, log_.AppendPrepared({batch.records.data() + first, size}));
    for (size_t i = 0; i < answers.size(); ++i) {
      stored_ += answers[i].status() == AppendAuctionResult::STORED;
      duplicate_ += answers[i].status() == AppendAuctionResult::DUPLICATE;
      if (answers[i].status() == AppendAuctionResult::CONFLICT) {
        Refuse(batch, first + i,
               base::InvalidField("auction_id", absl::StrCat("another auction '", answers[i].auction_id(),
                                                             "' is in the log already")));
      }
    }
    return absl::OkStatus();
  }

  ImpressionLog& log_;
  Rejects& rejects_;
  const double max_rejects_;
  const std::string file_digest_, fingerprint_;
  bool begun_ = false;
  // Of the thread, until it ended:
  int64_t stored_ = 0, duplicate_ = 0;
  int64_t refused_ = 0;  // by the log

  absl::Mutex mu_;
  std::vector<Batch> waiting_ ABSL_GUARDED_BY(mu_);
  bool finishing_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

// Reads auctions into batches until there are no more.
absl::Status Read(log::Importer* importer, const log::InputFile* input, double max_rejects, Rejects* rejects,
                  BatchCommitter* committer, int64_t* rejected) {
  base::Progress progress("import", "rows", std::nullopt);
  // A batch of rejected rows is looked at as one of good ones is.
  const auto reject_rows = [&](int64_t line, const absl::Status& why, int64_t weight) -> absl::Status {
    *rejected += weight;
    rejects->Add(line, why);
    if (rejects->count() % static_cast<int64_t>(kBatchAuctions) != 0) return absl::OkStatus();
    RETURN_IF_ERROR(base::CheckInterrupt());
    return CheckShare(*rejected, importer->rows(), max_rejects, *rejects);
  };
  const auto reject = [&](int64_t line, const absl::Status& why) { return reject_rows(line, why, 1); };
  Batch batch;
  // A record is many small messages, of which none is needed once it is prepared.
  google::protobuf::ArenaOptions blocks;
  blocks.start_block_size = blocks.max_block_size = kArenaBytes;
  google::protobuf::Arena arena(blocks);
  while (true) {
    if (arena.SpaceUsed() > kArenaBytes / 2) arena.Reset();
    auto& record = *google::protobuf::Arena::CreateMessage<LoggedAuction>(&arena);
    const int64_t rows_before = importer->rows(), rejected_before = *rejected;
    const auto more = importer->Next(reject, &record);
    if (base::FieldOf(more.status()) == "--max-rejects" || absl::IsCancelled(more.status())) return more.status();
    if (!more.ok()) return base::AtLine(OfFile(more.status()), importer->line());
    if (importer->rows() > 0 && input->position() > 0) {
      progress.Expect(static_cast<int64_t>(static_cast<double>(importer->rows()) * static_cast<double>(input->size()) /
                                           static_cast<double>(input->position())));
    }
    progress.Update(importer->rows());
    if (!*more) break;
    const int64_t weight = std::max<int64_t>(1, importer->rows() - rows_before - (*rejected - rejected_before));
    auto prepared = ImpressionLog::Prepare(record);
    if (!prepared.ok()) {
      RETURN_IF_ERROR(reject_rows(importer->line(), prepared.status(), weight));
      continue;
    }
    batch.bytes += prepared->bytes.size();
    batch.records.push_back(*std::move(prepared));
    batch.lines.push_back(importer->line());
    batch.weights.push_back(weight);
    if (batch.records.size() < kBatchAuctions && batch.bytes < kBatchBytes) continue;
    RETURN_IF_ERROR(base::CheckInterrupt());
    batch.rows = importer->rows();
    batch.rejected = *rejected;
    RETURN_IF_ERROR(committer->Push(std::exchange(batch, {})));
  }
  RETURN_IF_ERROR(OfFile(input->status()));
  batch.rows = importer->rows();
  batch.rejected = *rejected;
  RETURN_IF_ERROR(committer->Push(std::move(batch)));
  progress.Finish();
  return absl::OkStatus();
}

absl::StatusOr<log::ImportOptions> ImportOptionsOf(const ImportFlags& flags, log::InputFile* items) {
  log::ImportOptions options{.group_size = flags.group_size, .encode = flags.encode, .file = flags.file};
  if (!flags.bids.empty()) {
    ASSIGN_OR_RETURN(options.bids, log::BidSource::Parse(flags.bids, flags.seed));
  }
  if (items != nullptr) options.items = &items->stream();
  if (!flags.schema.empty()) {
    RETURN_IF_ERROR(base::LoadConfigFile(flags.schema, &options.csv.emplace()));
  }
  return options;
}

// What must be the same where a file is imported again.
absl::StatusOr<std::string> Fingerprint(const ImportFlags& flags, const log::ImportOptions& options) {
  std::string text = absl::StrCat("format ", flags.format, ", group size ", flags.group_size, ", bids ",
                                  flags.bids.empty() ? "1" : flags.bids, ", seed ", flags.seed);
  if (flags.encode) absl::StrAppend(&text, ", encoded");
  if (!flags.items.empty()) {
    ASSIGN_OR_RETURN(const std::string digest, log::DigestOfContents(flags.items));
    absl::StrAppend(&text, ", items ", digest.substr(0, 12));
  }
  if (options.csv.has_value()) {
    absl::StrAppend(&text, ", schema ", base::Sha256Hex(base::ToJson(*options.csv)).substr(0, 12));
  }
  return text;
}

absl::Status Run(const ImportFlags& flags) {
  for (const std::string& read : {flags.file, flags.items, flags.schema}) {
    std::error_code error;
    if (!flags.rejects.empty() && std::filesystem::equivalent(flags.rejects, read, error)) {
      return base::InvalidField("--rejects", absl::StrCat("'", flags.rejects, "' is read by this import"));
    }
  }
  std::unique_ptr<log::InputFile> items;
  if (!flags.items.empty()) {
    auto opened = log::InputFile::Open(flags.items);
    if (!opened.ok()) return base::AboutField(opened.status(), "--items");
    items = *std::move(opened);
  }
  ASSIGN_OR_RETURN(log::ImportOptions options, ImportOptionsOf(flags, items.get()));
  const auto digest = log::DigestOfContents(flags.file);
  RETURN_IF_ERROR(OfFile(digest.status()));
  options.file_digest = *digest;
  ASSIGN_OR_RETURN(const auto input, log::InputFile::Open(flags.file));
  const auto importer = log::MakeImporter(flags.format, options, &input->stream());
  RETURN_IF_ERROR(OfFile(importer.status()));
  ASSIGN_OR_RETURN(const std::string fingerprint, Fingerprint(flags, options));
  ASSIGN_OR_RETURN(const auto log, ImpressionLog::Open(flags.db));
  Rejects rejects(flags.rejects.empty() ? std::filesystem::path(flags.db) / "rejects" /
                                              absl::StrCat(options.file_digest.substr(0, 12), ".jsonl")
                                        : std::filesystem::path(flags.rejects));
  if (!flags.rejects.empty()) RETURN_IF_ERROR(rejects.Open());
  BatchCommitter committer(log.get(), &rejects, flags.max_rejects, options.file_digest, fingerprint);
  int64_t rejected = 0;  // rows, before they came to the log
  const absl::Status read = Read(importer->get(), input.get(), flags.max_rejects, &rejects, &committer, &rejected);
  const absl::Status committed = committer.Finish();
  RETURN_IF_ERROR(rejects.Finish());
  RETURN_IF_ERROR(committed);
  RETURN_IF_ERROR(read);
  ImportLine result;
  result.set_read((*importer)->rows());
  result.set_stored(committer.stored());
  result.set_duplicate(committer.duplicate());
  result.set_rejected(rejected + committer.refused());
  if (rejects.count() > 0) {
    result.set_first_error(rejects.first());
    result.set_rejects(rejects.file().string());
  }
  base::WriteSummary(result, flags.json);
  return absl::OkStatus();
}

}  // namespace

void AddLogImport(base::Tool& tool) {
  const auto flags = std::make_shared<ImportFlags>();
  CLI::App& app = tool.AddVerb("import", "Store a public log, a table or exported lines; importing twice stores once",
                               "vickrey market generate --scenario linear --auctions 1000 --seed 1 >/tmp/linear.jsonl; "
                               "vickrey log import --db /tmp/imported --format jsonl /tmp/linear.jsonl",
                               [flags] {
                                 base::NoteInterrupts();
                                 return Run(*flags);
                               });
  std::string formats = "What it is:";
  for (const log::ImportFormat& format : log::ImportFormats()) {
    absl::StrAppend(&formats, "\n", std::string(format.name), " - ", std::string(format.summary));
  }
  app.add_option("--db", flags->db, "The log's folder, made if need be")->required();
  app.add_option("--format", flags->format, formats)->required();
  app.add_option("FILE", flags->file, "What to import; .gz and .zst are unpacked on the way")->required();
  app.add_option("--group-size", flags->group_size, "criteo, csv: rows that make an auction");
  app.add_option("--bids", flags->bids, "Draw bids, in units of the currency: lognormal:MU,SIGMA; default: 1 for all")
      ->default_str("none");
  app.add_option("--seed", flags->seed, "Of the bids");
  app.add_flag("--encode", flags->encode,
               "Store features as arrays of fingerprints and numbers: several times as fast to store and to read, the "
               "texts are lost");
  app.add_option("--items", flags->items, "open_bandit: the table of items (..._item_context.csv)");
  app.add_option("--schema", flags->schema, "csv: what its columns are (YAML or JSON of CsvConfig, docs/formats.md)");
  app.add_option("--rejects", flags->rejects,
                 "Where rows that cannot be read are written, with line and reason; default: in the log's folder");
  app.add_option("--max-rejects", flags->max_rejects, "Stop when more than this share of the rows is rejected")
      ->check(CLI::Range(0.0, 1.0));
  app.add_flag("--json", flags->json, "JSON on a terminal too");
}

}  // namespace vickrey::tools
