#include "vickrey/log/verify.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "rocksdb/metadata.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"
#include "vickrey/log/database.h"
#include "vickrey/log/keys.h"
#include "vickrey/log/record.h"
#include "vickrey/log/rocksdb_status.h"
#include "vickrey/log/snapshot.h"
#include "vickrey/storage/v1/log.pb.h"

namespace vickrey::log {
namespace {

namespace fs = std::filesystem;
using vickrey::storage::v1::LogMeta;
using vickrey::storage::v1::SnapshotManifest;
using vickrey::storage::v1::StoredAuction;
using vickrey::storage::v1::StoredFeedback;
using vickrey::storage::v1::StoredId;
using vickrey::v1::Auction;
using vickrey::v1::Feedback;
using Family = Database::Family;

std::string Text(const absl::Status& status) { return {status.message().data(), status.message().size()}; }

// The file that an error is about: the path in its text, or the folder.
std::string FileOf(const absl::Status& status, const fs::path& folder) {
  const std::string text = Text(status);
  const size_t at = text.find(folder.string() + "/");
  if (at == std::string::npos) return folder.string();
  return text.substr(at, text.find_first_of(" :,'", at) - at);
}

class Verifier {
 public:
  explicit Verifier(const Database& database) : database_(database) {}

  void Run() {
    Files();
    const auto meta = database_.ReadMeta();
    if (!meta.ok()) Add("meta", "record", Text(meta.status()));
    Auctions();
    Ids();
    Reports();
    Orphans();
    if (meta.ok()) Counts(*meta);
  }

  void Add(std::string file, std::string kind, std::string message) {
    ++found_.problem_count;
    if (found_.problems.size() < kMaxProblems) {
      found_.problems.push_back({std::move(file), std::move(kind), std::move(message)});
    }
  }

  Verification& found() { return found_; }

 private:
  // The checksum of every block of every file.
  void Files() {
    std::vector<rocksdb::LiveFileMetaData> files;
    database_.db().GetLiveFilesMetaData(&files);
    for (const rocksdb::LiveFileMetaData& file : files) {
      const absl::Status checked = CheckTable(file.db_path + file.name);
      if (!checked.ok()) Add(file.db_path + file.name, "checksum", Text(checked));
    }
  }

  // Calls `check` on every key and value of a family; false where the end could not be reached.
  template <typename Check>
  bool Each(Family of, Check check) {
    const auto it = database_.Iterate(of);
    std::string last;
    bool first = true;
    for (it->SeekToFirst(); it->Valid(); it->Next(), first = false) {
      if (!first && it->key().compare(last) <= 0) Add(Name(of), "key", absl::StrCat(Quoted(last), " is out of order"));
      last = it->key().ToString();
      check(last, it->value().ToStringView());
    }
    if (it->status().ok()) return true;
    Add(Name(of), "checksum", absl::StrCat("cannot be read to its end: ", it->status().ToString()));
    return false;
  }

  template <typename Message>
  std::optional<Message> Read(Family of, std::string_view key, std::string_view value) {
    Message message;
    const absl::Status parsed = Database::Parse(of, key, value, &message);
    if (parsed.ok()) return message;
    Add(Name(of), "record", Text(parsed));
    return std::nullopt;
  }

  void Auctions() {
    read_auctions_ = Each(Family::kAuctions, [this](const std::string& key, std::string_view value) {
      ++found_.auctions;
      const auto stored = Read<StoredAuction>(Family::kAuctions, key, value);
      if (!stored.has_value()) return;
      const Auction& auction = stored->record().auction();
      if (const absl::Status valid = Validate(stored->record()); !valid.ok()) {
        Add("auctions", "record", absl::StrCat("auction ", auction.auction_id(), ": ", Text(valid)));
      }
      if (auction.event_time() < 0 || key != AuctionKey(auction.event_time(), auction.auction_id())) {
        Add("auctions", "key", absl::StrCat("auction ", auction.auction_id(), " lies at ", Quoted(key)));
      }
      StoredId id;
      const auto found = database_.Get(Family::kIds, auction.auction_id(), &id);
      if (!found.ok()) return Add("ids", "record", Text(found.status()));
      if (!*found) return Add("auctions", "id", absl::StrCat("auction ", auction.auction_id(), " has no id"));
      if (id.event_time() != auction.event_time()) {
        Add("ids", "id", absl::StrCat("the id of auction ", auction.auction_id(), " leads to another time"));
      }
      base::Sha256 sha;
      sha.Update(value);
      if (id.digest() != sha.Digest()) {
        Add("auctions", "id", absl::StrCat("auction ", auction.auction_id(), " is not what its id was made of"));
      }
    });
  }

  // An auction has its id; where there are as many of one as of the other, an id has its auction.
  void Ids() {
    int64_t ids = 0;
    const bool read = Each(Family::kIds, [&](const std::string& key, std::string_view value) {
      ++ids;
      Read<StoredId>(Family::kIds, key, value);
    });
    if (!read || !read_auctions_ || ids == found_.auctions) return;
    Each(Family::kIds, [&](const std::string& key, std::string_view value) {
      StoredId id;
      if (!Database::Parse(Family::kIds, key, value, &id).ok()) return;
      StoredAuction stored;
      const auto found =
          database_.Get(Family::kAuctions, AuctionKey(std::max<int64_t>(id.event_time(), 0), key), &stored);
      if (found.ok() && !*found) Add("ids", "id", absl::StrCat("auction ", key, " is known and not there"));
    });
  }

