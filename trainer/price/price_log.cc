#include "trainer/price/price_log.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "vickrey/base/finite.h"
#include "vickrey/base/status.h"
#include "vickrey/log/input_file.h"
#include "vickrey/log/ipinyou_row.h"
#include "vickrey/log/line_reader.h"

namespace vickrey::trainer {
namespace {

using log::IpinyouRow;

constexpr std::array<const char*, 4> kColumns = {"click", "price", "pctr", "hour"};
constexpr double kMaxPrice = 1e9;
constexpr int64_t kMaxHour = 1'000'000'000;

absl::Status Fault(size_t column, std::string_view value, std::string_view allowed) {
  return base::InvalidField(
      kColumns[column],
      absl::StrCat("column ", column + 1, ": '", std::string(value.substr(0, 60)), "' is not ", std::string(allowed)));
}

absl::StatusOr<double> Number(size_t column, std::string_view text, double max, std::string_view allowed) {
  double number = 0;
  // SimpleAtod allows blanks around it and hexadecimal; a log has neither.
  const bool plain = text.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
  if (plain && absl::SimpleAtod({text.data(), text.size()}, &number) && number >= 0 && number <= max) return number;
  return Fault(column, text, allowed);
}

absl::Status ReadPrice(const std::vector<std::string_view>& values, PriceLog* log) {
  if (values.size() != kColumns.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", values.size(), " columns; 4 are expected: click, price, pctr, hour, with tabs between",
                     log->rows() == 0 ? ", or the 27 or 29 of iPinYou's impression log" : ""));
  }
  if (values[0] != "0" && values[0] != "1") return Fault(0, values[0], "0 or 1");
  ASSIGN_OR_RETURN(const double price, Number(1, values[1], kMaxPrice, "a number from 0 to 1e9"));
  ASSIGN_OR_RETURN(const double pctr, Number(2, values[2], 1, "a number from 0 to 1"));
  int64_t hour = 0;
  if (!absl::SimpleAtoi({values[3].data(), values[3].size()}, &hour) || hour < 0 || hour > kMaxHour) {
    return Fault(3, values[3], absl::StrCat("a whole number from 0 to ", kMaxHour));
  }
  if (log->rows() > 0 && hour < log->hours.back()) {
    return Fault(
        3, values[3],
        absl::StrCat("at least that of the row before, ", log->hours.back(), ": rows have to be in order of time"));
  }
  log->clicks.push_back(values[0] == "1");
  log->prices.push_back(price);
  log->floors.push_back(0);
  log->pctrs.push_back(pctr);
  log->hours.push_back(hour);
  return absl::OkStatus();
}

constexpr std::array<std::pair<const char*, size_t>, 5> kCategories = {{{"adexchange", IpinyouRow::kExchange},
                                                                        {"slotvisibility", IpinyouRow::kVisibility},
                                                                        {"slotformat", IpinyouRow::kFormat},
                                                                        {"slotid", IpinyouRow::kSlot},
                                                                        {"domain", IpinyouRow::kDomain}}};

// Leaves `hours` to the end: rows are not in order.
absl::Status ReadImpression(const IpinyouRow& row, double floor_tolerance, PriceLog* log) {
  ASSIGN_OR_RETURN(const int64_t click, row.Whole(IpinyouRow::kClick, 1));
  ASSIGN_OR_RETURN(const int64_t time, row.TimeMicros());
  ASSIGN_OR_RETURN(const int64_t floor, row.Whole(IpinyouRow::kFloor, IpinyouRow::kMaxFen));
  ASSIGN_OR_RETURN(const int64_t paid, row.Whole(IpinyouRow::kPaid, IpinyouRow::kMaxFen));
  if (static_cast<double>(floor - paid) > floor_tolerance) {
    return row.Fault(IpinyouRow::kPaid,
                     absl::StrCat("at least the floor (slotprice, column ", IpinyouRow::kFloor + 1, "), ", floor,
                                  ", less floor_tolerance, ", base::ShortestDecimal(floor_tolerance)));
  }
  log->raised += paid < floor ? 1 : 0;
  log->clicks.push_back(click == 1);
  log->prices.push_back(static_cast<double>(std::max(paid, floor)));
  log->floors.push_back(static_cast<double>(floor));
  log->times.push_back(time);
  for (size_t c = 0; c < kCategories.size(); ++c) log->categories[c].Add(row[kCategories[c].second]);
  log->categories.back().Add(
      absl::StrCat(std::string(row[IpinyouRow::kWidth]), "x", std::string(row[IpinyouRow::kHeight])));
  return absl::OkStatus();
}

template <typename T>
void Reorder(const std::vector<size_t>& order, size_t begin, const std::vector<T>& from, std::vector<T>* to) {
  for (size_t i = begin; i < order.size(); ++i) to->push_back(from[order[i]]);
}

