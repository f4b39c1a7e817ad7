// Versions that predict what others answer, to be compared with them: the label `shadow`.
#ifndef SERVER_SHADOW_H_
#define SERVER_SHADOW_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/background.h"
#include "vickrey/model/model.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/model.pb.h"

namespace vickrey::server {

// The counts of one version. Thread-safe, and without a lock: who counts runs at the lowest priority.
class ShadowCounts {
 public:
  void Add(const std::vector<double>& pctr, const std::vector<double>& answered);
  void Drop() { dropped_.fetch_add(1, std::memory_order_relaxed); }
  void Fail() { failed_.fetch_add(1, std::memory_order_relaxed); }

  // Whether it was asked at all, and what came of it.
  bool any() const;
  vickrey::v1::ShadowStatistics Read() const;

  // The same as what only ever grows: auctions, and sums over the candidates of those that were scored.
  struct Sums {
    int64_t scored = 0, dropped = 0, failed = 0, candidates = 0;
    double pctr = 0, answered = 0,
           difference = 0;  // of its pCTRs, of those that were answered, of | the one - the other |
  };
  Sums sums() const;

 private:
  std::atomic<int64_t> auctions_ = 0, dropped_ = 0, failed_ = 0, candidates_ = 0;
  std::atomic<double> pctr_ = 0, answered_ = 0, difference_ = 0;  // sums over the candidates
};

// Who predicts beside the answer. None: `model` is null.
struct ShadowModel {
  std::shared_ptr<const model::Model> model;
  std::shared_ptr<ShadowCounts> counts;
};

// What a shadow predicted.
struct ShadowReport {
  const model::Model& model;
  const vickrey::v1::Auction& auction;
  const std::vector<double>& answered;  // the click probabilities that were answered
  const absl::StatusOr<model::Model::Prediction>& shadow;
};

// Is told of every shadow's prediction, on a thread of the shadows' own at the priority of calls: it may take their
// locks.
class ShadowObserver {
 public:
  virtual ~ShadowObserver() = default;
  virtual void OnShadow(const ShadowReport& report) = 0;
};

// Has shadows predict, apart from the calls, one auction after the other at the lowest priority. What it cannot keep up
// with it drops, and counts.
//
// Thread-safe.
class Shadow {
 public:
  static constexpr int64_t kMaxAuctions = 1024, kMaxBytes = 16 << 20;  // that wait; bytes on the wire

  // `observer` may be null, and must outlive it.
  explicit Shadow(ShadowObserver* observer = nullptr) : observer_(observer) {}
  // What still waits is let go.
  ~Shadow() { ending_ = true; }

  // What was answered, by the click probabilities of the candidates. Copies the auction where `shadow` is not none and
  // there is room; never waits.
  void Offer(const ShadowModel& shadow, const vickrey::v1::Auction& auction, std::vector<double> answered);

 private:
  // Nothing where it is ending.
  std::optional<absl::StatusOr<model::Model::Prediction>> Predict(const ShadowModel& shadow,
                                                                  const vickrey::v1::Auction& auction,
                                                                  const std::vector<double>& answered) const;

  ShadowObserver* const observer_;
  std::atomic<int64_t> auctions_ = 0, bytes_ = 0;  // that wait
  std::atomic<bool> ending_ = false;
  Background background_;
};

}  // namespace vickrey::server

#endif  // SERVER_SHADOW_H_