  void Reports() {
    std::string last_auction;  // whose reports come one after the other
    StoredAuction auction;
    bool found = false;
    read_feedback_ = Each(Family::kFeedback, [&](const std::string& key, std::string_view value) {
      ++found_.feedback;
      const auto report = Report(Family::kFeedback, key, value);
      if (!report.has_value()) return;
      const std::string at = key.substr(0, std::min(key.size(), 8 + report->auction_id().size()));
      if (at != last_auction) {
        const auto got = database_.Get(Family::kAuctions, at, &auction);
        if (!got.ok()) return Add("auctions", "record", Text(got.status()));
        found = *got;
        last_auction = at;
      }
      const int64_t time = key.size() < 8 ? -1 : TimeOfKey(key);
      if (time < 0 || key != FeedbackPrefix(time, report->auction_id()) + SuffixOf(*report)) {
        Add("feedback", "key", absl::StrCat("report ", report->feedback_id(), " lies at ", Quoted(key)));
      } else if (!found) {
        Add("feedback", "join",
            absl::StrCat("report ", report->feedback_id(), " is on auction ", report->auction_id(),
                         ", which is not there at that time"));
      } else if (!HasAd(auction.record().auction(), report->ad_id())) {
        Add("feedback", "join",
            absl::StrCat("report ", report->feedback_id(), " is on ad ", report->ad_id(), ", which was not in auction ",
                         report->auction_id()));
      }
    });
  }

  void Orphans() {
    const bool read = Each(Family::kOrphans, [&](const std::string& key, std::string_view value) {
      ++found_.feedback;
      const auto report = Report(Family::kOrphans, key, value);
      if (!report.has_value()) return;
      if (key != OrphanPrefix(report->auction_id()) + SuffixOf(*report)) {
        Add("orphans", "key", absl::StrCat("report ", report->feedback_id(), " lies at ", Quoted(key)));
      }
      StoredId id;
      StoredAuction auction;
      const auto known = database_.Get(Family::kIds, report->auction_id(), &id);
      if (!known.ok() || !*known) return;
      const auto found = database_.Get(
          Family::kAuctions, AuctionKey(std::max<int64_t>(id.event_time(), 0), report->auction_id()), &auction);
      if (found.ok() && *found && HasAd(auction.record().auction(), report->ad_id())) {
        Add("orphans", "join",
            absl::StrCat("report ", report->feedback_id(), " waits for auction ", report->auction_id(),
                         ", which is there"));
      }
    });
    read_feedback_ = read_feedback_ && read;
  }

  void Counts(const LogMeta& meta) {
    const auto check = [this](const char* what, int64_t have, uint64_t stored, uint64_t pruned) {
      if (static_cast<uint64_t>(have) + pruned == stored) return;
      Add("meta", "count",
          absl::StrCat(what, ": ", have, " are there, ", stored, " were stored and ", pruned, " pruned"));
    };
    if (read_auctions_) check("auctions", found_.auctions, meta.last_sequence(), meta.pruned_auctions());
    if (read_feedback_) check("reports", found_.feedback, meta.feedback(), meta.pruned_feedback());
  }

  std::optional<Feedback> Report(Family of, std::string_view key, std::string_view value) {
    auto stored = Read<StoredFeedback>(of, key, value);
    if (!stored.has_value()) return std::nullopt;
    if (const absl::Status valid = Validate(stored->feedback()); !valid.ok()) {
      Add(Name(of), "record", absl::StrCat("report ", stored->feedback().feedback_id(), ": ", Text(valid)));
    }
    return std::move(*stored->mutable_feedback());
  }

  static std::string SuffixOf(const Feedback& report) {
    return FeedbackSuffix(report.ad_id(), report.kind(), report.feedback_id());
  }
  static std::string Name(Family of) { return std::string(Database::NameOf(of)); }
  static std::string Quoted(std::string_view key) {
    return absl::StrCat("'", absl::CHexEscape({key.data(), key.size()}), "'");
  }

  const Database& database_;
  Verification found_;
  bool read_auctions_ = false, read_feedback_ = false;  // to their ends
};

}  // namespace

absl::StatusOr<Verification> Verify(const fs::path& log, const std::string& snapshot_id) {
  fs::path data = log / "data";
  std::optional<SnapshotManifest> manifest;
  if (!snapshot_id.empty()) {
    ASSIGN_OR_RETURN(manifest, FindSnapshot(log, snapshot_id));
    data = SnapshotData(log, snapshot_id);
  }
  const auto database = snapshot_id.empty() ? Database::OpenForReading(log) : Database::OpenFolderForReading(data);
  if (absl::IsDataLoss(database.status())) {
    Verification failed;
    failed.problems.push_back({FileOf(database.status(), data), "files", Text(database.status())});
    failed.problem_count = 1;
    return failed;
  }
  RETURN_IF_ERROR(database);
  Verifier verifier(**database);
  verifier.Run();
  if (manifest.has_value() && verifier.found().problem_count == 0) {
    ASSIGN_OR_RETURN(const std::string digest, ContentDigest(**database));
    if (digest != manifest->digest()) {
      verifier.Add(data.string(), "digest", absl::StrCat("is ", digest, ", and was ", manifest->digest()));
    }
  }
  return std::move(verifier.found());
}

}  // namespace vickrey::log
