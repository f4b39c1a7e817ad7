#include "vickrey/log/import_criteo.h"

#include <charconv>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/features/schema.h"
#include "vickrey/log/feature_writer.h"
#include "vickrey/log/line_reader.h"

namespace vickrey::log {
namespace {

using vickrey::v1::FeatureField;
using vickrey::v1::LoggedAuction;

constexpr size_t kNumbers = 13;
constexpr size_t kCategories = 26;
constexpr int64_t kFirstEventTime = 1388534400000000;  // 2014-01-01

class CriteoImporter final : public Importer {
 public:
  CriteoImporter(const ImportOptions& options, std::istream* in)
      : options_(options), lines_(in), writer_(*features::Schema::Preset("criteo"), options.encode) {}

  absl::StatusOr<bool> Next(const Reject& reject, LoggedAuction* record) override {
    std::string_view text;
    auto& candidates = *record->mutable_auction()->mutable_candidates();
    while (candidates.size() < options_.group_size) {
      ASSIGN_OR_RETURN(const bool more, lines_.Next(&text));
      if (!more) break;
      const int before = candidates.size();
      const absl::Status added = AddRow(text, record);
      if (added.ok()) continue;
      while (candidates.size() > before) candidates.RemoveLast();
      RETURN_IF_ERROR(reject(rows(), added));
    }
    if (candidates.empty()) return false;
    record->set_schema_id(writer_.schema().id());
    auto& auction = *record->mutable_auction();
    auction.set_auction_id(options_.AuctionId(first_row_));
    auction.set_event_time(kFirstEventTime + auctions_++ * kSecondMicros);
    return true;
  }
  int64_t rows() const override { return lines_.line(); }
  int64_t line() const override { return lines_.line(); }

 private:
  // Adds the row as a candidate; on failure the last candidate may be half of it.
  absl::Status AddRow(std::string_view text, LoggedAuction* record) {
    SplitLine(text, '\t', &columns_);
    if (columns_.size() != 1 + kNumbers + kCategories) {
      return absl::InvalidArgumentError(
          absl::StrCat("has ", columns_.size(), " columns; label, 13 numbers and 26 categories are 40"));
    }
    if (columns_[0] != "0" && columns_[0] != "1") {
      return base::InvalidField("label", absl::StrCat("'", std::string(columns_[0].substr(0, 60)), "' is not 0 or 1"));
    }
    auto& candidate = *record->mutable_auction()->add_candidates();
    writer_.Start(FeatureField::AD, candidate.mutable_features());
    for (size_t i = 0; i < kNumbers; ++i) {
      const std::string_view value = columns_[1 + i];
      if (value.empty()) continue;
      int64_t number = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (error != std::errc() || end != value.data() + value.size()) {
        return base::InvalidField(absl::StrCat("I", i + 1),
                                  absl::StrCat("'", std::string(value.substr(0, 60)), "' is not a whole number"));
      }
      RETURN_IF_ERROR(writer_.Number(i, static_cast<double>(number)));
    }
    for (size_t i = kNumbers; i < kNumbers + kCategories; ++i) {
      if (const std::string_view value = columns_[1 + i]; !value.empty()) RETURN_IF_ERROR(writer_.Text(i, value));
    }
    writer_.Finish();
    if (record->candidates_size() == 0) first_row_ = rows();
    candidate.set_ad_id(absl::StrCat("row", rows()));
    candidate.mutable_bid()->set_micros(options_.BidMicros(rows()));
    record->add_candidates()->set_click(columns_[0] == "1");
    return absl::OkStatus();
  }

  const ImportOptions options_;
  LineReader lines_;
  FeatureWriter writer_;
  std::vector<std::string_view> columns_;
  int64_t first_row_ = 0;  // of the current auction
  int64_t auctions_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Importer>> MakeCriteoImporter(const ImportOptions& options, std::istream* in) {
  return std::make_unique<CriteoImporter>(options, in);
}

}  // namespace vickrey::log
