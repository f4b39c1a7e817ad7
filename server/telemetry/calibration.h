#ifndef SERVER_TELEMETRY_CALIBRATION_H_
#define SERVER_TELEMETRY_CALIBRATION_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/telemetry/series.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/feedback.pb.h"

namespace vickrey::server {

// Compares what models predicted of the ads that were shown with the clicks that came: impressions, expected clicks
// (examination x pCTR) and clicks, of each model that is held.
//
// A click is known to a model as long as its impression is among the last `kept`; it is counted once per impression,
// whether it comes before its auction or after it. Clicks that come later than that are counted as unattributed: where
// they are many, the clicks are too few, and calibration looks worse than it is.
//
// Thread-safe. An impression that is kept takes some 40 bytes.
class Calibration {
 public:
  explicit Calibration(size_t kept = 500'000) : kept_(kept) {}

  // From now on impressions of this model (NAME@VERSION) are counted; those of others are not.
  void AddModel(const std::string& ref);
  template <typename Held>
  void KeepModels(Held held) {
    const absl::MutexLock lock(&mu_);
    absl::erase_if(ids_, [&](const auto& model) { return !held(model.first); });
    std::erase_if(models_, [&](const auto& model) { return !held(model.second.ref); });
  }

  // An auction that went into the log; each one once.
  void OnAuction(const vickrey::v1::LoggedAuction& record);
  // A click that went into the log; `orphan`: its auction was not there.
  void OnClick(const vickrey::v1::Feedback& report, bool orphan);

  void Collect(std::vector<prometheus::MetricFamily>* families) const;

 private:
  struct OfModel {
    std::string ref;
    uint64_t impressions = 0, clicks = 0;
    double expected_clicks = 0;
  };
  struct Impression {
    uint32_t model = 0;    // 0: not shown yet, but clicked
    bool clicked = false;  // so that a second click is not counted
  };

  // `key` is kept as the newest, and the oldest may go.
  void Keep(uint64_t key, Impression impression) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const size_t kept_;
  mutable absl::Mutex mu_;
  absl::flat_hash_map<std::string, uint32_t> ids_ ABSL_GUARDED_BY(mu_);
  std::map<uint32_t, OfModel> models_ ABSL_GUARDED_BY(mu_);  // an id is never given again
  uint32_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  // By a hash of auction and ad; of two that are equal, which one in 1e8 is, the later is known.
  absl::flat_hash_map<uint64_t, Impression> impressions_ ABSL_GUARDED_BY(mu_);
  std::deque<uint64_t> order_ ABSL_GUARDED_BY(mu_);  // their keys, oldest first
  uint64_t unattributed_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace vickrey::server

#endif  // SERVER_TELEMETRY_CALIBRATION_H_
