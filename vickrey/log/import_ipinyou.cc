#include "vickrey/log/import_ipinyou.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "vickrey/base/status.h"
#include "vickrey/features/fingerprint.h"
#include "vickrey/features/schema.h"
#include "vickrey/log/feature_writer.h"
#include "vickrey/log/line_reader.h"

namespace vickrey::log {
namespace {

using vickrey::v1::FeatureField;
using vickrey::v1::LoggedAuction;

constexpr size_t kColumns = 27;         // and two more in sets for testing: nclick, nconversation
constexpr int64_t kFenMicros = 10'000;  // 0.01 of the currency
constexpr int64_t kMaxFen = 1'000'000'000;

constexpr std::array<std::string_view, kColumns + 2> kNames = {
    "click",     "weekday",    "hour",           "bidid",      "timestamp",    "logtype",  "ipinyouid", "useragent",
    "IP",        "region",     "city",           "adexchange", "domain",       "url",      "urlid",     "slotid",
    "slotwidth", "slotheight", "slotvisibility", "slotformat", "slotprice",    "creative", "bidprice",  "payprice",
    "keypage",   "advertiser", "usertag",        "nclick",     "nconversation"};
enum Column {
  kClick = 0,
  kTimestamp = 4,
  kUser = 6,
  kFloor = 20,
  kCreative = 21,
  kBid = 22,
  kPaid = 23,
  kAdvertiser = 25,
  kConversions = 28,
};

bool IsMissing(std::string_view value) { return value.empty() || value == "null" || value == "Na"; }

class IpinyouImporter final : public Importer {
 public:
  IpinyouImporter(const ImportOptions& options, std::istream* in)
      : options_(options), lines_(in), writer_(*features::Schema::Preset("ipinyou"), options.encode) {
    for (const features::Schema::Field& field : writer_.schema().fields()) {
      for (size_t c = 0; c < kNames.size(); ++c) {
        if (kNames[c] == field.name) columns_of_fields_.push_back(c);
      }
    }
  }

  absl::StatusOr<bool> Next(const Reject& reject, LoggedAuction* record) override {
    std::string_view text;
    while (true) {
      ASSIGN_OR_RETURN(const bool more, lines_.Next(&text));
      if (!more) return false;
      const absl::Status read = ReadRow(text, record);
      if (read.ok()) return true;
      record->Clear();
      RETURN_IF_ERROR(reject(rows(), read));
    }
  }
  int64_t rows() const override { return lines_.line(); }
  int64_t line() const override { return lines_.line(); }

 private:
  std::string_view Value(size_t column) const { return columns_[column]; }

  absl::StatusOr<int64_t> Whole(Column column, int64_t max) const {
    int64_t number = 0;
    if (absl::SimpleAtoi({Value(column).data(), Value(column).size()}, &number) && number >= 0 && number <= max)
      return number;
    return base::InvalidField(kNames[column], absl::StrCat("'", std::string(Value(column).substr(0, 60)),
                                                           "' is not a whole number from 0 to ", max));
  }

  // yyyyMMddHHmmssSSS, in Beijing.
  absl::StatusOr<int64_t> EventTime() const {
    const std::string text(columns_[kTimestamp]);
    absl::Time time;
    int millis = 0;
    if (text.size() == 17 && absl::SimpleAtoi(text.substr(14), &millis) && millis >= 0 &&
        absl::ParseTime("%E4Y%m%d%H%M%S", text.substr(0, 14), absl::FixedTimeZone(8 * 3600), &time, nullptr)) {
      return absl::ToUnixMicros(time + absl::Milliseconds(millis));
    }
    return base::InvalidField(kNames[kTimestamp],
                              absl::StrCat("'", text.substr(0, 60), "' is not a time such as 20131022135101295"));
  }

