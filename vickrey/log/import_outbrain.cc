#include "vickrey/log/import_outbrain.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "vickrey/base/limits.h"
#include "vickrey/base/status.h"
#include "vickrey/base/utf8.h"
#include "vickrey/features/schema.h"
#include "vickrey/log/csv_reader.h"
#include "vickrey/log/record.h"

namespace vickrey::log {
namespace {

using vickrey::v1::LoggedAuction;

constexpr int64_t kUnit = 1'000'000;

// The columns that are read.
enum Column { kDisplay, kAd, kDocument, kTime, kPlatform, kGeo, kClicked, kUser, kColumns };
constexpr std::array<std::string_view, kColumns> kNames = {
    "display_id", "ad_id", "document_id", "timestamp_view", "platform", "geo_location", "clicked", "uuid"};

struct Row {
  int64_t line = 0;
  int64_t number = 0;  // of the row, from 1
  int64_t event_time = 0;
  std::array<std::string, kColumns> values;
};

class OutbrainImporter final : public Importer {
 public:
  OutbrainImporter(const ImportOptions& options, std::istream* in) : options_(options), csv_(in) {}

  // Reads the header.
  absl::Status Start() {
    std::vector<std::string> header;
    ASSIGN_OR_RETURN(const bool more, csv_.Next(&header));
    if (more && header[0].starts_with("\xef\xbb\xbf")) header[0].erase(0, 3);  // a byte-order mark
    for (int c = 0; c < kColumns; ++c) {
      positions_[c] = -1;
      for (size_t i = 0; i < header.size(); ++i) {
        if (header[i] == kNames[c]) positions_[c] = static_cast<int>(i);
      }
      if (!more || positions_[c] < 0) {
        return base::InvalidField(kNames[c], absl::StrCat("the header has no such column; it has: ",
                                                          absl::StrJoin(header, ", ").substr(0, 200)));
      }
    }
    columns_ = header.size();
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(const Reject& reject, LoggedAuction* record) override {
    if (!has_row_) {
      ASSIGN_OR_RETURN(has_row_, ReadRow(reject));
    }
    if (!has_row_) return false;
    record->Clear();
    record->set_schema_id(schema_id_);
    auto& auction = *record->mutable_auction();
    auction.set_auction_id(absl::StrCat(options_.file_digest.substr(0, 12), "-", row_.number));
    auction.set_event_time(row_.event_time);
    auction.set_cluster_key(row_.values[kUser]);
    auto& context = *auction.mutable_context()->mutable_named()->mutable_fields();
    for (const Column c : {kDocument, kPlatform, kGeo}) {
      if (!row_.values[c].empty()) context[std::string(kNames[c])].set_string_value(row_.values[c]);
    }
    const std::string display = row_.values[kDisplay];
    while (has_row_ && row_.values[kDisplay] == display && auction.candidates_size() < base::kMaxCandidates) {
      auto& candidate = *auction.add_candidates();
      candidate.set_ad_id(row_.values[kAd]);
      candidate.mutable_bid()->set_micros(options_.bids.has_value() ? options_.bids->BidMicros(row_.number) : kUnit);
      (*candidate.mutable_features()->mutable_named()->mutable_fields())["ad_id"].set_string_value(row_.values[kAd]);
      record->add_candidates()->set_click(row_.values[kClicked] == "1");
      ASSIGN_OR_RETURN(has_row_, ReadRow(reject));
    }
    return true;
  }
  int64_t rows() const override { return rows_; }
  int64_t line() const override { return has_row_ ? row_.line : csv_.line(); }

 private:
  // Reads the next good row into row_, false at the end.
  absl::StatusOr<bool> ReadRow(const Reject& reject) {
    std::vector<std::string> fields;
    while (true) {
      ASSIGN_OR_RETURN(const bool more, csv_.Next(&fields));
      if (!more) return false;
      ++rows_;
      const absl::Status parsed = Parse(std::move(fields));
      if (parsed.ok()) return true;
      reject(csv_.line(), parsed);
    }
  }

  absl::Status Parse(std::vector<std::string> fields) {
    if (fields.size() != columns_) {
      return absl::InvalidArgumentError(absl::StrCat("has ", fields.size(), " columns; the header has ", columns_));
    }
    Row row{.line = csv_.line(), .number = rows_};
    for (int c = 0; c < kColumns; ++c) row.values[c] = std::move(fields[positions_[c]]);
    for (int c = 0; c < kColumns; ++c) {
      if (!base::IsUtf8(row.values[c])) return base::InvalidField(kNames[c], "is not UTF-8");
    }
    for (const Column c : {kAd, kUser}) {
      if (!features::IsId(row.values[c])) {
        return base::InvalidField(kNames[c], absl::StrCat("'", row.values[c].substr(0, 60),
                                                          "' is not 1 to 128 characters of [A-Za-z0-9._:-]"));
      }
    }
    if (row.values[kDisplay].empty()) return base::InvalidField(kNames[kDisplay], "is empty");
    if (row.values[kClicked] != "0" && row.values[kClicked] != "1") {
      return base::InvalidField(kNames[kClicked],
                                absl::StrCat("'", row.values[kClicked].substr(0, 60), "' is not 0 or 1"));
    }
    absl::Time time;
    if (!absl::ParseTime("%Y-%m-%d %H:%M:%E*S", row.values[kTime], absl::UTCTimeZone(), &time, nullptr)) {
      return base::InvalidField(kNames[kTime], absl::StrCat("'", row.values[kTime].substr(0, 60),
                                                            "' is not a time such as 2016-06-14 04:06:19.061"));
    }
    row.event_time = absl::ToUnixMicros(time);
    row_ = std::move(row);
    return absl::OkStatus();
  }

  const ImportOptions options_;
  const std::string schema_id_ = (*features::Schema::Preset("outbrain"))->id();
  CsvReader csv_;
  std::array<int, kColumns> positions_ = {};
  size_t columns_ = 0;
  int64_t rows_ = 0;
  Row row_;  // read ahead: the first of the next auction, where has_row_
  bool has_row_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Importer>> MakeOutbrainImporter(const ImportOptions& options, std::istream* in) {
  auto importer = std::make_unique<OutbrainImporter>(options, in);
  RETURN_IF_ERROR(importer->Start());
  return importer;
}

}  // namespace vickrey::log
