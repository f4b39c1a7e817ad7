#include "vickrey/log/import_criteo.h"

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "vickrey/base/status.h"
#include "vickrey/base/utf8.h"
#include "vickrey/features/schema.h"

namespace vickrey::log {
namespace {

using vickrey::v1::LoggedAuction;

constexpr int kNumbers = 13;
constexpr int kCategories = 26;
constexpr int64_t kFirstEventTime = 1388534400000000;  // 2014-01-01
constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kUnit = 1'000'000;

class CriteoImporter final : public Importer {
 public:
  CriteoImporter(const ImportOptions& options, std::istream* in) : options_(options), in_(*in) {}

  absl::StatusOr<bool> Next(const Reject& reject, LoggedAuction* record) override {
    record->Clear();
    std::string text;
    while (record->candidates_size() < options_.group_size && std::getline(in_, text)) {
      ++rows_;
      const absl::Status added = AddRow(absl::StripSuffix(text, "\r"), record);
      if (!added.ok()) reject(rows_, added);
    }
    if (in_.bad()) return absl::UnavailableError("the file cannot be read further");
    if (record->candidates_size() == 0) return false;
    record->set_schema_id(schema_id_);
    auto& auction = *record->mutable_auction();
    auction.set_auction_id(absl::StrCat(options_.file_digest.substr(0, 12), "-", first_row_));
    auction.set_event_time(kFirstEventTime + auctions_++ * kSecond);
    return true;
  }
  int64_t rows() const override { return rows_; }
  int64_t line() const override { return rows_; }

 private:
  // Adds the row as a candidate; on failure `record` is as it was.
  absl::Status AddRow(absl::string_view text, LoggedAuction* record) {
    const std::vector<absl::string_view> columns = absl::StrSplit(text, '\t');
    if (columns.size() != 1 + kNumbers + kCategories) {
      return absl::InvalidArgumentError(
          absl::StrCat("has ", columns.size(), " columns; label, 13 numbers and 26 categories are 40"));
    }
    if (columns[0] != "0" && columns[0] != "1") {
      return base::InvalidField("label", absl::StrCat("'", columns[0].substr(0, 60), "' is not 0 or 1"));
    }
    google::protobuf::Struct features;
    auto& fields = *features.mutable_fields();
    for (int i = 1; i <= kNumbers; ++i) {
      if (columns[i].empty()) continue;
      int64_t number = 0;
      if (!absl::SimpleAtoi(columns[i], &number)) {
        return base::InvalidField(absl::StrCat("I", i),
                                  absl::StrCat("'", columns[i].substr(0, 60), "' is not a whole number"));
      }
      fields[absl::StrCat("I", i)].set_number_value(static_cast<double>(number));
    }
    for (int i = 1; i <= kCategories; ++i) {
      const absl::string_view value = columns[kNumbers + i];
      if (!base::IsUtf8({value.data(), value.size()})) {
        return base::InvalidField(absl::StrCat("C", i), "is not UTF-8");
      }
      if (!value.empty()) fields[absl::StrCat("C", i)].set_string_value(std::string(value));
    }
    if (record->candidates_size() == 0) first_row_ = rows_;
    auto& candidate = *record->mutable_auction()->add_candidates();
    candidate.set_ad_id(absl::StrCat("row", rows_));
    candidate.mutable_bid()->set_micros(options_.bids.has_value() ? options_.bids->BidMicros(rows_) : kUnit);
    *candidate.mutable_features()->mutable_named() = std::move(features);
    record->add_candidates()->set_click(columns[0] == "1");
    return absl::OkStatus();
  }

  const ImportOptions options_;
  const std::string schema_id_ = (*features::Schema::Preset("criteo"))->id();
  std::istream& in_;
  int64_t rows_ = 0;
  int64_t first_row_ = 0;  // of the current auction
  int64_t auctions_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Importer>> MakeCriteoImporter(const ImportOptions& options, std::istream* in) {
  return std::make_unique<CriteoImporter>(options, in);
}

}  // namespace vickrey::log
