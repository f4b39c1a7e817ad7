#include "vickrey/log/import_outbrain.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "vickrey/base/limits.h"
#include "vickrey/base/status.h"
#include "vickrey/features/schema.h"
#include "vickrey/log/feature_writer.h"
#include "vickrey/log/table_reader.h"

namespace vickrey::log {
namespace {

using vickrey::v1::FeatureField;
using vickrey::v1::LoggedAuction;

// The columns that are read. The first four are the schema's fields, in its order.
enum Column { kDocument, kPlatform, kGeo, kAd, kDisplay, kTime, kClicked, kUser, kColumns };
constexpr std::array<std::string_view, kColumns> kNames = {"document_id", "platform",       "geo_location", "ad_id",
                                                           "display_id",  "timestamp_view", "clicked",      "uuid"};

class OutbrainImporter final : public Importer {
 public:
  OutbrainImporter(const ImportOptions& options, std::istream* in)
      : options_(options), table_(in, ','), writer_(*features::Schema::Preset("outbrain"), options.encode) {}

  // Reads the header.
  absl::Status Start() {
    RETURN_IF_ERROR(table_.Start({}));
    for (int c = 0; c < kColumns; ++c) {
      ASSIGN_OR_RETURN(columns_[c], table_.Find(kNames[c]));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(const Reject& reject, LoggedAuction* record) override {
    std::string display;
    while (true) {
      if (!has_row_) {
        ASSIGN_OR_RETURN(has_row_, ReadRow(reject));
      }
      auto& auction = *record->mutable_auction();
      if (!has_row_) return auction.candidates_size() > 0;
      if (auction.candidates_size() == 0) {
        display = Value(kDisplay);
        if (const absl::Status status = StartAuction(record); !status.ok()) {
          RETURN_IF_ERROR(reject(Here(), status));
          record->Clear();
          has_row_ = false;
          continue;
        }
      } else if (Value(kDisplay) != display) {
        return true;
      }
      has_row_ = false;
      if (auction.candidates_size() < base::kMaxCandidates) {
        AddCandidate(record);
      } else {
        RETURN_IF_ERROR(reject(Here(), absl::InvalidArgumentError(absl::StrCat("its auction has more than ",
                                                                               base::kMaxCandidates, " candidates"))));
      }
    }
  }
  int64_t rows() const override { return table_.rows() - (has_row_ ? 1 : 0); }
  int64_t line() const override { return line_; }

 private:
  // The row is dealt with: its line.
  int64_t Here() { return line_ = table_.line(); }

  std::string_view Value(Column c) const { return table_[columns_[c]]; }

  // Reads the next good row, false at the end.
  absl::StatusOr<bool> ReadRow(const Reject& reject) {
    while (true) {
      absl::Status fault;
      ASSIGN_OR_RETURN(const bool more, table_.Next(&fault));
      if (!more) return false;
      if (fault.ok()) fault = Check();
      if (fault.ok()) return true;
      RETURN_IF_ERROR(reject(Here(), fault));
    }
  }

  absl::Status Check() {
    for (const Column c : {kAd, kUser}) {
      if (!features::IsId(Value(c))) {
        return base::InvalidField(kNames[c], absl::StrCat("'", std::string(Value(c).substr(0, 60)),
                                                          "' is not 1 to 128 characters of [A-Za-z0-9._:-]"));
      }
    }
    if (Value(kDisplay).empty()) return base::InvalidField(kNames[kDisplay], "is empty");
    if (Value(kClicked) != "0" && Value(kClicked) != "1") {
      return base::InvalidField(kNames[kClicked],
                                absl::StrCat("'", std::string(Value(kClicked).substr(0, 60)), "' is not 0 or 1"));
    }
    absl::Time time;
    const std::string text(Value(kTime));
    if (!absl::ParseTime("%Y-%m-%d %H:%M:%E*S", text, absl::UTCTimeZone(), &time, nullptr)) {
      return base::InvalidField(
          kNames[kTime], absl::StrCat("'", text.substr(0, 60), "' is not a time such as 2016-06-14 04:06:19.061"));
    }
    event_time_ = absl::ToUnixMicros(time);
    return absl::OkStatus();
  }

  absl::Status StartAuction(LoggedAuction* record) {
    record->set_schema_id(writer_.schema().id());
    auto& auction = *record->mutable_auction();
    auction.set_auction_id(options_.AuctionId(table_.rows()));
    auction.set_event_time(event_time_);
    auction.set_cluster_key(std::string(Value(kUser)));
    writer_.Start(FeatureField::CONTEXT, auction.mutable_context());
    for (const Column c : {kDocument, kPlatform, kGeo}) {
      if (!Value(c).empty()) RETURN_IF_ERROR(writer_.Text(c, Value(c)));
    }
    writer_.Finish();
    return absl::OkStatus();
  }

  void AddCandidate(LoggedAuction* record) {
    auto& candidate = *record->mutable_auction()->add_candidates();
    candidate.set_ad_id(std::string(Value(kAd)));
    candidate.mutable_bid()->set_micros(options_.BidMicros(table_.rows()));
    writer_.Start(FeatureField::AD, candidate.mutable_features());
    writer_.Text(kAd, Value(kAd)).IgnoreError();  // an id is a good text
    writer_.Finish();
    record->add_candidates()->set_click(Value(kClicked) == "1");
    Here();
  }

  const ImportOptions options_;
  TableReader table_;
  FeatureWriter writer_;
  std::array<size_t, kColumns> columns_ = {};
  // The row that was read and belongs to the next auction, where has_row_.
  bool has_row_ = false;
  int64_t event_time_ = 0;
  int64_t line_ = 0;  // of the last row that was taken or rejected
};

}  // namespace

absl::StatusOr<std::unique_ptr<Importer>> MakeOutbrainImporter(const ImportOptions& options, std::istream* in) {
  auto importer = std::make_unique<OutbrainImporter>(options, in);
  RETURN_IF_ERROR(importer->Start());
  return importer;
}

}  // namespace vickrey::log
