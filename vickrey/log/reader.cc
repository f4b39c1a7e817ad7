#include "vickrey/log/reader.h"

#include <algorithm>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "vickrey/base/status.h"
#include "vickrey/log/keys.h"
#include "vickrey/log/record.h"
#include "vickrey/log/snapshot.h"
#include "vickrey/storage/v1/log.pb.h"

namespace vickrey::log {
namespace {

namespace fs = std::filesystem;
using vickrey::storage::v1::ScanCursor;
using vickrey::storage::v1::StoredAuction;
using vickrey::storage::v1::StoredFeedback;
using vickrey::v1::Feedback;
using vickrey::v1::LoggedAuction;
using Family = Database::Family;

// The candidate that a report is about: the one with its ad that was shown, or the first with it; -1 for none.
template <typename AdOf, typename IsShown>
int CandidateOf(size_t candidates, std::string_view ad_id, AdOf ad_of, IsShown is_shown) {
  int found = -1;
  for (size_t i = 0; i < candidates; ++i) {
    if (ad_of(i) != ad_id) continue;
    if (is_shown(i)) return static_cast<int>(i);
    if (found < 0) found = static_cast<int>(i);
  }
  return found;
}

absl::Status BadAuction(rocksdb::Slice key) {
  return absl::DataLossError(
      absl::StrCat("the auction at key '", absl::CHexEscape({key.data(), key.size()}), "' does not parse"));
}

void Add(const Feedback& report, vickrey::v1::LoggedCandidate* candidate) {
  if (report.kind() == Feedback::CLICK) candidate->set_click(true);
  if (report.kind() != Feedback::CONVERSION) return;
  candidate->set_conversions(candidate->conversions() + 1);
  if (!report.has_value_micros()) return;
  // Both are at most kMaxMicros, so that this does not overflow, and neither does what a record may hold.
  candidate->set_conversion_value_micros(
      std::min(candidate->conversion_value_micros() + report.value_micros(), kMaxMicros));
}

}  // namespace

LogReader::LogReader(std::string snapshot_id, int64_t opened_time, fs::path data,
                     std::shared_ptr<const Database> database, std::shared_ptr<const rocksdb::Snapshot> at)
    : snapshot_id_(std::move(snapshot_id)),
      as_of_(opened_time),
      data_(std::move(data)),
      database_(std::move(database)),
      at_(std::move(at)) {}

absl::StatusOr<std::unique_ptr<LogReader>> LogReader::Open(const fs::path& log, const std::string& snapshot_id) {
  if (snapshot_id.empty()) {
    ASSIGN_OR_RETURN(auto database, Database::OpenForReading(log));
    RETURN_IF_ERROR(database->ReadMeta());
    return std::unique_ptr<LogReader>(
        new LogReader("", absl::ToUnixMicros(absl::Now()), log / "data", std::move(database)));
  }
  ASSIGN_OR_RETURN(const auto manifest, FindSnapshot(log, snapshot_id));
  const fs::path data = SnapshotData(log, snapshot_id);
  ASSIGN_OR_RETURN(auto database, Database::OpenFolderForReading(data));
  return std::unique_ptr<LogReader>(new LogReader(snapshot_id, manifest.created_time(), data, std::move(database)));
}

std::unique_ptr<LogReader> LogReader::OfWriter(fs::path data, std::shared_ptr<const Database> database) {
  // It holds the database, which must be there when it is released.
  std::shared_ptr<const rocksdb::Snapshot> at(
      database->db().GetSnapshot(),
      [database](const rocksdb::Snapshot* snapshot) { database->db().ReleaseSnapshot(snapshot); });
  return std::unique_ptr<LogReader>(
      new LogReader("", absl::ToUnixMicros(absl::Now()), std::move(data), std::move(database), std::move(at)));
}

absl::StatusOr<std::unique_ptr<LogReader::Scan>> LogReader::NewScan(const ScanOptions& options) const {
  auto scan = std::make_unique<Scan>();
  scan->snapshot_id_ = snapshot_id_;
  scan->to_ = options.to;
  scan->as_of_ = options.as_of.value_or(as_of_);
  scan->join_ = options.join;
  scan->young_clicks_ = options.young_clicks;
  scan->mature_until_ = options.as_of.value_or(as_of_) - absl::ToInt64Microseconds(options.label_window);
  std::string start = TimeKey(std::max<int64_t>(options.from, 0));
  if (!options.cursor.empty()) {
    std::string bytes;
    ScanCursor cursor;
    if (!absl::WebSafeBase64Unescape(options.cursor, &bytes) || !cursor.ParseFromString(bytes) ||
        cursor.last_key().size() <= 8) {
      return base::InvalidField("cursor", "is not a cursor that a scan wrote");
    }
    if (cursor.snapshot_id() != snapshot_id_) {
      return base::InvalidField(
          "cursor", absl::StrCat("is of snapshot '", cursor.snapshot_id(), "', not of '", snapshot_id_, "'"));
    }
    scan->last_key_ = cursor.last_key();
    start = std::max(start, cursor.last_key() + '\0');  // the least key behind it
  }
  scan->database_ = database_;
  scan->auctions_ = database_->Iterate(Family::kAuctions, at_.get());
  scan->feedback_ = database_->Iterate(Family::kFeedback, at_.get());
  scan->auctions_->Seek(start);
  scan->feedback_->Seek(start);
  return scan;
}

absl::StatusOr<bool> LogReader::Scan::Next(LoggedAuction* record) {
  if (!auctions_->Valid()) {
    RETURN_IF_ERROR(database_->StatusOf(auctions_->status()));
    return false;
  }
  const rocksdb::Slice key = auctions_->key();
  StoredAuction stored;
  if (key.size() <= 8 ||
      !stored.ParseFromArray(auctions_->value().data(), static_cast<int>(auctions_->value().size()))) {
    return BadAuction(key);
  }
  if (stored.record().auction().event_time() >= to_) return false;
  *record = std::move(*stored.mutable_record());
  if (join_) {
    while (record->candidates_size() < record->auction().candidates_size()) record->add_candidates();
    RETURN_IF_ERROR(Join(key, record));
  }
  last_key_ = key.ToString();
  auctions_->Next();
  return true;
}

absl::Status LogReader::Scan::Join(rocksdb::Slice key, LoggedAuction* record) {
  const bool is_young = record->auction().event_time() > mature_until_;
  const std::string prefix = key.ToString() + '\0';
  // Both families are in the order of (event time, auction id), so the feedback iterator only ever moves on.
  while (feedback_->Valid() && feedback_->key().compare(prefix) < 0) feedback_->Next();
  for (; feedback_->Valid() && feedback_->key().starts_with(prefix); feedback_->Next()) {
    StoredFeedback stored;
    if (!stored.ParseFromArray(feedback_->value().data(), static_cast<int>(feedback_->value().size()))) {
      return absl::DataLossError(absl::StrCat("the feedback at key '",
                                              absl::CHexEscape({feedback_->key().data(), feedback_->key().size()}),
                                              "' does not parse"));
    }
    if (stored.feedback().event_time() > as_of_) continue;
    if (is_young && !young_clicks_ && stored.feedback().kind() == Feedback::CLICK) continue;
    const int i = CandidateOf(
        static_cast<size_t>(record->auction().candidates_size()), stored.feedback().ad_id(),
        [&](size_t k) -> std::string_view { return record->auction().candidates(static_cast<int>(k)).ad_id(); },
        [&](size_t k) { return record->candidates(static_cast<int>(k)).slot() > 0; });
    if (i >= 0) Add(stored.feedback(), record->mutable_candidates(i));
  }
  RETURN_IF_ERROR(database_->StatusOf(feedback_->status()));
  if (is_young) return absl::OkStatus();
  for (auto& candidate : *record->mutable_candidates()) {
    if (candidate.slot() > 0 && !candidate.has_click()) candidate.set_click(false);
  }
  return absl::OkStatus();
}

LogReader::FlatScan::FlatScan(std::unique_ptr<Scan> scan, std::shared_ptr<const features::Schema> schema)
    : scan_(std::move(scan)), decoder_(std::move(schema)) {}

absl::StatusOr<std::unique_ptr<LogReader::FlatScan>> LogReader::NewFlatScan(
    const ScanOptions& options, std::shared_ptr<const features::Schema> schema) const {
  ASSIGN_OR_RETURN(auto scan, NewScan(options));
  return std::unique_ptr<FlatScan>(new FlatScan(std::move(scan), std::move(schema)));
}

absl::StatusOr<bool> LogReader::FlatScan::Next(int64_t auctions, FlatBatch* batch) {
  batch->Clear();
  rocksdb::Iterator& it = *scan_->auctions_;
  for (; batch->auctions() < auctions && it.Valid(); it.Next()) {
    const rocksdb::Slice key = it.key();
    if (key.size() <= 8) return BadAuction(key);
    if (TimeOfKey(key.ToStringView()) >= scan_->to_) break;
    const absl::Status appended = decoder_.Append(it.value().ToStringView(), batch);
    if (absl::IsDataLoss(appended)) return BadAuction(key);
    RETURN_IF_ERROR(appended);
    if (scan_->join_) RETURN_IF_ERROR(Join(key, batch));
  }
  if (!it.Valid()) RETURN_IF_ERROR(scan_->database_->StatusOf(it.status()));
  return batch->auctions() > 0;
}

// As Scan::Join, of the batch's last auction.
absl::Status LogReader::FlatScan::Join(rocksdb::Slice key, FlatBatch* batch) {
  prefix_.assign(key.data(), key.size());
  prefix_.push_back('\0');
  const auto first = static_cast<size_t>(batch->offsets[batch->offsets.size() - 2]);
  const std::vector<std::string_view>& ads = decoder_.ad_ids();
  const bool is_young = batch->event_times.back() > scan_->mature_until_;
  rocksdb::Iterator& it = *scan_->feedback_;
  while (it.Valid() && it.key().compare(prefix_) < 0) it.Next();
  for (; it.Valid() && it.key().starts_with(prefix_); it.Next()) {
    RETURN_IF_ERROR(Database::Parse(Family::kFeedback, it.key().ToStringView(), it.value().ToStringView(), &report_));
    const Feedback& report = report_.feedback();
    if (report.kind() != Feedback::CLICK || report.event_time() > scan_->as_of_) continue;
    if (is_young && !scan_->young_clicks_) continue;
    const int i = CandidateOf(
        ads.size(), report.ad_id(), [&](size_t k) { return ads[k]; },
        [&](size_t k) { return batch->slots[first + k] > 0; });
    if (i >= 0) batch->clicks[first + static_cast<size_t>(i)] = 1;
  }
  if (!it.Valid()) RETURN_IF_ERROR(scan_->database_->StatusOf(it.status()));
  if (is_young) return absl::OkStatus();
  for (size_t k = first; k < batch->slots.size(); ++k) {
    if (batch->slots[k] > 0 && batch->clicks[k] < 0) batch->clicks[k] = 0;
  }
  return absl::OkStatus();
}

std::string LogReader::Scan::cursor() const {
  ScanCursor cursor;
  cursor.set_snapshot_id(snapshot_id_);
  cursor.set_last_key(last_key_);
  return absl::WebSafeBase64Escape(cursor.SerializeAsString());
}

absl::Status LogReader::ForEachFeedback(const std::function<absl::Status(const Feedback&)>& f) const {
  for (const Family family : {Family::kFeedback, Family::kOrphans}) {
    const auto it = database_->Iterate(family, at_.get());
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      StoredFeedback stored;
      if (!stored.ParseFromArray(it->value().data(), static_cast<int>(it->value().size()))) {
        return absl::DataLossError(absl::StrCat(
            "the feedback at key '", absl::CHexEscape({it->key().data(), it->key().size()}), "' does not parse"));
      }
      RETURN_IF_ERROR(f(stored.feedback()));
    }
    RETURN_IF_ERROR(database_->StatusOf(it->status()));
  }
  return absl::OkStatus();
}

