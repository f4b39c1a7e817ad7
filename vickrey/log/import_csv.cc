#include "vickrey/log/import_csv.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "vickrey/base/limits.h"
#include "vickrey/base/status.h"
#include "vickrey/base/time.h"
#include "vickrey/features/schema.h"
#include "vickrey/log/feature_writer.h"
#include "vickrey/log/table_reader.h"

namespace vickrey::log {
namespace {

using vickrey::config::v1::CsvAmount;
using vickrey::config::v1::CsvConfig;
using vickrey::v1::FeatureField;
using vickrey::v1::LoggedAuction;

// The units of CsvTime.format, in microseconds.
std::optional<double> UnitOf(const std::string& format) {
  static const auto& units = *new std::map<std::string, double>{{"micros", 1},     {"millis", 1e3},  {"seconds", 1e6},
                                                                {"minutes", 60e6}, {"hours", 3.6e9}, {"days", 86.4e9}};
  const auto found = units.find(format);
  if (found == units.end()) return std::nullopt;
  return found->second;
}

class CsvImporter final : public Importer {
 public:
  CsvImporter(const ImportOptions& options, std::shared_ptr<const features::Schema> schema, std::istream* in)
      : options_(options),
        config_(*options_.csv),
        table_(in, config_.delimiter()[0]),
        writer_(std::move(schema), options_.encode) {}

