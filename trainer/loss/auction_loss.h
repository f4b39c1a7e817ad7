// What a loss of auctions is made of. Each is written twice: fused, which is what trains, and composed of
// LibTorch's operations, which is its reference and runs wherever tensors are.
#ifndef TRAINER_LOSS_AUCTION_LOSS_H_
#define TRAINER_LOSS_AUCTION_LOSS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "trainer/loss/pairs.h"
#include "trainer/loss/ragged.h"
#include "vickrey/config/v1/loss.pb.h"

namespace vickrey::trainer {

// Where on their schedules the parameters stand.
struct Point {
  double sigma = 1;  // steepness of a rank loss's surrogate
  double tau = 1;    // temperature of soft_winner
  double alpha = 1;  // share of the cross-entropy; 1: nothing else
};

// The candidates of one auction that have a label, n > 0 of them; arrays of n. Always in double: that is as fast, and
// floats would lose small differences of scores.
struct Slate {
  int64_t n = 0;
  const double* bids = nullptr;
  const double* labels = nullptr;
  const double* logits = nullptr;           // u; of a loss with two outputs, the click's less the other's
  const double* click_logits = nullptr;     // of a loss with two outputs
  const double* no_click_logits = nullptr;  // of a loss with two outputs
  const double* log_bids = nullptr;
  const double* f = nullptr;      // sigmoid(u)
  const double* rest = nullptr;   // 1 - f, without cancellation
  const double* log_f = nullptr;  // log f, without underflow
};

// What a thread needs while it computes; reused from auction to auction.
struct Workspace {
  PairBuffers pairs;
  std::vector<double> scores, targets, weights, slopes;

  // `values` with room for n entries, of any value.
  static double* Room(std::vector<double>* values, int64_t n) {
    if (values->size() < static_cast<size_t>(n)) values->resize(n);
    return values->data();
  }
};

// A loss L of one auction.
//
// Immutable, so thread-safe.
class AuctionLoss {
 public:
  virtual ~AuctionLoss() = default;

  // Logits that it reads of each candidate: 1, or 2 for a click and no click.
  virtual int outputs() const { return 1; }

  // L of one auction. Writes dL/du to `gradient`, (n) or, with two outputs, (2 n): those of the click logits, then the
  // others. `precision`: of sums over pairs.
  virtual double Fused(const Slate& slate, const Point& point, Precision precision, Workspace* workspace,
                       double* gradient) const = 0;

  // (auctions): L of each, 0 where nothing is labelled; differentiable by the logits.
  virtual at::Tensor Composed(const Ragged& batch, const Point& point) const = 0;
};

// One a file, of the loss's name. REQUIRES: a configuration that MakeLoss takes.
using LossConfig = vickrey::config::v1::LossConfig;
std::unique_ptr<AuctionLoss> MakeWelfareRank(const LossConfig& config);
std::unique_ptr<AuctionLoss> MakeSoftWinner(const LossConfig& config);
std::unique_ptr<AuctionLoss> MakeGmadl(const LossConfig& config);
std::unique_ptr<AuctionLoss> MakeMadl(const LossConfig& config);  // gmadl.cc
std::unique_ptr<AuctionLoss> MakeRanknet(const LossConfig& config);
std::unique_ptr<AuctionLoss> MakeSoftmax(const LossConfig& config);
std::unique_ptr<AuctionLoss> MakeJrc(const LossConfig& config);
std::unique_ptr<AuctionLoss> MakeCalibratedSoftmax(const LossConfig& config);
std::unique_ptr<AuctionLoss> MakeKnownMarket(const LossConfig& config);

}  // namespace vickrey::trainer

#endif  // TRAINER_LOSS_AUCTION_LOSS_H_
