// Importers: public logs and JSON Lines, one auction at a time.
#ifndef VICKREY_LOG_IMPORTER_H_
#define VICKREY_LOG_IMPORTER_H_

#include <cstdint>
#include <functional>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/v1/auction.pb.h"

namespace vickrey::log {

// Where bids come from for a log that has none: drawn row by row, a function of (seed, row).
struct BidSource {
  double mu = 0;     // of the log-normal law, in units of the currency
  double sigma = 0;  // 0: every bid is exp(mu)
  uint64_t seed = 1;

  // "lognormal:MU,SIGMA". INVALID_ARGUMENT otherwise.
  static absl::StatusOr<BidSource> Parse(std::string_view text, uint64_t seed);
  int64_t BidMicros(int64_t row) const;
};

struct ImportOptions {
  std::string file_digest;  // hexadecimal; ids are its first 12 digits and the row, so that importing twice stores once
  int group_size = 1;       // rows that make an auction, where the log has no auctions
  std::optional<BidSource> bids;  // Default: a bid of one unit of the currency
};

// Reads a log:
//   1. MakeImporter, on an open file;
//   2. Next until it says that there are no more. A row that cannot be read goes to the callback and is left out.
//
// Not thread-safe; the stream must outlive it.
class Importer {
 public:
  // A row that was rejected: its line, from 1, and why.
  using Reject = std::function<void(int64_t line, const absl::Status& why)>;

  virtual ~Importer() = default;
  // The next auction, false at the end. An error ends the import: the file is not of this format at all.
  virtual absl::StatusOr<bool> Next(const Reject& reject, vickrey::v1::LoggedAuction* record) = 0;
  // Rows read so far, rejected ones among them, and the line of the last.
  virtual int64_t rows() const = 0;
  virtual int64_t line() const = 0;
};

// INVALID_ARGUMENT listing the formats for a name that is none of them: criteo, outbrain, jsonl.
absl::StatusOr<std::unique_ptr<Importer>> MakeImporter(std::string_view format, const ImportOptions& options,
                                                       std::istream* in);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_IMPORTER_H_
