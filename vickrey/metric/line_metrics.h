// All metrics of one model over AuctionLines, as a MetricsLine.
#ifndef VICKREY_METRIC_LINE_METRICS_H_
#define VICKREY_METRIC_LINE_METRICS_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/auction/mechanism.h"
#include "vickrey/metric/blocks.h"
#include "vickrey/metric/prediction.h"
#include "vickrey/metric/welfare.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::metric {

struct LineOptions {
  int ece_bins = 10;
  int bid_buckets = 0;         // 0: no by_bid
  int prediction_buckets = 0;  // 0: no by_prediction
};

// All metrics of one model over some auctions. Of each row 8 bytes are kept, up to a million rows (clicked_scores.h).
// Copyable; not thread-safe.
class LineSums {
 public:
  // `unreserved` is the mechanism without a reserve; both must outlive it.
  LineSums(LineOptions options, const auction::Mechanism* mechanism, const auction::Mechanism* unreserved);

  // INVALID_ARGUMENT as the mechanism says; nothing is added then. REQUIRES: as WelfareAccumulator.
  absl::Status Add(const JudgedBatch& batch);
  // The same of one auction; the error names `auction_id`.
  absl::Status Add(std::string_view auction_id, const JudgedAuction& judged);
  // Auctions behind those here. REQUIRES: the same options and mechanism.
  void Merge(const LineSums& other);
  vickrey::v1::MetricsLine Finalize() const;

 private:
  void AddPredictions(const JudgedBatch& batch);

  LineOptions options_;
  PredictionAccumulator predictions_;
  WelfareAccumulator welfare_;
  int64_t auctions_ = 0, rows_ = 0, clicks_ = 0;
};

// Judges predictions and what a mechanism makes of them:
//   1. Create, with the auction's rules;
//   2. Add each auction, in order;
//   3. Finalize.
// `vickrey eval metrics`, the trainer and the simulator all compute by LineSums in blocks (blocks.h), so that equal
// auctions and predictions give equal bytes. Not thread-safe.
class LineMetrics {
 public:
  using Options = LineOptions;

  // INVALID_ARGUMENT naming the rule that is wrong.
  static absl::StatusOr<std::unique_ptr<LineMetrics>> Create(auction::Rules rules, Options options);

  // INVALID_ARGUMENT naming the auction, the candidate and the field; nothing is added then.
  absl::Status Add(const vickrey::v1::AuctionLine& line);
  // An empty LineSums for a block, and a whole block's. REQUIRES: AddBlock alone, or Add alone.
  LineSums EmptyBlock() const;
  void AddBlock(const LineSums& block) { sums_.AddBlock(block); }
  vickrey::v1::MetricsLine Finalize() { return sums_.Total().Finalize(); }

  const auction::Mechanism& mechanism() const { return *mechanism_; }

 private:
  LineMetrics(Options options, std::unique_ptr<auction::Mechanism> mechanism,
              std::unique_ptr<auction::Mechanism> unreserved);

  const Options options_;
  const std::unique_ptr<auction::Mechanism> mechanism_, unreserved_;
  Blocks<LineSums> sums_;
};

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_LINE_METRICS_H_
