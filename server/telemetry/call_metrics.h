#ifndef SERVER_TELEMETRY_CALL_METRICS_H_
#define SERVER_TELEMETRY_CALL_METRICS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/gate.h"
#include "server/telemetry/series.h"

namespace vickrey::server {

// Counts calls: under way by method, ended by method and code, how long they took by method and model, and candidates
// by model.
//
// The number of series is bounded whatever callers send: methods are those of the server; models those that were said
// to be held, up to kMaxModels. What a call of another model took is counted under no model.
//
// Thread-safe. Calls count by atomic numbers found by address, and by a model's name under a lock that they share; text
// is made when the numbers are collected.
class CallMetrics final : public CallObserver {
 public:
  static constexpr size_t kMaxModels = 1000;

  CallMetrics();
  ~CallMetrics() override;

  // REQUIRES: a Method is a constant.
  void OnCallBegin(const Method& method) override;
  void OnCallEnd(const CallReport& report) override;

  // From now on calls that this model (NAME@VERSION) answered are counted under its name.
  void AddModel(const std::string& ref);
  // What was counted under names for which `held` is false is forgotten.
  template <typename Held>
  void KeepModels(Held held) {
    const absl::MutexLock lock(&mu_);
    absl::erase_if(models_, [&](const auto& model) { return !held(model.first); });
  }

  void Collect(std::vector<prometheus::MetricFamily>* families) const;

 private:
  static constexpr size_t kCodes = 17;     // of absl::StatusCode
  static constexpr size_t kMethods = 128;  // a power of two; more than there are
  static constexpr size_t kCells = 4 * kMethods;

  struct OfMethod {
    std::string name;
    size_t index = 0;
    std::atomic<int64_t> in_flight = 0;
    std::array<std::atomic<uint64_t>, kCodes> ended = {};
    DurationHistogram took;  // of calls that no model answered
  };
  struct OfModel {
    ~OfModel();
    std::atomic<uint64_t> candidates = 0;
    std::array<std::atomic<DurationHistogram*>, kMethods> took = {};  // owned; null: there was no such call
  };
  struct Cell {
    std::atomic<const Method*> method = nullptr;  // null: free
    OfMethod* counts = nullptr;                   // set before
  };

  // Never blocks but at a method's first call.
  OfMethod& Of(const Method& method);
  OfMethod& Insert(const Method& method);

  // Open addressing by a constant's address: one look, mostly.
  std::array<Cell, kCells> cells_;
  mutable absl::Mutex methods_mu_;  // for who inserts
  std::map<std::string, std::unique_ptr<OfMethod>, std::less<>> methods_ ABSL_GUARDED_BY(methods_mu_);

  mutable absl::Mutex mu_;
  absl::flat_hash_map<std::string, std::unique_ptr<OfModel>> models_ ABSL_GUARDED_BY(mu_);
};

}  // namespace vickrey::server

#endif  // SERVER_TELEMETRY_CALL_METRICS_H_
