#include "server/telemetry/telemetry.h"

#include <prometheus/text_serializer.h>

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/telemetry/process_metrics.h"

namespace vickrey::server {

using vickrey::v1::ModelInfo;

namespace {

void CollectShadows(const std::map<std::string, ShadowCounts::Sums>& shadows,
                    std::vector<prometheus::MetricFamily>* families) {
  Family auctions = CounterFamily("vickrey_shadow_auctions_total",
                                  "Auctions that a shadow was to predict beside the answer, by what became of them. "
                                  "Dropped: it could not keep up.");
  Family candidates =
      CounterFamily("vickrey_shadow_candidates_total", "Candidates of the auctions that a shadow predicted.");
  Family pctr = CounterFamily("vickrey_shadow_pctr_total", "The sum of the pCTRs that a shadow predicted of them.");
  Family answered =
      CounterFamily("vickrey_shadow_answered_pctr_total", "The sum of the pCTRs that they were answered with.");
  Family difference = CounterFamily("vickrey_shadow_absolute_difference_total",
                                    "The sum of how far the one is from the other, candidate by candidate.");
  for (const auto& [ref, sums] : shadows) {
    auctions.Add({{"model", ref}, {"outcome", "scored"}}, static_cast<double>(sums.scored))
        .Add({{"model", ref}, {"outcome", "dropped"}}, static_cast<double>(sums.dropped))
        .Add({{"model", ref}, {"outcome", "failed"}}, static_cast<double>(sums.failed));
    candidates.Add({{"model", ref}}, static_cast<double>(sums.candidates));
    pctr.Add({{"model", ref}}, sums.pctr);
    answered.Add({{"model", ref}}, sums.answered);
    difference.Add({{"model", ref}}, sums.difference);
  }
  for (Family* const family : {&auctions, &candidates, &pctr, &answered, &difference}) family->MoveTo(families);
}

}  // namespace

void Telemetry::OnLoad(const std::string& ref, const absl::Status& status, absl::Duration took) {
  loads_.Observe(took);
  if (status.ok()) {
    AddModel(ref);
  } else {
    failed_loads_.fetch_add(1, std::memory_order_relaxed);
  }
  call_log_.OnEvent(status.ok() ? LogLevel::kInfo : LogLevel::kWarning, "load",
                    absl::StrCat(ref, status.ok() ? " is ready after " : " failed after ",
                                 absl::FormatDuration(absl::Trunc(took, absl::Microseconds(1))),
                                 status.ok() ? "" : ": ", status.message()));
}

void Telemetry::AddModel(const std::string& ref) {
  calls_.AddModel(ref);
  calibration_.AddModel(ref);
}

std::string Telemetry::Exposition(const Registry& registry, const LogWriter* log, bool ready) {
  std::vector<prometheus::MetricFamily> families;
  const std::map<std::string, ModelInfo::State> states = registry.States();
  const auto held = [&](const std::string& ref) {
    const auto found = states.find(ref);
    return found != states.end() && found->second == ModelInfo::READY;
  };
  // One that was loaded after `states` was made is dropped here, before anybody could call it much, and added next
  // time.
  calls_.KeepModels(held);
  calibration_.KeepModels(held);
  std::map<ModelInfo::State, int> versions = {{ModelInfo::LOADING, 0}, {ModelInfo::READY, 0}, {ModelInfo::FAILED, 0}};
  for (const auto& [ref, state] : states) {
    ++versions[state];
    if (state == ModelInfo::READY) AddModel(ref);
  }

  GaugeFamily("vickrey_ready", "Whether calls should come here: 1, or 0 while it starts or drains, as /readyz says.")
      .Add({}, ready ? 1 : 0)
      .MoveTo(&families);
  calls_.Collect(&families);
  Family by_state = GaugeFamily("vickrey_model_versions", "Versions of models that are held, by state.");
  for (const auto& [state, count] : versions) {
    by_state.Add({{"state", ModelInfo::State_Name(state)}}, count);
  }
  by_state.MoveTo(&families);
  HistogramFamily("vickrey_model_load_duration_seconds",
                  "How long it took to read, check and warm a model; failures too.")
      .Add({}, loads_.Read())
      .MoveTo(&families);
  CounterFamily("vickrey_model_load_failures_total", "Models that could not be loaded.")
      .Add({}, static_cast<double>(failed_loads_.load(std::memory_order_relaxed)))
      .MoveTo(&families);
  CollectShadows(registry.Shadows(), &families);
  if (log != nullptr) {
    log_.Collect(log->queued(), &families);
    calibration_.Collect(&families);
  }
  CounterFamily("vickrey_call_log_dropped_lines_total", "Lines for stderr that were dropped: it was read too slowly.")
      .Add({}, static_cast<double>(call_log_.dropped()))
      .MoveTo(&families);
  CollectProcess(&families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace vickrey::server