absl::StatusOr<LogStats> LogReader::Stats(const std::function<absl::Status()>& check) const {
  ASSIGN_OR_RETURN(const auto scan, NewScan({}));
  LogStats stats;
  LoggedAuction record;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan->Next(&record));
    if (!more) break;
    if (++stats.auctions % 1024 == 0 && check) RETURN_IF_ERROR(check());
    stats.candidates += record.auction().candidates_size();
    for (const auto& candidate : record.candidates()) {
      stats.clicks += candidate.click();
      stats.labelled += candidate.has_click();
      stats.conversions += candidate.conversions();
      stats.conversion_value_micros += candidate.conversion_value_micros();
    }
    if (!stats.from.has_value()) stats.from = record.auction().event_time();
    stats.to = record.auction().event_time();
  }
  ASSIGN_OR_RETURN(const auto meta, database_->ReadMeta(at_.get()));
  stats.feedback = static_cast<int64_t>(meta.feedback() - meta.pruned_feedback());
  const auto orphans = database_->Iterate(Family::kOrphans, at_.get());
  for (orphans->SeekToFirst(); orphans->Valid(); orphans->Next()) ++stats.orphans;
  RETURN_IF_ERROR(database_->StatusOf(orphans->status()));
  std::error_code error;
  for (fs::directory_iterator it(data_, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    if (const auto size = it->file_size(gone); !gone) stats.bytes += static_cast<int64_t>(size);
  }
  return stats;
}

vickrey::v1::LogStatsLine ToLine(const LogStats& stats) {
  vickrey::v1::LogStatsLine line;
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
  return line;
}

}  // namespace vickrey::log
