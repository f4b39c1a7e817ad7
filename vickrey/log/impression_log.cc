#include "vickrey/log/impression_log.h"

#include <set>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "rocksdb/write_batch.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"
#include "vickrey/log/keys.h"
#include "vickrey/log/record.h"
#include "vickrey/log/rocksdb_status.h"
#include "vickrey/log/snapshot.h"

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
using vickrey::v1::Auction;
using vickrey::v1::Feedback;
using vickrey::v1::LoggedAuction;
using Family = Database::Family;

std::string Digest(const std::string& bytes) {
  base::Sha256 sha;
  sha.Update(bytes);
  return sha.Digest();
}

absl::Status InRecord(size_t i, const absl::Status& status) {
  return base::Annotate(status, absl::StrCat("records[", i, "]"));
}

bool HasAd(const Auction& auction, const std::string& ad_id) {
  for (const auto& candidate : auction.candidates()) {
    if (candidate.ad_id() == ad_id) return true;
  }
  return false;
}

}  // namespace

ImpressionLog::ImpressionLog(std::filesystem::path path, std::unique_ptr<Database> database, LogMeta meta)
    : path_(std::move(path)), database_(std::move(database)), meta_(std::move(meta)) {}

absl::StatusOr<std::unique_ptr<ImpressionLog>> ImpressionLog::Open(const std::filesystem::path& path, bool create) {
  ASSIGN_OR_RETURN(auto database, Database::OpenForWriting(path, create));
  ASSIGN_OR_RETURN(LogMeta meta, database->ReadMeta());
  return std::unique_ptr<ImpressionLog>(new ImpressionLog(path, std::move(database), std::move(meta)));
}

absl::Status ImpressionLog::Commit(rocksdb::WriteBatch* batch, const LogMeta& meta) {
  if (batch->Count() == 0) return absl::OkStatus();
  RETURN_IF_ERROR(
      FromRocksDb(batch->Put(database_->family(Family::kMeta), kMetaKey, SerializeDeterministically(meta))));
  rocksdb::WriteOptions options;
  options.sync = true;
  RETURN_IF_ERROR(FromRocksDb(database_->db().Write(options, batch)));
  meta_ = meta;
  return absl::OkStatus();
}

// Moves the feedback that waited for `auction` to where a scan joins it. A report on an ad that is not in it stays.
absl::Status ImpressionLog::AdoptOrphans(const Auction& auction, rocksdb::WriteBatch* batch) const {
  const std::string from = OrphanPrefix(auction.auction_id());
  const std::string to = FeedbackPrefix(auction.event_time(), auction.auction_id());
  const auto it = database_->Iterate(Family::kOrphans);
  for (it->Seek(from); it->Valid() && it->key().starts_with(from); it->Next()) {
    rocksdb::Slice suffix = it->key();
    suffix.remove_prefix(from.size());
    StoredFeedback stored;
    if (!stored.ParseFromArray(it->value().data(), static_cast<int>(it->value().size()))) {
      return absl::DataLossError(
          absl::StrCat("a report that waits for auction ", auction.auction_id(), " does not parse"));
    }
    if (!HasAd(auction, stored.feedback().ad_id())) continue;
    RETURN_IF_ERROR(FromRocksDb(batch->Put(database_->family(Family::kFeedback), to + suffix.ToString(), it->value())));
    RETURN_IF_ERROR(FromRocksDb(batch->Delete(database_->family(Family::kOrphans), it->key())));
  }
  return FromRocksDb(it->status());
}

absl::StatusOr<std::vector<AppendAuctionResult>> ImpressionLog::AppendAuctions(std::span<const LoggedAuction> records) {
  for (size_t i = 0; i < records.size(); ++i) RETURN_IF_ERROR(InRecord(i, Validate(records[i])));

  absl::MutexLock lock(&mu_);
  LogMeta meta = meta_;
  rocksdb::WriteBatch batch;
  std::unordered_map<std::string, StoredId> in_batch;
  std::vector<AppendAuctionResult> results;
  for (size_t i = 0; i < records.size(); ++i) {
    const Auction& auction = records[i].auction();
    if (!auction.currency_code().empty()) {
      if (!meta.currency_code().empty() && meta.currency_code() != auction.currency_code()) {
        return InRecord(
            i, base::InvalidField("currency_code", absl::StrCat("'", auction.currency_code(), "' is not the log's, '",
                                                                meta.currency_code(), "'; a log has one currency")));
      }
    }
    StoredAuction stored;
    *stored.mutable_record() = records[i];
    const std::string bytes = SerializeDeterministically(stored);
    const std::string digest = Digest(bytes);

    AppendAuctionResult& result = results.emplace_back();
    result.set_auction_id(auction.auction_id());
    StoredId known;
    bool is_known = false;
    if (const auto found = in_batch.find(auction.auction_id()); found != in_batch.end()) {
      known = found->second;
      is_known = true;
    } else {
      ASSIGN_OR_RETURN(is_known, database_->Get(Family::kIds, auction.auction_id(), &known));
    }
    if (is_known) {
      const bool same = known.digest() == digest;
      result.set_status(same ? AppendAuctionResult::DUPLICATE : AppendAuctionResult::CONFLICT);
      if (same) result.set_sequence(known.sequence());
      continue;
    }
    if (!auction.currency_code().empty()) meta.set_currency_code(auction.currency_code());
    meta.set_last_sequence(meta.last_sequence() + 1);
    StoredId id;
    id.set_event_time(auction.event_time());
    id.set_digest(digest);
    id.set_sequence(meta.last_sequence());
    RETURN_IF_ERROR(FromRocksDb(batch.Put(database_->family(Family::kAuctions),
                                          AuctionKey(auction.event_time(), auction.auction_id()), bytes)));
    RETURN_IF_ERROR(
        FromRocksDb(batch.Put(database_->family(Family::kIds), auction.auction_id(), SerializeDeterministically(id))));
    RETURN_IF_ERROR(AdoptOrphans(auction, &batch));
    in_batch.emplace(auction.auction_id(), id);
    result.set_status(AppendAuctionResult::STORED);
    result.set_sequence(id.sequence());
  }
  RETURN_IF_ERROR(Commit(&batch, meta));
  return results;
}

