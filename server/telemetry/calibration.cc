#include "server/telemetry/calibration.h"

#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"

namespace vickrey::server {
namespace {

uint64_t KeyOf(const std::string& auction_id, const std::string& ad_id) {
  return absl::HashOf(absl::string_view(auction_id), absl::string_view(ad_id));
}

}  // namespace

void Calibration::AddModel(const std::string& ref) {
  const absl::MutexLock lock(&mu_);
  if (!ids_.emplace(ref, last_id_ + 1).second) return;
  models_[++last_id_].ref = ref;
}

void Calibration::Keep(uint64_t key, Impression impression) {
  if (!impressions_.insert_or_assign(key, impression).second) return;
  order_.push_back(key);
  if (order_.size() <= kept_) return;
  const auto oldest = impressions_.find(order_.front());
  unattributed_ += oldest->second.model == 0;  // a click whose auction never came
  impressions_.erase(oldest);
  order_.pop_front();
}

void Calibration::OnAuction(const vickrey::v1::LoggedAuction& record) {
  const absl::MutexLock lock(&mu_);
  const auto id = ids_.find(record.model());
  if (id == ids_.end()) return;
  OfModel& model = models_.at(id->second);
  for (int i = 0; i < record.candidates_size(); ++i) {
    const auto& candidate = record.candidates(i);
    if (candidate.slot() == 0 || !candidate.has_pctr()) continue;
    ++model.impressions;
    model.expected_clicks += candidate.pctr() * (candidate.has_examination() ? candidate.examination() : 1);
    const uint64_t key = KeyOf(record.auction().auction_id(), record.auction().candidates(i).ad_id());
    const auto waiting = impressions_.find(key);
    const bool clicked = waiting != impressions_.end() && waiting->second.model == 0;
    model.clicks += clicked;
    Keep(key, {.model = id->second, .clicked = clicked});
  }
}

void Calibration::OnClick(const vickrey::v1::Feedback& report, bool orphan) {
  const absl::MutexLock lock(&mu_);
  const uint64_t key = KeyOf(report.auction_id(), report.ad_id());
  const auto found = impressions_.find(key);
  if (found == impressions_.end()) {
    if (orphan) {
      Keep(key, {.model = 0, .clicked = true});
    } else {
      ++unattributed_;
    }
    return;
  }
  if (found->second.clicked) return;
  found->second.clicked = true;
  const auto model = models_.find(found->second.model);
  ++(model == models_.end() ? unattributed_ : model->second.clicks);
}

void Calibration::Collect(std::vector<prometheus::MetricFamily>* families) const {
  Family impressions = CounterFamily(
      "vickrey_model_impressions_total",
      "Ads shown, by the model that ranked them: placed candidates of auctions that went into this server's log, from "
      "RunAuction or appended naming a model that is held here.");
  Family expected =
      CounterFamily("vickrey_model_expected_clicks_total",
                    "Clicks that the model predicted of these impressions: the sum of examination x pCTR.");
  Family clicks = CounterFamily("vickrey_model_clicks_total",
                                "These impressions that were clicked, as far as feedback arrived while they were among "
                                "the latest 500000, and since "
                                "the server started. A click comes some time after its impression, so compare over "
                                "times that are long against it.");
  Family unattributed = CounterFamily(
      "vickrey_log_unattributed_clicks_total",
      "Clicks that are in the log, but in no vickrey_model_clicks_total: too late for it, or of no model held here.");
  const absl::MutexLock lock(&mu_);
  for (const auto& [id, model] : models_) {
    impressions.Add({{"model", model.ref}}, static_cast<double>(model.impressions));
    expected.Add({{"model", model.ref}}, model.expected_clicks);
    clicks.Add({{"model", model.ref}}, static_cast<double>(model.clicks));
  }
  unattributed.Add({}, static_cast<double>(unattributed_));
  for (Family* const family : {&impressions, &expected, &clicks, &unattributed}) family->MoveTo(families);
}

}  // namespace vickrey::server
