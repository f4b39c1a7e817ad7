#ifndef TRAINER_PRICE_PRICE_LOG_H_
#define TRAINER_PRICE_PRICE_LOG_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vickrey::trainer {

// A column of few different texts, by their numbers in order of first appearance.
class PriceCategory {
 public:
  explicit PriceCategory(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  const std::vector<std::string>& values() const { return values_; }
  const std::vector<int32_t>& rows() const { return rows_; }  // of each row, which of values()
  void Add(std::string_view value);

 private:
  std::string name_;
  std::vector<std::string> values_;
  std::vector<int32_t> rows_;
  absl::flat_hash_map<std::string, int32_t> numbers_;
};

// Impressions that somebody won, in order of time, with what each cost: a column each, all of one length but for those
// that a format lacks, which are empty.
struct PriceLog {
  enum class Format {
    kPrices,       // iPinYou's prices: click, price, pctr, hour
    kImpressions,  // iPinYou's impression log, with floors
  };
  Format format = Format::kPrices;
  std::vector<bool> clicks;
  std::vector<double> prices;             // the market price, >= 0 and no less than the floor
  std::vector<double> floors;             // known before bidding: no bid below it wins; 0: there is none
  std::vector<double> pctrs;              // a modelled click probability, in [0, 1]; impressions: none
  std::vector<int64_t> hours;             // counted from any start that is a midnight; never falling
  std::vector<int64_t> times;             // microseconds, never falling; prices: none
  std::vector<PriceCategory> categories;  // prices: none

  int64_t raised = 0;  // rows that were paid below their floor, within the tolerance; their price is the floor

  int64_t rows() const { return static_cast<int64_t>(prices.size()); }
};

// Reads a log, packed by gzip or zstd or not: tab-separated, no header. The number of columns of the first row says
// which:
//
//   4       iPinYou's prices: click (0 or 1), market price, pctr, hour, in order of time
//   27, 29  iPinYou's impression log (vickrey/log/ipinyou_row.h), in any order: rows are sorted by time, those of one
//           time as they come. What was paid (payprice) may be below the floor (slotprice) by `floor_tolerance`, the
//           rounding of the log: it then counts as paid at the floor.
//
// INVALID_ARGUMENT naming file, line, column and value for anything else, a file without a row included; other errors
// as log::InputFile has them.
absl::StatusOr<PriceLog> ReadPriceLog(const std::filesystem::path& file, double floor_tolerance = 1);

// Appends a log of the same format that begins no earlier than this one ends; INVALID_ARGUMENT saying so otherwise. Of
// impressions, whose times are known, those that are earlier than the end of this one are left out, and their number is
// returned; INVALID_ARGUMENT if that leaves none. A failure leaves `log` as it was.
absl::StatusOr<int64_t> Append(const PriceLog& later, PriceLog* log);

}  // namespace vickrey::trainer

#endif  // TRAINER_PRICE_PRICE_LOG_H_
