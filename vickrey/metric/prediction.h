// How good predicted click probabilities are, whatever an auction does with them.
#ifndef VICKREY_METRIC_PREDICTION_H_
#define VICKREY_METRIC_PREDICTION_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "vickrey/metric/clicked_scores.h"

namespace vickrey::metric {

// Results; nothing where they are not defined on the rows given.
struct PredictionMetrics {
  int64_t rows = 0;                   // predictions with a known outcome
  int64_t clicks = 0;                 // among them
  std::optional<double> auc;          // of all rows
  std::optional<double> auction_auc;  // mean, over auctions with clicked and other rows, of the AUC inside each
  std::optional<double> logloss;      // mean cross-entropy in nats; predictions are kept 1e-15 away from 0 and 1
  std::optional<double>
      normalized_entropy;             // logloss / entropy of the click rate (He et al. 2014); 1: no better than it
  std::optional<double> calibration;  // sum of predictions / clicks; 1 is calibrated, more is too high
  std::optional<double> ece;          // expected calibration error over bins of equal width
  std::optional<double> mse_teacher;  // mean (prediction - teacher)^2 over rows with a teacher
};

// Rows of which the outcome is known, with a bid: for calibration by bid.
struct BidBucket {
  int64_t lo_micros = 0, hi_micros = 0;  // least and greatest bid in it
  int64_t rows = 0;
  double mean_pctr = 0;
  double ctr = 0;  // clicks / rows
};

// Rows of about equal predictions: for a calibration chart.
struct PredictionBucket {
  int64_t rows = 0;
  double mean_pctr = 0;
  double ctr = 0;  // clicks / rows
};

// Accumulates predictions, auction by auction. Not thread-safe.
class PredictionAccumulator {
 public:
  struct Options {
    int ece_bins = 10;         // at least 1
    bool keep_scores = true;   // whether the AUC of all rows and ByPrediction will be asked for (clicked_scores.h)
    bool keep_by_bid = false;  // whether ByBid will be asked for: 10 kB for each power of two of bids
  };

  explicit PredictionAccumulator(Options options);
  PredictionAccumulator() : PredictionAccumulator(Options{}) {}

  // One row of the current auction. REQUIRES: pctr in [0, 1]; a bid of 1 to 10^15 micros.
  void Add(double pctr, bool clicked, int64_t bid_micros);
  void AddTeacher(double pctr, double teacher);
  // The current auction is over.
  void EndAuction();

  // REQUIRES: the same options, both between auctions.
  void Merge(const PredictionAccumulator& other);

  PredictionMetrics Finalize() const;
  // At most `buckets` of about equally many rows, by rising bid. Bids with the same leading nine bits, at most 0.4 %
  // apart, share a bucket: memory does not grow with the rows. REQUIRES: keep_by_bid.
  std::vector<BidBucket> ByBid(int buckets) const;
  // At most `buckets` of about equally many rows, by rising prediction. REQUIRES: keep_scores.
  std::vector<PredictionBucket> ByPrediction(int buckets) const;

 private:
  struct Bin {
    int64_t rows = 0;
    double pctr = 0;
    int64_t clicks = 0;
  };

  // Rows of bids lo .. hi.
  struct BidBin {
    int64_t lo = std::numeric_limits<int64_t>::max(), hi = 0;
    int64_t rows = 0;
    double pctr = 0;
    int64_t clicks = 0;

    void Add(const BidBin& other) {
      lo = std::min(lo, other.lo);
      hi = std::max(hi, other.hi);
      rows += other.rows;
      pctr += other.pctr;
      clicks += other.clicks;
    }
  };

  double CrossEntropy() const;

  Options options_;
  ClickedScores scores_;
  std::vector<double> clicked_, others_;  // of the current auction
  int64_t rows_ = 0, clicks_ = 0;
  double pctr_ = 0;
  // The cross-entropy of all rows is cross_entropy_ - log(likelihood_): one logarithm for many rows.
  double cross_entropy_ = 0, likelihood_ = 1;
  int64_t aucs_ = 0;
  double auc_sum_ = 0;
  std::vector<Bin> bins_;
  int64_t teacher_rows_ = 0;
  double teacher_squares_ = 0;
  std::vector<std::vector<BidBin>> bid_bins_;  // by rising power of two, and in it by rising bid; empty: no bids there
};

}  // namespace vickrey::metric

#endif  // VICKREY_METRIC_PREDICTION_H_