  absl::Status WriteSide(FeatureField::Side side, vickrey::v1::Features* features) {
    writer_.Start(side, features);
    for (size_t i = 0; i < columns_of_fields_.size(); ++i) {
      const features::Schema::Field& field = writer_.schema().fields()[i];
      const std::string_view value = Value(columns_of_fields_[i]);
      if (field.side != side || IsMissing(value)) continue;
      if (field.kind == FeatureField::CATEGORICAL) {
        RETURN_IF_ERROR(writer_.Text(i, value));
      } else if (field.kind == FeatureField::BAG) {
        SplitLine(value, ',', &members_);
        for (const std::string_view member : members_) RETURN_IF_ERROR(writer_.Member(i, member));
      } else {
        ASSIGN_OR_RETURN(const int64_t number, Whole(static_cast<Column>(columns_of_fields_[i]), kMaxFen));
        RETURN_IF_ERROR(writer_.Number(i, static_cast<double>(number)));
      }
    }
    writer_.Finish();
    return absl::OkStatus();
  }

  absl::Status ReadRow(std::string_view text, LoggedAuction* record) {
    SplitLine(text, '\t', &columns_);
    if (columns_.size() != kColumns && columns_.size() != kNames.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("has ", columns_.size(), " columns; ", kColumns, " or ", kNames.size(), " are expected"));
    }
    ASSIGN_OR_RETURN(const int64_t click, Whole(kClick, 1));
    ASSIGN_OR_RETURN(const int64_t event_time, EventTime());
    ASSIGN_OR_RETURN(const int64_t floor, Whole(kFloor, kMaxFen));
    ASSIGN_OR_RETURN(const int64_t bid, Whole(kBid, kMaxFen));
    ASSIGN_OR_RETURN(const int64_t paid, Whole(kPaid, kMaxFen));
    if (!features::IsId(Value(kCreative))) {
      return base::InvalidField(kNames[kCreative], absl::StrCat("'", std::string(Value(kCreative).substr(0, 60)),
                                                                "' is not 1 to 128 characters of [A-Za-z0-9._:-]"));
    }
    record->set_schema_id(writer_.schema().id());
    if (floor > 0) record->mutable_reserve()->set_mille_micros(floor * kFenMicros);
    auto& auction = *record->mutable_auction();
    auction.set_auction_id(options_.AuctionId(rows()));
    auction.set_event_time(event_time);
    auction.set_currency_code("CNY");
    if (!IsMissing(Value(kUser))) {
      auction.set_cluster_key(absl::StrFormat("%016x", features::Fingerprint(kNames[kUser], Value(kUser))));
    }
    RETURN_IF_ERROR(WriteSide(FeatureField::CONTEXT, auction.mutable_context()));
    auto& candidate = *auction.add_candidates();
    candidate.set_ad_id(std::string(columns_[kCreative]));
    if (features::IsId(Value(kAdvertiser))) candidate.set_advertiser_id(std::string(columns_[kAdvertiser]));
    candidate.mutable_bid()->set_micros(options_.BidMicros(rows()));
    RETURN_IF_ERROR(WriteSide(FeatureField::AD, candidate.mutable_features()));
    auto& logged = *record->add_candidates();
    logged.set_click(click == 1);
    logged.set_slot(1);
    logged.set_bid_mille_micros(bid * kFenMicros);
    logged.set_price_mille_micros(paid * kFenMicros);
    if (columns_.size() > kColumns) {
      ASSIGN_OR_RETURN(const int64_t conversions, Whole(kConversions, kMaxFen));
      logged.set_conversions(conversions);
    }
    return absl::OkStatus();
  }

  const ImportOptions options_;
  LineReader lines_;
  FeatureWriter writer_;
  std::vector<size_t> columns_of_fields_;  // of each of the schema's fields
  std::vector<std::string_view> columns_, members_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Importer>> MakeIpinyouImporter(const ImportOptions& options, std::istream* in) {
  return std::make_unique<IpinyouImporter>(options, in);
}

}  // namespace vickrey::log
