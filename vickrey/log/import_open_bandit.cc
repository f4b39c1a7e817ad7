#include "vickrey/log/import_open_bandit.h"

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/strings/numbers.h"
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

constexpr int kUserFeatures = 4;
constexpr int kItemFeatures = 4;  // the first is a number
// The schema's fields, in its order.
enum Field { kUserFeature0 = 0, kItem = kUserFeatures, kAffinity, kItemFeature0 };

struct Item {
  std::array<std::string, kItemFeatures> features;
};
using Items = std::unordered_map<std::string, Item>;

absl::Status NotANumber(std::string_view field, std::string_view value) {
  return base::InvalidField(field, absl::StrCat("'", std::string(value.substr(0, 60)), "' is not a number"));
}

absl::StatusOr<double> Number(std::string_view field, std::string_view value) {
  double number = 0;
  if (!absl::SimpleAtod({value.data(), value.size()}, &number)) return NotANumber(field, value);
  return number;
}

absl::StatusOr<Items> ReadItems(std::istream* in) {
  TableReader table(in, ',');
  RETURN_IF_ERROR(table.Start({}));
  ASSIGN_OR_RETURN(const size_t id, table.Find("item_id"));
  std::array<size_t, kItemFeatures> columns;
  for (int i = 0; i < kItemFeatures; ++i) {
    ASSIGN_OR_RETURN(columns[i], table.Find(absl::StrCat("item_feature_", i)));
  }
  Items items;
  while (true) {
    absl::Status fault;
    ASSIGN_OR_RETURN(const bool more, table.Next(&fault));
    if (!more) return items;
    RETURN_IF_ERROR(base::AtLine(fault, table.line()));
    Item& item = items[std::string(table[id])];
    for (int i = 0; i < kItemFeatures; ++i) item.features[i] = std::string(table[columns[i]]);
    RETURN_IF_ERROR(base::AtLine(Number("item_feature_0", item.features[0]).status(), table.line()));
  }
}

class OpenBanditImporter final : public Importer {
 public:
  OpenBanditImporter(const ImportOptions& options, std::istream* in)
      : options_(options), table_(in, ','), writer_(*features::Schema::Preset("open_bandit"), options.encode) {}

