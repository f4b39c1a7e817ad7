// series::ReadPriceSeries. The first byte picks how the columns are named, the rest is the file. It is refused, about
// bad input, or read; reading it again gives the same. What is read is a series: as many times as prices, in rising
// time, every price and return finite, no price below the least. Written plainly and read again it is the same series.
#include <cmath>
#include <sstream>
#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "tests/fuzz/fuzzing.h"
#include "vickrey/series/price_series.h"
#include "vickrey/series/time.h"

namespace vickrey::fuzz {
namespace {

absl::StatusOr<series::PriceSeries> Read(std::string_view text, const series::PriceColumns& columns) {
  std::istringstream in{std::string(text)};
  return series::ReadPriceSeries(&in, columns);
}

bool Same(const series::PriceSeries& a, const series::PriceSeries& b) {
  return a.times == b.times && a.prices == b.prices;
}

void RequireSeries(const series::PriceSeries& series) {
  Require(series.times.size() == series.prices.size() && series.prices.size() >= 2, "a price for every time");
  std::string plain = "time,price\n";
  for (size_t t = 0; t < series.prices.size(); ++t) {
    Require(t == 0 || series.times[t - 1] < series.times[t], "times rise");
    const double price = series.prices[t];
    Require(price >= series::kLeastPrice && price <= series::kGreatestPrice, "prices are in range");
    absl::StrAppendFormat(&plain, "%s,%.17g\n", series::FormatTime(series.times[t]), price);
  }
  const series::Returns returns = series::ReturnsOf(series);
  Require(returns.values.size() + 1 == series.prices.size() && returns.times.back() == series.times.back(),
          "a return for every price but the first");
  for (const double r : returns.values) Require(std::isfinite(r) && r >= -1, "returns are finite");
  const auto again = Read(plain, {.price = "price", .date = "time"});
  Require(again.ok() && again->missing == 0 && Same(*again, series), "written plainly it is the same series");
}

}  // namespace
}  // namespace vickrey::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vickrey::fuzz;
  Input input(data, size);
  const vickrey::series::PriceColumns columns{.price = "p", .date = input.Case(2) == 0 ? "" : "d"};
  const auto once = Read(input.rest(), columns), twice = Read(input.rest(), columns);
  Require(once.status() == twice.status() && (!once.ok() || Same(*once, *twice)), "a file reads the same twice");
  if (once.ok()) RequireSeries(*once);
  Require(once.ok() || absl::IsInvalidArgument(once.status()) || absl::IsResourceExhausted(once.status()),
          "what is refused is bad input");
  return 0;
}
