#include "vickrey/log/import_ipinyou.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "vickrey/base/status.h"
#include "vickrey/features/fingerprint.h"
#include "vickrey/features/schema.h"
#include "vickrey/log/feature_writer.h"
#include "vickrey/log/ipinyou_row.h"
#include "vickrey/log/line_reader.h"

namespace vickrey::log {
namespace {

using vickrey::v1::FeatureField;
using vickrey::v1::LoggedAuction;

constexpr int64_t kFenMicros = 10'000;  // 0.01 of the currency

class IpinyouImporter final : public Importer {
 public:
  IpinyouImporter(const ImportOptions& options, std::istream* in)
      : options_(options), lines_(in), writer_(*features::Schema::Preset("ipinyou"), options.encode) {
    for (const features::Schema::Field& field : writer_.schema().fields()) {
      for (size_t c = 0; c < IpinyouRow::kTestColumns; ++c) {
        if (IpinyouRow::Names()[c] == field.name) columns_of_fields_.push_back(c);
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
  absl::Status WriteSide(FeatureField::Side side, vickrey::v1::Features* features) {
    writer_.Start(side, features);
    for (size_t i = 0; i < columns_of_fields_.size(); ++i) {
      const features::Schema::Field& field = writer_.schema().fields()[i];
      const std::string_view value = row_[columns_of_fields_[i]];
      if (field.side != side || IpinyouRow::IsMissing(value)) continue;
      if (field.kind == FeatureField::CATEGORICAL) {
        RETURN_IF_ERROR(writer_.Text(i, value));
      } else if (field.kind == FeatureField::BAG) {
        SplitLine(value, ',', &members_);
        for (const std::string_view member : members_) RETURN_IF_ERROR(writer_.Member(i, member));
      } else {
        ASSIGN_OR_RETURN(const int64_t number, row_.Whole(columns_of_fields_[i], IpinyouRow::kMaxFen));
        RETURN_IF_ERROR(writer_.Number(i, static_cast<double>(number)));
      }
    }
    writer_.Finish();
    return absl::OkStatus();
  }

  absl::Status ReadRow(std::string_view text, LoggedAuction* record) {
    RETURN_IF_ERROR(row_.Split(text));
    ASSIGN_OR_RETURN(const int64_t click, row_.Whole(IpinyouRow::kClick, 1));
    ASSIGN_OR_RETURN(const int64_t event_time, row_.TimeMicros());
    ASSIGN_OR_RETURN(const int64_t floor, row_.Whole(IpinyouRow::kFloor, IpinyouRow::kMaxFen));
    ASSIGN_OR_RETURN(const int64_t bid, row_.Whole(IpinyouRow::kBid, IpinyouRow::kMaxFen));
    ASSIGN_OR_RETURN(const int64_t paid, row_.Whole(IpinyouRow::kPaid, IpinyouRow::kMaxFen));
    const std::string_view user = row_[IpinyouRow::kUser], advertiser = row_[IpinyouRow::kAdvertiser];
    if (!features::IsId(row_[IpinyouRow::kCreative])) {
      return row_.Fault(IpinyouRow::kCreative, "1 to 128 characters of [A-Za-z0-9._:-]");
    }
    record->set_schema_id(writer_.schema().id());
    if (floor > 0) record->mutable_reserve()->set_mille_micros(floor * kFenMicros);
    auto& auction = *record->mutable_auction();
    auction.set_auction_id(options_.AuctionId(rows()));
    auction.set_event_time(event_time);
    auction.set_currency_code("CNY");
    if (!IpinyouRow::IsMissing(user)) {
      auction.set_cluster_key(
          absl::StrFormat("%016x", features::Fingerprint(IpinyouRow::Names()[IpinyouRow::kUser], user)));
    }
    RETURN_IF_ERROR(WriteSide(FeatureField::CONTEXT, auction.mutable_context()));
    auto& candidate = *auction.add_candidates();
    candidate.set_ad_id(std::string(row_[IpinyouRow::kCreative]));
    if (features::IsId(advertiser)) candidate.set_advertiser_id(std::string(advertiser));
    candidate.mutable_bid()->set_micros(options_.BidMicros(rows()));
    RETURN_IF_ERROR(WriteSide(FeatureField::AD, candidate.mutable_features()));
    auto& logged = *record->add_candidates();
    logged.set_click(click == 1);
    logged.set_slot(1);
    logged.set_bid_mille_micros(bid * kFenMicros);
    logged.set_price_mille_micros(paid * kFenMicros);
    if (row_.columns() > IpinyouRow::kColumns) {
      ASSIGN_OR_RETURN(const int64_t conversions, row_.Whole(IpinyouRow::kConversions, IpinyouRow::kMaxFen));
      logged.set_conversions(conversions);
    }
    return absl::OkStatus();
  }

  const ImportOptions options_;
  LineReader lines_;
  FeatureWriter writer_;
  std::vector<size_t> columns_of_fields_;  // of each of the schema's fields
  IpinyouRow row_;
  std::vector<std::string_view> members_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Importer>> MakeIpinyouImporter(const ImportOptions& options, std::istream* in) {
  return std::make_unique<IpinyouImporter>(options, in);
}

}  // namespace vickrey::log