  // Reads the header, and finds the columns.
  absl::Status Start() {
    RETURN_IF_ERROR(table_.Start({config_.columns().begin(), config_.columns().end()}));
    if (config_.has_auction() && options_.group_size != 1) {
      return base::InvalidField("group_size",
                                "does not go with `auction` of the schema, which says what an auction is");
    }
    const std::string epoch = config_.time().has_column() ? "1970-01-01T00:00:00Z" : "2024-01-01T00:00:00Z";
    const auto start = base::ParseEventTime(config_.time().has_start() ? config_.time().start() : epoch);
    if (!start.ok())
      return base::InvalidField("time.start", {start.status().message().data(), start.status().message().size()});
    start_ = *start;
    const std::pair<bool, const std::string*> names[] = {
        {config_.has_auction(), &config_.auction()},
        {config_.time().has_column(), &config_.time().column()},
        {config_.has_cluster_key(), &config_.cluster_key()},
        {config_.has_ad_id(), &config_.ad_id()},
        {config_.has_advertiser_id(), &config_.advertiser_id()},
        {config_.has_click(), &config_.click()},
        {config_.has_slot(), &config_.slot()},
        {config_.has_examination(), &config_.examination()},
        {config_.has_propensity(), &config_.propensity()},
        {config_.has_pctr(), &config_.pctr()},
        {config_.has_conversions(), &config_.conversions()},
        {config_.has_bid(), &config_.bid().column()},
        {config_.has_value(), &config_.value().column()},
        {config_.has_price(), &config_.price().column()},
        {config_.has_bid_mille(), &config_.bid_mille().column()},
        {config_.has_price_mille(), &config_.price_mille().column()},
        {config_.has_reserve_click(), &config_.reserve_click().column()},
        {config_.has_reserve_mille(), &config_.reserve_mille().column()}};
    for (const auto& [given, name] : names) {
      if (!given) continue;
      ASSIGN_OR_RETURN(columns_[*name], table_.Find(*name));
    }
    for (const features::Schema::Field& field : writer_.schema().fields()) {
      ASSIGN_OR_RETURN(const size_t column, table_.Find(field.name));
      fields_.push_back(column);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(const Reject& reject, LoggedAuction* record) override {
    std::string auction_value;
    while (config_.has_auction() || record->auction().candidates_size() < options_.group_size) {
      if (!has_row_) {
        absl::Status fault;
        ASSIGN_OR_RETURN(const bool more, table_.Next(&fault));
        if (!more) break;
        if (!fault.ok()) {
          RETURN_IF_ERROR(reject(Here(), fault));
          continue;
        }
      }
      has_row_ = false;
      if (config_.has_auction()) {
        const std::string_view value = table_[columns_[config_.auction()]];
        if (record->auction().candidates().empty()) auction_value = value;
        if (value != auction_value) {
          has_row_ = true;
          break;
        }
      }
      const int before = record->auction().candidates_size();
      const absl::Status added = before < base::kMaxCandidates
                                     ? AddRow(record)
                                     : absl::InvalidArgumentError(absl::StrCat("its auction has more than ",
                                                                               base::kMaxCandidates, " candidates"));
      if (added.ok()) {
        Here();
        continue;
      }
      auto& candidates = *record->mutable_auction()->mutable_candidates();
      while (candidates.size() > before) candidates.RemoveLast();
      while (record->candidates_size() > before) record->mutable_candidates()->RemoveLast();
      if (before == 0) record->Clear();
      RETURN_IF_ERROR(reject(Here(), added));
    }
    const bool any = !record->auction().candidates().empty();
    auctions_ += any ? 1 : 0;
    return any;
  }
  int64_t rows() const override { return table_.rows() - (has_row_ ? 1 : 0); }
  int64_t line() const override { return line_; }

 private:
  // The row is dealt with: its line.
  int64_t Here() { return line_ = table_.line(); }

  // The value of a column, none where it is missing or there is no such column.
  std::optional<std::string_view> Value(bool given, const std::string& column) const {
    if (!given) return std::nullopt;
    return Value(columns_.at(column));
  }
  std::optional<std::string_view> Value(size_t column) const {
    const std::string_view value = table_[column];
    if (value.empty() ||
        std::find(config_.missing().begin(), config_.missing().end(), value) != config_.missing().end()) {
      return std::nullopt;
    }
    return value;
  }

  static absl::StatusOr<double> Number(const std::string& column, std::string_view text) {
    double number = 0;
    if (absl::SimpleAtod({text.data(), text.size()}, &number) && std::isfinite(number)) return number;
    return base::InvalidField(column, absl::StrCat("'", std::string(text.substr(0, 60)), "' is not a number"));
  }
  static absl::StatusOr<int64_t> Whole(const std::string& column, std::string_view text) {
    int64_t number = 0;
    if (absl::SimpleAtoi({text.data(), text.size()}, &number)) return number;
    return base::InvalidField(column, absl::StrCat("'", std::string(text.substr(0, 60)), "' is not a whole number"));
  }
  static absl::StatusOr<std::string> Id(const std::string& column, std::string_view text) {
    if (features::IsId(text)) return std::string(text);
    return base::InvalidField(
        column, absl::StrCat("'", std::string(text.substr(0, 60)), "' is not 1 to 128 characters of [A-Za-z0-9._:-]"));
  }
  static absl::StatusOr<bool> Click(const std::string& column, std::string_view text) {
    if (text == "1" || text == "true") return true;
    if (text == "0" || text == "false") return false;
    return base::InvalidField(column,
                              absl::StrCat("'", std::string(text.substr(0, 60)), "' is not 0, 1, false or true"));
  }

  // An amount in micros, none where it is missing.
  absl::StatusOr<std::optional<int64_t>> Micros(bool given, const CsvAmount& amount) const {
    const auto text = Value(given, amount.column());
    if (!text.has_value()) return std::nullopt;
    ASSIGN_OR_RETURN(const double number, Number(amount.column(), *text));
    const double micros = std::round(number * amount.micros());
    if (!(micros >= 0 && micros <= 1e18)) {
      return base::InvalidField(amount.column(),
                                absl::StrCat(number, " is out of range; 0 to ", 1e18 / amount.micros()));
    }
    return static_cast<int64_t>(micros);
  }

  absl::StatusOr<int64_t> EventTime() const {
    const auto& config = config_.time();
    if (!config.has_column()) return start_ + auctions_ * kSecondMicros;
    const auto text = Value(true, config.column());
    if (!text.has_value()) return base::InvalidField(config.column(), "is missing; every auction needs a time");
    if (const auto unit = UnitOf(config.format()); unit.has_value()) {
      ASSIGN_OR_RETURN(const double number, Number(config.column(), *text));
      const double micros = static_cast<double>(start_) + number * *unit;
      if (int64_t whole = 0; *unit == 1 && start_ == 0 && absl::SimpleAtoi({text->data(), text->size()}, &whole))
        return whole;
      if (!(micros > 0 && micros <= static_cast<double>(base::kLastEventTime))) {
        return base::InvalidField(
            config.column(),
            absl::StrCat(number, " is not a time after 1970-01-01T00:00:00Z and before the year 10000"));
      }
      return static_cast<int64_t>(std::llround(micros));
    }
    absl::Time time;
    if (absl::ParseTime(config.format(), std::string(*text), absl::UTCTimeZone(), &time, nullptr)) {
      return absl::ToUnixMicros(time);
    }
    return base::InvalidField(config.column(), absl::StrCat("'", std::string(text->substr(0, 60)),
                                                            "' is not a time of the form ", config.format()));
  }

  absl::Status WriteFeatures(FeatureField::Side side, vickrey::v1::Features* features) {
    writer_.Start(side, features);
    for (size_t i = 0; i < fields_.size(); ++i) {
      const features::Schema::Field& field = writer_.schema().fields()[i];
      if (field.side != side) continue;
      const auto value = Value(fields_[i]);
      if (!value.has_value()) continue;
      if (field.kind == FeatureField::DENSE) {
        ASSIGN_OR_RETURN(const double number, Number(field.name, *value));
        RETURN_IF_ERROR(writer_.Number(i, number));
      } else if (field.kind == FeatureField::CATEGORICAL) {
        RETURN_IF_ERROR(writer_.Text(i, *value));
      } else {
        for (const absl::string_view member :
             absl::StrSplit(absl::string_view(value->data(), value->size()), config_.bag_separator()[0])) {
          RETURN_IF_ERROR(writer_.Member(i, {member.data(), member.size()}));
        }
      }
    }
    writer_.Finish();
    return absl::OkStatus();
  }

  absl::Status StartAuction(LoggedAuction* record) {
    record->set_schema_id(writer_.schema().id());
    auto& auction = *record->mutable_auction();
    auction.set_auction_id(options_.AuctionId(rows()));
    ASSIGN_OR_RETURN(const int64_t event_time, EventTime());
    auction.set_event_time(event_time);
    auction.set_currency_code(config_.currency_code());
    if (const auto key = Value(config_.has_cluster_key(), config_.cluster_key()); key.has_value()) {
      ASSIGN_OR_RETURN(*auction.mutable_cluster_key(), Id(config_.cluster_key(), *key));
    }
    ASSIGN_OR_RETURN(const auto click, Micros(config_.has_reserve_click(), config_.reserve_click()));
    ASSIGN_OR_RETURN(const auto mille, Micros(config_.has_reserve_mille(), config_.reserve_mille()));
    if (click.value_or(0) > 0) record->mutable_reserve()->set_click_micros(*click);
    if (mille.value_or(0) > 0) record->mutable_reserve()->set_mille_micros(*mille);
    return WriteFeatures(FeatureField::CONTEXT, auction.mutable_context());
  }

  // On failure the last candidate may be half of it.
  absl::Status AddRow(LoggedAuction* record) {
    if (record->candidates_size() == 0) RETURN_IF_ERROR(StartAuction(record));
    auto& candidate = *record->mutable_auction()->add_candidates();
    candidate.set_ad_id(absl::StrCat("row", rows()));
    if (const auto id = Value(config_.has_ad_id(), config_.ad_id()); id.has_value()) {
      ASSIGN_OR_RETURN(*candidate.mutable_ad_id(), Id(config_.ad_id(), *id));
    }
    if (const auto id = Value(config_.has_advertiser_id(), config_.advertiser_id()); id.has_value()) {
      ASSIGN_OR_RETURN(*candidate.mutable_advertiser_id(), Id(config_.advertiser_id(), *id));
    }
    ASSIGN_OR_RETURN(const auto bid, Micros(config_.has_bid(), config_.bid()));
    candidate.mutable_bid()->set_micros(bid.has_value() ? *bid : options_.BidMicros(rows()));
    ASSIGN_OR_RETURN(const auto value, Micros(config_.has_value(), config_.value()));
    if (value.has_value()) candidate.set_value_micros(*value);
    RETURN_IF_ERROR(WriteFeatures(FeatureField::AD, candidate.mutable_features()));
    return AddLogged(record->add_candidates());
  }

  absl::Status AddLogged(vickrey::v1::LoggedCandidate* logged) const {
    if (const auto text = Value(config_.has_click(), config_.click()); text.has_value()) {
      ASSIGN_OR_RETURN(const bool click, Click(config_.click(), *text));
      logged->set_click(click);
    }
    if (const auto text = Value(config_.has_slot(), config_.slot()); text.has_value()) {
      ASSIGN_OR_RETURN(const int64_t slot, Whole(config_.slot(), *text));
      logged->set_slot(static_cast<int32_t>(std::clamp<int64_t>(slot, -1, base::kMaxCandidates + 1)));
    }
    if (const auto text = Value(config_.has_examination(), config_.examination()); text.has_value()) {
      ASSIGN_OR_RETURN(const double examination, Number(config_.examination(), *text));
      logged->set_examination(examination);
    }
    if (const auto text = Value(config_.has_propensity(), config_.propensity()); text.has_value()) {
      ASSIGN_OR_RETURN(const double propensity, Number(config_.propensity(), *text));
      logged->set_propensity(propensity);
    }
    if (const auto text = Value(config_.has_pctr(), config_.pctr()); text.has_value()) {
      ASSIGN_OR_RETURN(const double pctr, Number(config_.pctr(), *text));
      logged->set_pctr(pctr);
    }
    if (const auto text = Value(config_.has_conversions(), config_.conversions()); text.has_value()) {
      ASSIGN_OR_RETURN(const int64_t conversions, Whole(config_.conversions(), *text));
      logged->set_conversions(conversions);
    }
    ASSIGN_OR_RETURN(const auto price, Micros(config_.has_price(), config_.price()));
    if (price.has_value()) logged->set_price_micros(*price);
    ASSIGN_OR_RETURN(const auto bid_mille, Micros(config_.has_bid_mille(), config_.bid_mille()));
    if (bid_mille.has_value()) logged->set_bid_mille_micros(*bid_mille);
    ASSIGN_OR_RETURN(const auto price_mille, Micros(config_.has_price_mille(), config_.price_mille()));
    if (price_mille.has_value()) logged->set_price_mille_micros(*price_mille);
    return absl::OkStatus();
  }

  const ImportOptions options_;
  const CsvConfig& config_;  // of options_
  TableReader table_;
  FeatureWriter writer_;
  std::map<std::string, size_t> columns_;  // of those that are read, but for features
  std::vector<size_t> fields_;             // the column of each of the schema's fields
  int64_t start_ = 0;
  int64_t auctions_ = 0;
  int64_t line_ = 0;      // of the last row that was taken or rejected
  bool has_row_ = false;  // the table's row was read and belongs to the next auction
};

}  // namespace

absl::StatusOr<std::unique_ptr<Importer>> MakeCsvImporter(const ImportOptions& options, std::istream* in) {
  auto schema = features::Schema::Create(options.csv->features());
  if (!schema.ok()) return base::Annotate(schema.status(), "features");
  auto importer = std::make_unique<CsvImporter>(options, *std::move(schema), in);
  RETURN_IF_ERROR(importer->Start());
  return importer;
}

}  // namespace vickrey::log
