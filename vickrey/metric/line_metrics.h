// All metrics of one model over AuctionLines, as a MetricsLine.
#ifndef VICKREY_METRIC_LINE_METRICS_H_
#define VICKREY_METRIC_LINE_METRICS_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/auction/mechanism.h"
#include "vickrey/metric/blocks.h"
#include "vickrey/metric/prediction.h"
#include "vickrey/metric/welfare.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::metric {

// Judges predictions and what a mechanism makes of them:
//   1. Create, with the auction's rules;
//   2. Add each auction, in order;
//   3. Finalize.
// `vickrey eval metrics`, the trainer and the simulator all compute by this class, so that equal auctions and
// predictions give equal bytes. Keeps 16 bytes a row. Not thread-safe.
class LineMetrics {
 public:
  struct Options {
    int ece_bins = 10;
    int bid_buckets = 0;         // 0: no by_bid
    int prediction_buckets = 0;  // 0: no by_prediction
  };

  // INVALID_ARGUMENT naming the rule that is wrong.
  static absl::StatusOr<std::unique_ptr<LineMetrics>> Create(auction::Rules rules, Options options);

  // INVALID_ARGUMENT naming the auction, the candidate and the field; nothing is added then.
  absl::Status Add(const vickrey::v1::AuctionLine& line);
  vickrey::v1::MetricsLine Finalize();

 private:
  LineMetrics(Options options, std::unique_ptr<auction::Mechanism> mechanism,
              std::unique_ptr<auction::Mechanism> unreserved);

  const Options options_;
  const std::unique_ptr<auction::Mechanism> mechanism_, unreserved_;
  Blocks<PredictionAccumulator> predictions_;
  Blocks<WelfareAccumulator> welfare_;
  int64_t auctions_ = 0, rows_ = 0, clicks_ = 0;
};

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_LINE_METRICS_H_
