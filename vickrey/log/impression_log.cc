#include "vickrey/log/impression_log.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"
#include "vickrey/log/keys.h"
#include "vickrey/log/reader.h"
#include "vickrey/log/record.h"
#include "vickrey/log/snapshot.h"
#include "vickrey/log/staging.h"

namespace vickrey::log {
namespace {

using vickrey::storage::v1::LogMeta;
using vickrey::storage::v1::SnapshotManifest;
using vickrey::storage::v1::StoredAuction;
using vickrey::storage::v1::StoredFeedback;
using vickrey::storage::v1::StoredId;
using vickrey::storage::v1::StoredImport;
using vickrey::v1::AppendAuctionResult;
using vickrey::v1::AppendFeedbackResult;
using vickrey::v1::Feedback;
using vickrey::v1::LoggedAuction;
using Family = Database::Family;

std::string Digest(const std::string& bytes) {
  thread_local base::Sha256 sha;  // it starts over by itself
  sha.Update(bytes);
  return sha.Digest();
}

absl::Status InRecord(size_t i, const absl::Status& status) {
  return base::Annotate(status, absl::StrCat("records[", i, "]"));
}

// Moves the feedback that waited for `auction` to where a scan joins it. A report on an ad that is not in it stays.
absl::Status AdoptOrphans(const ImpressionLog::Prepared& record, Staging& staging) {
  const std::string from = OrphanPrefix(record.auction_id);
  const std::string to = FeedbackPrefix(record.event_time, record.auction_id);
  StoredAuction auction;                                     // parsed where there is an orphan
  std::vector<std::pair<std::string, std::string>> adopted;  // suffix, value
  {
    const auto it = staging.Iterate(Family::kOrphans);
    for (it->Seek(from); it->Valid() && it->key().starts_with(from); it->Next()) {
      StoredFeedback stored;
      RETURN_IF_ERROR(Database::Parse(Family::kOrphans, it->key().ToStringView(), it->value().ToStringView(), &stored));
      if (!auction.has_record()) {
        RETURN_IF_ERROR(Database::Parse(Family::kAuctions, record.auction_id, record.bytes, &auction));
      }
      if (!HasAd(auction.record().auction(), stored.feedback().ad_id())) continue;
      adopted.emplace_back(it->key().ToString().substr(from.size()), it->value().ToString());
    }
    RETURN_IF_ERROR(staging.StatusOf(it->status()));
  }
  for (const auto& [suffix, value] : adopted) {
    RETURN_IF_ERROR(staging.Put(Family::kFeedback, to + suffix, value));
    RETURN_IF_ERROR(staging.Delete(Family::kOrphans, from + suffix));
  }
  return absl::OkStatus();
}

absl::StatusOr<AppendAuctionResult> StageAuction(const ImpressionLog::Prepared& record, Staging& staging) {
  LogMeta& meta = staging.meta();
  if (!record.currency_code.empty() && !meta.currency_code().empty() && meta.currency_code() != record.currency_code) {
    return base::InvalidField("currency_code", absl::StrCat("'", record.currency_code, "' is not the log's, '",
                                                            meta.currency_code(), "'; a log has one currency"));
  }
  AppendAuctionResult result;
  result.set_auction_id(record.auction_id);
  StoredId id;
  ASSIGN_OR_RETURN(const bool known, staging.Get(Family::kIds, record.auction_id, &id));
  if (known) {
    const bool same = id.digest() == record.digest;
    result.set_status(same ? AppendAuctionResult::DUPLICATE : AppendAuctionResult::CONFLICT);
    if (same) result.set_sequence(id.sequence());
    return result;
  }
  if (!record.currency_code.empty()) meta.set_currency_code(record.currency_code);
  meta.set_last_sequence(meta.last_sequence() + 1);
  id.set_event_time(record.event_time);
  id.set_digest(record.digest);
  id.set_sequence(meta.last_sequence());
  RETURN_IF_ERROR(staging.Put(Family::kAuctions, AuctionKey(record.event_time, record.auction_id), record.bytes));
  RETURN_IF_ERROR(staging.Put(Family::kIds, record.auction_id, SerializeDeterministically(id)));
  if (staging.may_have_orphans()) RETURN_IF_ERROR(AdoptOrphans(record, staging));
  result.set_status(AppendAuctionResult::STORED);
  result.set_sequence(id.sequence());
  return result;
}

// The report with this id that starts with `prefix`, its suffix and value; none if there is none. An auction has few.
absl::StatusOr<std::optional<std::pair<std::string, std::string>>> FindReport(Family of, const std::string& prefix,
                                                                              const std::string& feedback_id,
                                                                              Staging& staging) {
  const auto it = staging.Iterate(of);
  for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
    const std::string suffix = it->key().ToString().substr(prefix.size());
    if (FeedbackIdOf(suffix) == feedback_id) return std::make_pair(suffix, it->value().ToString());
  }
  RETURN_IF_ERROR(staging.StatusOf(it->status()));
  return std::nullopt;
}

absl::StatusOr<AppendFeedbackResult> StageFeedback(const Feedback& report, Staging& staging) {
  StoredId id;
  ASSIGN_OR_RETURN(const bool is_known, staging.Get(Family::kIds, report.auction_id(), &id));
  if (is_known) {
    StoredAuction stored;
    ASSIGN_OR_RETURN(const bool found,
                     staging.Get(Family::kAuctions, AuctionKey(id.event_time(), report.auction_id()), &stored));
    if (!found) return absl::DataLossError(absl::StrCat("auction ", report.auction_id(), " is known and not there"));
    if (!HasAd(stored.record().auction(), report.ad_id())) {
      return base::InvalidField("ad_id",
                                absl::StrCat("'", report.ad_id(), "' was not in auction ", report.auction_id()));
    }
  }
  const Family family = is_known ? Family::kFeedback : Family::kOrphans;
  const std::string prefix =
      is_known ? FeedbackPrefix(id.event_time(), report.auction_id()) : OrphanPrefix(report.auction_id());
  const std::string suffix = FeedbackSuffix(report.ad_id(), report.kind(), report.feedback_id());
  StoredFeedback stored;
  *stored.mutable_feedback() = report;
  const std::string bytes = SerializeDeterministically(stored);
  AppendFeedbackResult result;
  result.set_feedback_id(report.feedback_id());
  ASSIGN_OR_RETURN(const auto before, FindReport(family, prefix, report.feedback_id(), staging));
  if (before.has_value()) {
    const bool same = before->first == suffix && before->second == bytes;
    result.set_status(same ? AppendFeedbackResult::DUPLICATE : AppendFeedbackResult::CONFLICT);
    return result;
  }
  RETURN_IF_ERROR(staging.Put(family, prefix + suffix, bytes));
  staging.meta().set_feedback(staging.meta().feedback() + 1);
  result.set_status(is_known ? AppendFeedbackResult::STORED : AppendFeedbackResult::ORPHAN);
  return result;
}

}  // namespace

