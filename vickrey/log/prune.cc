// ImpressionLog::Prune.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vickrey/base/interrupt.h"
#include "vickrey/base/status.h"
#include "vickrey/log/impression_log.h"
#include "vickrey/log/keys.h"
#include "vickrey/log/staging.h"

namespace vickrey::log {
namespace {

using vickrey::storage::v1::StoredFeedback;
using Family = Database::Family;

constexpr size_t kStep = 10'000;     // records that are deleted in one batch, but for the last auction's reports
constexpr size_t kLooked = 100'000;  // orphans that are looked at while others wait to write

// Stages the deletion of the first auctions before `before` and their reports, about kStep; adds what it was. False
// when none are left. Key by key, so that what is staged behind it in the same batch sees that they are gone.
absl::StatusOr<bool> StageStep(int64_t before, Staging& staging, ImpressionLog::Pruned* pruned) {
  std::string end = TimeKey(before);  // the first key that stays
  std::vector<std::string> auctions, feedback;
  {
    const auto it = staging.Iterate(Family::kAuctions), reports = staging.Iterate(Family::kFeedback);
    reports->SeekToFirst();
    for (it->SeekToFirst(); it->Valid() && it->key().compare(end) < 0; it->Next()) {
      // Its reports, and any before it: both families are in the same order.
      const std::string behind = it->key().ToString() + '\x01';
      if (auctions.size() + feedback.size() >= kStep) {
        end = it->key().ToString();
        break;
      }
      if (it->key().size() <= 8) return absl::DataLossError("the key of an auction is too short");
      auctions.push_back(it->key().ToString());
      for (; reports->Valid() && reports->key().compare(behind) < 0; reports->Next()) {
        feedback.push_back(reports->key().ToString());
      }
    }
    RETURN_IF_ERROR(staging.StatusOf(it->status()));
    // Those behind the last auction have none; there should be none of them.
    for (; reports->Valid() && feedback.size() < kStep && reports->key().compare(end) < 0; reports->Next()) {
      feedback.push_back(reports->key().ToString());
    }
    RETURN_IF_ERROR(staging.StatusOf(reports->status()));
  }
  if (auctions.empty() && feedback.empty()) return false;
  for (const std::string& key : auctions) {
    RETURN_IF_ERROR(staging.Delete(Family::kAuctions, key));
    RETURN_IF_ERROR(staging.Delete(Family::kIds, std::string_view(key).substr(8)));
  }
  for (const std::string& key : feedback) RETURN_IF_ERROR(staging.Delete(Family::kFeedback, key));
  auto& meta = staging.meta();
  meta.set_pruned_auctions(meta.pruned_auctions() + auctions.size());
  meta.set_pruned_feedback(meta.pruned_feedback() + feedback.size());
  pruned->auctions += static_cast<int64_t>(auctions.size());
  pruned->feedback += static_cast<int64_t>(feedback.size());
  return true;
}

// The same of orphans. `from`: where to go on.
absl::StatusOr<bool> StageOrphans(int64_t before, Staging& staging, std::string* from, int64_t* orphans) {
  std::vector<std::string> old;
  bool more = false;
  {
    const auto it = staging.Iterate(Family::kOrphans);
    size_t looked = 0;
    for (it->Seek(*from); it->Valid() && old.size() < kStep && looked < kLooked; it->Next(), ++looked) {
      StoredFeedback stored;
      RETURN_IF_ERROR(Database::Parse(Family::kOrphans, it->key().ToStringView(), it->value().ToStringView(), &stored));
      if (stored.feedback().event_time() < before) old.push_back(it->key().ToString());
      *from = it->key().ToString() + '\0';
    }
    more = it->Valid();
    RETURN_IF_ERROR(staging.StatusOf(it->status()));
  }
  for (const std::string& key : old) RETURN_IF_ERROR(staging.Delete(Family::kOrphans, key));
  staging.meta().set_pruned_feedback(staging.meta().pruned_feedback() + old.size());
  *orphans += static_cast<int64_t>(old.size());
  return more;
}

}  // namespace

absl::StatusOr<ImpressionLog::Pruned> ImpressionLog::Prune(int64_t before) {
  if (before < 0) return base::InvalidField("before", "is not a time since 1970");
  Pruned pruned;
  for (bool more = true; more;) {
    RETURN_IF_ERROR(base::CheckInterrupt());
    RETURN_IF_ERROR(committer_.Commit([&](Staging& staging) -> absl::Status {
      ASSIGN_OR_RETURN(more, StageStep(before, staging, &pruned));
      return absl::OkStatus();
    }));
  }
  std::string from;
  for (bool more = true; more;) {
    RETURN_IF_ERROR(base::CheckInterrupt());
    RETURN_IF_ERROR(committer_.Commit([&](Staging& staging) -> absl::Status {
      ASSIGN_OR_RETURN(more, StageOrphans(before, staging, &from, &pruned.orphans));
      return absl::OkStatus();
    }));
  }
  // The space comes back when the files are written anew without what was deleted.
  const std::string end = TimeKey(before);
  const rocksdb::Slice to(end);
  for (const Family family : {Family::kAuctions, Family::kFeedback}) {
    RETURN_IF_ERROR(database_->StatusOf(database_->db().CompactRange({}, database_->family(family), nullptr, &to)));
  }
  for (const Family family : {Family::kIds, Family::kOrphans}) {
    RETURN_IF_ERROR(database_->StatusOf(database_->db().CompactRange({}, database_->family(family), nullptr, nullptr)));
  }
  return pruned;
}

}  // namespace vickrey::log
