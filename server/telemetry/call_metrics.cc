#include "server/telemetry/call_metrics.h"

#include <algorithm>

#include "absl/strings/string_view.h"

namespace vickrey::server {

CallMetrics::CallMetrics() = default;
CallMetrics::~CallMetrics() = default;

CallMetrics::OfModel::~OfModel() {
  for (const auto& histogram : took) delete histogram.load(std::memory_order_relaxed);
}

CallMetrics::OfMethod& CallMetrics::Of(const Method& method) {
  const size_t start = reinterpret_cast<uintptr_t>(&method) / alignof(Method);
  for (size_t i = 0; i < kCells; ++i) {
    const Cell& cell = cells_[(start + i) % kCells];
    const Method* const seen = cell.method.load(std::memory_order_acquire);
    if (seen == &method) return *cell.counts;
    if (seen == nullptr) break;
  }
  return Insert(method);
}

CallMetrics::OfMethod& CallMetrics::Insert(const Method& method) {
  const absl::MutexLock lock(&methods_mu_);
  // Two constants of one name are one method to those who look at the numbers.
  auto found = methods_.find(method.name);
  if (found == methods_.end()) {
    // Never reached by a server that has fewer; there must be a last one all the same.
    const std::string name = methods_.size() < kMethods - 1 ? std::string(method.name) : "other";
    auto& counts = methods_[name];
    if (counts == nullptr) {
      counts = std::make_unique<OfMethod>();
      counts->name = name;
      counts->index = methods_.size() - 1;
    }
    found = methods_.find(name);
  }
  OfMethod* const counts = found->second.get();
  const size_t start = reinterpret_cast<uintptr_t>(&method) / alignof(Method);
  for (size_t i = 0; i < kCells / 2; ++i) {
    Cell& cell = cells_[(start + i) % kCells];
    const Method* const seen = cell.method.load(std::memory_order_relaxed);
    if (seen == &method) break;  // another was faster
    if (seen != nullptr) continue;
    cell.counts = counts;
    cell.method.store(&method, std::memory_order_release);
    break;
  }
  return *counts;
}

void CallMetrics::OnCallBegin(const Method& method) { Of(method).in_flight.fetch_add(1, std::memory_order_relaxed); }

void CallMetrics::OnCallEnd(const CallReport& report) {
  OfMethod& method = Of(report.method);
  method.in_flight.fetch_sub(1, std::memory_order_relaxed);
  const size_t code = std::min(static_cast<size_t>(report.status.code()), kCodes - 1);
  method.ended[code].fetch_add(1, std::memory_order_relaxed);
  if (!report.model.empty()) {
    const absl::ReaderMutexLock lock(&mu_);
    const auto found = models_.find(absl::string_view(report.model.data(), report.model.size()));
    if (found != models_.end()) {
      OfModel& model = *found->second;
      model.candidates.fetch_add(report.candidates, std::memory_order_relaxed);
      auto& place = model.took[method.index];
      DurationHistogram* histogram = place.load(std::memory_order_acquire);
      if (histogram == nullptr) {
        auto made = std::make_unique<DurationHistogram>();
        if (place.compare_exchange_strong(histogram, made.get())) histogram = made.release();
      }
      histogram->Observe(report.took);
      return;
    }
  }
  method.took.Observe(report.took);
}

void CallMetrics::AddModel(const std::string& ref) {
  const absl::MutexLock lock(&mu_);
  if (models_.size() >= kMaxModels || models_.contains(ref)) return;
  models_[ref] = std::make_unique<OfModel>();
}

void CallMetrics::Collect(std::vector<prometheus::MetricFamily>* families) const {
  Family in_flight = GaugeFamily("vickrey_calls_in_flight", "Calls under way.");
  Family ended = CounterFamily("vickrey_calls_total", "Calls that ended, by their status.");
  Family took = HistogramFamily("vickrey_call_duration_seconds",
                                "How long calls took, by the model that answered; model=\"\" where none did. A stream "
                                "of appends lasts until its caller ends it.");
  Family candidates = CounterFamily("vickrey_candidates_scored_total",
                                    "Candidates of auctions, by the model that predicted their clicks.");
  const absl::MutexLock methods_lock(&methods_mu_);
  const absl::ReaderMutexLock lock(&mu_);
  for (const auto& [name, method] : methods_) {
    in_flight.Add({{"method", name}}, static_cast<double>(method->in_flight.load(std::memory_order_relaxed)));
    for (size_t code = 0; code < kCodes; ++code) {
      const uint64_t count = method->ended[code].load(std::memory_order_relaxed);
      if (count == 0) continue;
      ended.Add({{"method", name}, {"code", absl::StatusCodeToString(static_cast<absl::StatusCode>(code))}},
                static_cast<double>(count));
    }
    if (auto read = method->took.Read(); read.sample_count > 0) {
      took.Add({{"method", name}, {"model", ""}}, std::move(read));
    }
    for (const auto& [ref, model] : models_) {
      const DurationHistogram* const histogram = model->took[method->index].load(std::memory_order_acquire);
      if (histogram != nullptr) took.Add({{"method", name}, {"model", ref}}, histogram->Read());
    }
  }
  for (const auto& [ref, model] : models_) {
    candidates.Add({{"model", ref}}, static_cast<double>(model->candidates.load(std::memory_order_relaxed)));
  }
  for (Family* const family : {&in_flight, &ended, &took, &candidates}) family->MoveTo(families);
}

}  // namespace vickrey::server
