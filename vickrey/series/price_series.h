#ifndef VICKREY_SERIES_PRICE_SERIES_H_
#define VICKREY_SERIES_PRICE_SERIES_H_

#include <cstdint>
#include <filesystem>
#include <istream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace vickrey::series {

// Which columns of a CSV file are read, by the names in its first row; others are ignored.
struct PriceColumns {
  std::string price;
  std::string date;  // Default: the first column
};

// Prices in rising time, as many as times. A value.
struct PriceSeries {
  std::vector<int64_t> times;  // microseconds since 1970-01-01 UTC
  std::vector<double> prices;  // each in [kLeastPrice, kGreatestPrice]
  int64_t missing = 0;         // rows without a price, which are in neither
};

// So that every return, and what is computed of it, is a finite number.
inline constexpr double kLeastPrice = 1e-100, kGreatestPrice = 1e100;

// The simple returns of a series, one less than prices: values[t] = prices[t+1] / prices[t] - 1, of the period that
// ends at times[t], the time of prices[t+1]. A period is from one known price to the next: over a missing day it is
// longer. Index t is what windows, forecasts and positions of the series count by.
struct Returns {
  std::vector<int64_t> times;
  std::vector<double> values;
};

// Reads a CSV file (RFC 4180, read by libcsv) with a header row. A price that is empty or "." is a missing day: the row
// is skipped and counted, its time checked as any other. INVALID_ARGUMENT naming line and column for a time that is
// none (time.h) or not later than that of the row before, a price that is no finite number greater than 0, a row of
// another length than the header; and for fewer than two prices, of which there is no return.
absl::StatusOr<PriceSeries> ReadPriceSeries(std::istream* in, const PriceColumns& columns);

// The same of a file, plain or compressed by gzip or zstd. Errors name it.
absl::StatusOr<PriceSeries> ReadPriceSeries(const std::filesystem::path& file, const PriceColumns& columns);

Returns ReturnsOf(const PriceSeries& series);

}  // namespace vickrey::series

#endif  // VICKREY_SERIES_PRICE_SERIES_H_
