// What importers of public logs and tables have in common. The table of them: log/import_formats.h.
#ifndef VICKREY_LOG_IMPORTER_H_
#define VICKREY_LOG_IMPORTER_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/config/v1/csv.pb.h"
#include "vickrey/log/bid_source.h"
#include "vickrey/v1/auction.pb.h"

namespace vickrey::log {

inline constexpr int64_t kSecondMicros = 1'000'000;

struct ImportOptions {
  std::string file_digest;  // hexadecimal; ids are its first 12 digits and the row, so that importing twice stores once
  int group_size = 1;       // rows that make an auction, where the log has no auctions
  std::optional<BidSource> bids;  // Default: a bid of one unit of the currency
  bool encode = false;  // features as the arrays of the format's schema (log/feature_writer.h); default: by name
  std::istream* items = nullptr;  // open_bandit: the table of items' features; must outlive the importer
  std::optional<vickrey::config::v1::CsvConfig> csv;  // csv: what its columns are
  std::filesystem::path file;                         // where the stream comes from; parquet reads it itself

  // The bid of a row that has none.
  int64_t BidMicros(int64_t row) const { return bids.has_value() ? bids->BidMicros(row) : kMicros; }
  // The id of the auction that starts at a row.
  std::string AuctionId(int64_t row) const;

  static constexpr int64_t kMicros = 1'000'000;  // of one unit of a currency
};

// Reads a log:
//   1. MakeImporter, on an open file;
//   2. Next until it says that there are no more. A row that cannot be read goes to the callback and is left out.
//
// Not thread-safe; the stream must outlive it.
class Importer {
 public:
  // A row that was rejected: its line, from 1, and why. An error of its own ends the import.
  using Reject = std::function<absl::Status(int64_t line, const absl::Status& why)>;

  virtual ~Importer() = default;
  // The next auction, false at the end. `record` is empty when it is called. An error ends the import: the file is not
  // of this format at all.
  virtual absl::StatusOr<bool> Next(const Reject& reject, vickrey::v1::LoggedAuction* record) = 0;
  // Rows delivered or rejected so far, and the line of the last of them.
  virtual int64_t rows() const = 0;
  virtual int64_t line() const = 0;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_IMPORTER_H_