absl::StatusOr<std::vector<AppendFeedbackResult>> ImpressionLog::AppendFeedback(std::span<const Feedback> reports) {
  std::vector<Feedback> resolved(reports.begin(), reports.end());
  for (size_t i = 0; i < resolved.size(); ++i) {
    RETURN_IF_ERROR(InRecord(i, ResolveToken(&resolved[i])));
    RETURN_IF_ERROR(InRecord(i, Validate(resolved[i])));
  }

  absl::MutexLock lock(&mu_);
  LogMeta meta = meta_;
  rocksdb::WriteBatch batch;
  std::set<std::pair<Family, std::string>> in_batch;
  std::vector<AppendFeedbackResult> results;
  for (size_t i = 0; i < resolved.size(); ++i) {
    const Feedback& report = resolved[i];
    AppendFeedbackResult& result = results.emplace_back();
    result.set_feedback_id(report.feedback_id());
    StoredId id;
    ASSIGN_OR_RETURN(const bool is_known, database_->Get(Family::kIds, report.auction_id(), &id));
    if (is_known) {
      StoredAuction stored;
      RETURN_IF_ERROR(database_->Get(Family::kAuctions, AuctionKey(id.event_time(), report.auction_id()), &stored));
      if (!HasAd(stored.record().auction(), report.ad_id())) {
        return InRecord(i, base::InvalidField("ad_id", absl::StrCat("'", report.ad_id(), "' was not in auction ",
                                                                    report.auction_id())));
      }
    }
    const Family family = is_known ? Family::kFeedback : Family::kOrphans;
    const std::string key =
        (is_known ? FeedbackPrefix(id.event_time(), report.auction_id()) : OrphanPrefix(report.auction_id())) +
        FeedbackSuffix(report.ad_id(), report.kind(), report.feedback_id());
    StoredFeedback before;
    ASSIGN_OR_RETURN(const bool is_stored, database_->Get(family, key, &before));
    if (is_stored || !in_batch.emplace(family, key).second) {
      result.set_status(AppendFeedbackResult::DUPLICATE);
      continue;
    }
    StoredFeedback stored;
    *stored.mutable_feedback() = report;
    RETURN_IF_ERROR(FromRocksDb(batch.Put(database_->family(family), key, SerializeDeterministically(stored))));
    meta.set_feedback(meta.feedback() + 1);
    result.set_status(is_known ? AppendFeedbackResult::STORED : AppendFeedbackResult::ORPHAN);
  }
  RETURN_IF_ERROR(Commit(&batch, meta));
  return results;
}

absl::Status ImpressionLog::BeginImport(const std::string& file_digest, const std::string& options) {
  const std::string key = "import " + file_digest;
  absl::MutexLock lock(&mu_);
  StoredImport before;
  ASSIGN_OR_RETURN(const bool known, database_->Get(Family::kMeta, key, &before));
  if (known && before.options() != options) {
    return base::InvalidField("FILE", absl::StrCat("was imported with other options: ", before.options(), ", not ",
                                                   options, "; use another log for these"));
  }
  if (known) return absl::OkStatus();
  before.set_options(options);
  rocksdb::WriteBatch batch;
  RETURN_IF_ERROR(FromRocksDb(batch.Put(database_->family(Family::kMeta), key, SerializeDeterministically(before))));
  return Commit(&batch, meta_);
}

absl::StatusOr<SnapshotManifest> ImpressionLog::CreateSnapshot() { return FreezeSnapshot(path_, *database_); }

}  // namespace vickrey::log