// Appends the rows `order`[begin, ...) of `from`, of the same format.
void AppendRows(const PriceLog& from, const std::vector<size_t>& order, size_t begin, PriceLog* to) {
  Reorder(order, begin, from.clicks, &to->clicks);
  Reorder(order, begin, from.prices, &to->prices);
  Reorder(order, begin, from.floors, &to->floors);
  if (!from.pctrs.empty()) Reorder(order, begin, from.pctrs, &to->pctrs);
  Reorder(order, begin, from.hours, &to->hours);
  if (!from.times.empty()) Reorder(order, begin, from.times, &to->times);
  for (size_t c = 0; c < from.categories.size(); ++c) {
    const PriceCategory& category = from.categories[c];
    if (to->categories.size() <= c) to->categories.emplace_back(category.name());
    for (size_t i = begin; i < order.size(); ++i) {
      to->categories[c].Add(category.values()[static_cast<size_t>(category.rows()[order[i]])]);
    }
  }
  to->raised += from.raised;
}

std::vector<size_t> InOrder(size_t rows) {
  std::vector<size_t> order(rows);
  std::iota(order.begin(), order.end(), size_t{0});
  return order;
}

// Sorted by time, with the hours of Beijing.
PriceLog Sorted(PriceLog log) {
  constexpr int64_t kHourMicros = 3'600'000'000;
  for (const int64_t time : log.times) {
    log.hours.push_back((time + IpinyouRow::kUtcOffsetSeconds * 1'000'000) / kHourMicros);
  }
  std::vector<size_t> order = InOrder(log.times.size());
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return log.times[a] < log.times[b]; });
  PriceLog sorted;
  sorted.format = log.format;
  AppendRows(log, order, 0, &sorted);
  return sorted;
}

std::string TimeText(int64_t micros) {
  return absl::FormatTime("%Y%m%d%H%M%E3S", absl::FromUnixMicros(micros),
                          absl::FixedTimeZone(IpinyouRow::kUtcOffsetSeconds));
}

}  // namespace

void PriceCategory::Add(std::string_view value) {
  const auto [found, is_new] = numbers_.try_emplace(std::string(value), static_cast<int32_t>(std::ssize(values_)));
  if (is_new) values_.emplace_back(value);
  rows_.push_back(found->second);
}

absl::StatusOr<PriceLog> ReadPriceLog(const std::filesystem::path& file, double floor_tolerance) {
  ASSIGN_OR_RETURN(const auto input, log::InputFile::Open(file));
  log::LineReader lines(&input->stream());
  PriceLog log;
  std::string_view line;
  std::vector<std::string_view> values;
  IpinyouRow impression;
  const auto read_row = [&]() -> absl::Status {
    if (log.rows() == 0 && impression.Split(line).ok()) {
      log.format = PriceLog::Format::kImpressions;
      for (const auto& [name, column] : kCategories) log.categories.emplace_back(name);
      log.categories.emplace_back("slotsize");
    }
    if (log.format == PriceLog::Format::kImpressions) {
      RETURN_IF_ERROR(impression.Split(line));
      return ReadImpression(impression, floor_tolerance, &log);
    }
    log::SplitLine(line, '\t', &values);
    return ReadPrice(values, &log);
  };
  while (true) {
    const absl::StatusOr<bool> more = lines.Next(&line);
    if (!more.ok()) {  // a line that no log has: the input is at fault, not the memory
      const auto what = absl::StrCat(file.string(), ": ", std::string(more.status().message()));
      return base::AtLine(absl::InvalidArgumentError(what), lines.line() + 1);
    }
    if (!*more) break;
    RETURN_IF_ERROR(
        base::AtLine(base::Annotate(read_row(), absl::StrCat(file.string(), ":", lines.line())), lines.line()));
  }
  RETURN_IF_ERROR(input->status());
  if (log.rows() == 0) return absl::InvalidArgumentError(absl::StrCat(file.string(), ": has no rows"));
  return log.format == PriceLog::Format::kImpressions ? Sorted(std::move(log)) : std::move(log);
}

absl::StatusOr<int64_t> Append(const PriceLog& later, PriceLog* log) {
  size_t begin = 0;
  if (log->rows() > 0 && later.rows() > 0) {
    if (later.format != log->format) {
      return absl::InvalidArgumentError(
          "the test log and the training log are of different formats: one has 4 columns, the other 27 or 29");
    }
    if (log->format == PriceLog::Format::kImpressions) {
      const int64_t end = log->times.back();
      begin = static_cast<size_t>(std::lower_bound(later.times.begin(), later.times.end(), end) - later.times.begin());
      if (begin == later.times.size()) {
        return base::InvalidField("timestamp", absl::StrCat("the test log ends at ", TimeText(later.times.back()),
                                                            ", before the training log does, at ", TimeText(end)));
      }
    } else if (later.hours.front() < log->hours.back()) {
      return base::InvalidField("hour", absl::StrCat("the test log begins in hour ", later.hours.front(),
                                                     ", before the training log ends, in hour ", log->hours.back()));
    }
  }
  if (log->rows() == 0) log->format = later.format;
  AppendRows(later, InOrder(static_cast<size_t>(later.rows())), begin, log);
  return static_cast<int64_t>(begin);
}

}  // namespace vickrey::trainer