  // Reads the table of items and the header.
  absl::Status Start() {
    if (options_.items != nullptr) {
      auto items = ReadItems(options_.items);
      if (!items.ok()) return base::Annotate(items.status(), "the table of items");
      items_ = *std::move(items);
    }
    RETURN_IF_ERROR(table_.Start({}));
    for (const auto& [name, column] :
         std::initializer_list<std::pair<const char*, size_t*>>{{"timestamp", &time_},
                                                                {"item_id", &item_},
                                                                {"position", &position_},
                                                                {"click", &click_},
                                                                {"propensity_score", &propensity_}}) {
      ASSIGN_OR_RETURN(*column, table_.Find(name));
    }
    for (int i = 0; i < kUserFeatures; ++i) {
      ASSIGN_OR_RETURN(user_[i], table_.Find(absl::StrCat("user_feature_", i)));
    }
    for (int i = 0; i <= base::kMaxCandidates; ++i) {
      const auto column = table_.Find(absl::StrCat("user-item_affinity_", i));
      if (!column.ok() && i > 0) break;
      RETURN_IF_ERROR(column);
      affinities_.push_back(*column);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(const Reject& reject, LoggedAuction* record) override {
    while (true) {
      absl::Status fault;
      ASSIGN_OR_RETURN(const bool more, table_.Next(&fault));
      if (!more) return false;
      if (fault.ok()) fault = ReadRow(record);
      if (fault.ok()) return true;
      record->Clear();
      RETURN_IF_ERROR(reject(line(), fault));
    }
  }
  int64_t rows() const override { return table_.rows(); }
  int64_t line() const override { return table_.line(); }

 private:
  absl::StatusOr<int64_t> Whole(const char* name, size_t column, int64_t min, int64_t max) const {
    int64_t number = 0;
    const std::string text(table_[column]);
    if (absl::SimpleAtoi(text, &number) && number >= min && number <= max) return number;
    return base::InvalidField(name,
                              absl::StrCat("'", text.substr(0, 60), "' is not a whole number from ", min, " to ", max));
  }

  absl::Status ReadRow(LoggedAuction* record) {
    absl::Time time;
    const std::string text(table_[time_]);
    if (!absl::ParseTime("%Y-%m-%d %H:%M:%E*S%Ez", text, &time, nullptr)) {
      return base::InvalidField(
          "timestamp", absl::StrCat("'", text.substr(0, 60), "' is not a time such as 2019-11-24 00:03:13.442+00:00"));
    }
    const auto n = static_cast<int64_t>(affinities_.size());
    ASSIGN_OR_RETURN(const int64_t shown, Whole("item_id", item_, 0, n - 1));
    ASSIGN_OR_RETURN(const int64_t slot, Whole("position", position_, 1, base::kMaxCandidates));
    ASSIGN_OR_RETURN(const int64_t click, Whole("click", click_, 0, 1));
    ASSIGN_OR_RETURN(const double propensity, Number("propensity_score", table_[propensity_]));
    record->set_schema_id(writer_.schema().id());
    auto& auction = *record->mutable_auction();
    auction.set_auction_id(options_.AuctionId(rows()));
    auction.set_event_time(absl::ToUnixMicros(time));
    writer_.Start(FeatureField::CONTEXT, auction.mutable_context());
    for (int i = 0; i < kUserFeatures; ++i) {
      const std::string_view value = table_[user_[i]];
      if (!value.empty()) RETURN_IF_ERROR(writer_.Text(kUserFeature0 + i, value));
    }
    writer_.Finish();
    for (int64_t item = 0; item < n; ++item) {
      auto& candidate = *auction.add_candidates();
      candidate.set_ad_id(absl::StrCat(item));
      candidate.mutable_bid()->set_micros(options_.BidMicros((rows() - 1) * n + item + 1));
      RETURN_IF_ERROR(WriteItem(item, &candidate));
      auto& logged = *record->add_candidates();
      logged.set_slot(0);
      if (item != shown) continue;
      logged.set_slot(static_cast<int32_t>(slot));
      logged.set_click(click == 1);
      logged.set_propensity(propensity);
    }
    return absl::OkStatus();
  }

  absl::Status WriteItem(int64_t item, vickrey::v1::Candidate* candidate) {
    writer_.Start(FeatureField::AD, candidate->mutable_features());
    RETURN_IF_ERROR(writer_.Text(kItem, candidate->ad_id()));
    const std::string_view affinity = table_[affinities_[static_cast<size_t>(item)]];
    if (!affinity.empty()) {
      ASSIGN_OR_RETURN(const double number, Number(absl::StrCat("user-item_affinity_", item), affinity));
      RETURN_IF_ERROR(writer_.Number(kAffinity, number));
    }
    if (const auto found = items_.find(candidate->ad_id()); found != items_.end()) {
      ASSIGN_OR_RETURN(const double number, Number("item_feature_0", found->second.features[0]));
      RETURN_IF_ERROR(writer_.Number(kItemFeature0, number));
      for (int i = 1; i < kItemFeatures; ++i) {
        if (!found->second.features[i].empty())
          RETURN_IF_ERROR(writer_.Text(kItemFeature0 + i, found->second.features[i]));
      }
    }
    writer_.Finish();
    return absl::OkStatus();
  }

  const ImportOptions options_;
  TableReader table_;
  FeatureWriter writer_;
  Items items_;
  size_t time_ = 0, item_ = 0, position_ = 0, click_ = 0, propensity_ = 0;  // columns
  std::array<size_t, kUserFeatures> user_ = {};
  std::vector<size_t> affinities_;  // of each item
};

}  // namespace

absl::StatusOr<std::unique_ptr<Importer>> MakeOpenBanditImporter(const ImportOptions& options, std::istream* in) {
  auto importer = std::make_unique<OpenBanditImporter>(options, in);
  RETURN_IF_ERROR(importer->Start());
  return importer;
}

}  // namespace vickrey::log
