#include "vickrey/series/price_series.h"

#include <cmath>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/log/input_file.h"
#include "vickrey/log/table_reader.h"
#include "vickrey/series/time.h"

namespace vickrey::series {
namespace {

std::string_view Trimmed(std::string_view text) {
  const absl::string_view trimmed = absl::StripAsciiWhitespace(absl::string_view(text.data(), text.size()));
  return {trimmed.data(), trimmed.size()};
}

absl::StatusOr<double> ParsePrice(std::string_view text) {
  const std::string shown = base::ValidUtf8(text.substr(0, 100));
  double price = 0;
  // SimpleAtod would take hexadecimal numbers, too.
  if (text.find_first_of("xX") != std::string_view::npos ||
      !absl::SimpleAtod(absl::string_view(text.data(), text.size()), &price)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", shown, "' is not a number; a missing price is left empty or '.'"));
  }
  if (!std::isfinite(price)) return absl::InvalidArgumentError(absl::StrCat("'", shown, "' is not finite"));
  if (!(price > 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat(shown, " is not greater than 0, and a return, the price over the one before, needs that"));
  }
  if (price < kLeastPrice || price > kGreatestPrice) {
    return absl::InvalidArgumentError(
        absl::StrCat(shown, " is not between ", kLeastPrice, " and ", kGreatestPrice, ", so that returns are finite"));
  }
  return price;
}

// One row's time and price; a missing price leaves only the count.
class Builder {
 public:
  absl::Status Add(std::string_view date_column, std::string_view date, std::string_view price_column,
                   std::string_view price) {
    const auto time = ParseTime(date);
    if (!time.ok()) {
      return base::InvalidField(date_column, base::ValidUtf8(std::string(time.status().message())));
    }
    if (any_ && *time <= last_) {
      return base::InvalidField(
          date_column,
          absl::StrCat("'", std::string(date), "' ", *time == last_ ? "comes twice" : "is earlier than the row before",
                       "; rows are in rising time"));
    }
    any_ = true;
    last_ = *time;
    if (price.empty() || price == ".") {
      ++series_.missing;
      return absl::OkStatus();
    }
    const auto value = ParsePrice(price);
    if (!value.ok()) return base::AboutField(value.status(), price_column);
    series_.times.push_back(*time);
    series_.prices.push_back(*value);
    return absl::OkStatus();
  }

  absl::StatusOr<PriceSeries> Finish(std::string_view price_column) && {
    if (series_.prices.size() < 2) {
      return base::InvalidField(price_column, absl::StrCat("has ", series_.prices.size(), " prices and ",
                                                           series_.missing, " missing; a return needs two prices"));
    }
    return std::move(series_);
  }

 private:
  PriceSeries series_;
  bool any_ = false;
  int64_t last_ = 0;
};

}  // namespace

absl::StatusOr<PriceSeries> ReadPriceSeries(std::istream* in, const PriceColumns& columns) {
  log::TableReader table(in, ',');
  RETURN_IF_ERROR(base::AtLine(table.Start({}), 1));
  ASSIGN_OR_RETURN(const size_t price, table.Find(columns.price));
  size_t date = 0;
  if (!columns.date.empty()) {
    ASSIGN_OR_RETURN(date, table.Find(columns.date));
  }
  if (price == date) {
    return base::InvalidField(columns.price, "is the column of the dates; name another for prices, or one for dates");
  }
  const std::string date_name = base::ValidUtf8(table.names()[date]);
  Builder builder;
  while (true) {
    absl::Status fault;
    ASSIGN_OR_RETURN(const bool more, table.Next(&fault));
    if (!more) return std::move(builder).Finish(columns.price);
    RETURN_IF_ERROR(base::AtLine(fault, table.line()));
    RETURN_IF_ERROR(
        base::AtLine(builder.Add(date_name, Trimmed(table[date]), columns.price, Trimmed(table[price])), table.line()));
  }
}

absl::StatusOr<PriceSeries> ReadPriceSeries(const std::filesystem::path& file, const PriceColumns& columns) {
  ASSIGN_OR_RETURN(const auto input, log::InputFile::Open(file));
  auto series = ReadPriceSeries(&input->stream(), columns);
  RETURN_IF_ERROR(input->status());  // a file that is cut says so, not what the cut looks like
  if (!series.ok()) return base::Annotate(series.status(), file.string());
  return series;
}

Returns ReturnsOf(const PriceSeries& series) {
  Returns returns;
  if (series.prices.empty()) return returns;
  returns.times.assign(series.times.begin() + 1, series.times.end());
  returns.values.reserve(series.prices.size() - 1);
  for (size_t t = 1; t < series.prices.size(); ++t) {
    returns.values.push_back(series.prices[t] / series.prices[t - 1] - 1);
  }
  return returns;
}

}  // namespace vickrey::series