ImpressionLog::ImpressionLog(std::filesystem::path path, std::unique_ptr<Database> database, LogMeta meta)
    : path_(std::move(path)), database_(std::move(database)), committer_(database_.get(), std::move(meta)) {}

absl::StatusOr<std::unique_ptr<ImpressionLog>> ImpressionLog::Open(const std::filesystem::path& path, bool create,
                                                                   const LogOptions& options) {
  ASSIGN_OR_RETURN(auto database, Database::OpenForWriting(path, create, options));
  ASSIGN_OR_RETURN(LogMeta meta, database->ReadMeta());
  return std::unique_ptr<ImpressionLog>(new ImpressionLog(path, std::move(database), std::move(meta)));
}

absl::StatusOr<ImpressionLog::Prepared> ImpressionLog::Prepare(const LoggedAuction& record) {
  RETURN_IF_ERROR(Validate(record));
  StoredAuction stored;
  stored.unsafe_arena_set_allocated_record(const_cast<LoggedAuction*>(&record));  // lent, not copied
  Prepared prepared{.auction_id = record.auction().auction_id(),
                    .currency_code = record.auction().currency_code(),
                    .event_time = record.auction().event_time(),
                    .bytes = SerializeDeterministically(stored)};
  stored.unsafe_arena_release_record();
  prepared.digest = Digest(prepared.bytes);
  return prepared;
}

absl::StatusOr<std::vector<AppendAuctionResult>> ImpressionLog::AppendAuctions(std::span<const LoggedAuction> records) {
  std::vector<Prepared> prepared;
  prepared.reserve(records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    auto one = Prepare(records[i]);
    if (!one.ok()) return InRecord(i, one.status());
    prepared.push_back(*std::move(one));
  }
  return AppendPrepared(prepared);
}

absl::StatusOr<std::vector<AppendAuctionResult>> ImpressionLog::AppendPrepared(std::span<const Prepared> records) {
  std::vector<AppendAuctionResult> results;
  RETURN_IF_ERROR(committer_.Commit([&](Staging& staging) -> absl::Status {
    for (size_t i = 0; i < records.size(); ++i) {
      auto result = StageAuction(records[i], staging);
      if (!result.ok()) return InRecord(i, result.status());
      results.push_back(*std::move(result));
    }
    return absl::OkStatus();
  }));
  return results;
}

absl::StatusOr<std::vector<AppendFeedbackResult>> ImpressionLog::AppendFeedback(std::span<const Feedback> reports) {
  std::vector<Feedback> resolved(reports.begin(), reports.end());
  for (size_t i = 0; i < resolved.size(); ++i) {
    RETURN_IF_ERROR(InRecord(i, ResolveToken(&resolved[i])));
    RETURN_IF_ERROR(InRecord(i, Validate(resolved[i])));
  }
  std::vector<AppendFeedbackResult> results;
  RETURN_IF_ERROR(committer_.Commit([&](Staging& staging) -> absl::Status {
    for (size_t i = 0; i < resolved.size(); ++i) {
      auto result = StageFeedback(resolved[i], staging);
      if (!result.ok()) return InRecord(i, result.status());
      results.push_back(*std::move(result));
    }
    return absl::OkStatus();
  }));
  return results;
}

absl::Status ImpressionLog::BeginImport(const std::string& file_digest, const std::string& options) {
  const std::string key = "import " + file_digest;
  return committer_.Commit([&](Staging& staging) -> absl::Status {
    StoredImport before;
    ASSIGN_OR_RETURN(const bool known, staging.Get(Family::kMeta, key, &before));
    if (known && before.options() != options) {
      return base::InvalidField("FILE", absl::StrCat("was imported with other options: ", before.options(), ", not ",
                                                     options, "; use another log for these"));
    }
    if (known) return absl::OkStatus();
    before.set_options(options);
    return staging.Put(Family::kMeta, key, SerializeDeterministically(before));
  });
}

absl::StatusOr<SnapshotManifest> ImpressionLog::CreateSnapshot(const std::function<absl::Status()>& check) {
  return FreezeSnapshot(path_, *database_, &committer_, check);
}

std::unique_ptr<LogReader> ImpressionLog::NewReader() const { return LogReader::OfWriter(path_ / "data", database_); }

}  // namespace vickrey::log
