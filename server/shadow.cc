#include "server/shadow.h"

#include <cmath>
#include <utility>

namespace vickrey::server {

void ShadowCounts::Add(const std::vector<double>& pctr, const std::vector<double>& answered) {
  double of_shadow = 0, of_answer = 0, difference = 0;
  for (size_t i = 0; i < pctr.size(); ++i) {
    of_shadow += pctr[i];
    of_answer += answered[i];
    difference += std::abs(pctr[i] - answered[i]);
  }
  pctr_.fetch_add(of_shadow, std::memory_order_relaxed);
  answered_.fetch_add(of_answer, std::memory_order_relaxed);
  difference_.fetch_add(difference, std::memory_order_relaxed);
  candidates_.fetch_add(static_cast<int64_t>(pctr.size()), std::memory_order_relaxed);
  auctions_.fetch_add(1, std::memory_order_relaxed);
}

bool ShadowCounts::any() const { return auctions_ > 0 || dropped_ > 0 || failed_ > 0; }

vickrey::v1::ShadowStatistics ShadowCounts::Read() const {
  vickrey::v1::ShadowStatistics statistics;
  statistics.set_auctions(auctions_);
  statistics.set_dropped(dropped_);
  statistics.set_failed(failed_);
  const int64_t candidates = candidates_;
  statistics.set_candidates(candidates);
  if (candidates == 0) return statistics;
  const auto mean = [candidates](double sum) { return sum / static_cast<double>(candidates); };
  statistics.set_mean_pctr(mean(pctr_));
  statistics.set_mean_answered_pctr(mean(answered_));
  statistics.set_mean_absolute_difference(mean(difference_));
  return statistics;
}

void Shadow::Offer(const ShadowModel& shadow, vickrey::v1::Auction* auction, std::vector<double> answered) {
  if (shadow.model == nullptr) return;
  const auto bytes = static_cast<int64_t>(auction->ByteSizeLong());
  const bool fits = auctions_.fetch_add(1) < kMaxAuctions;
  if (bytes_.fetch_add(bytes) + bytes > kMaxBytes || !fits) {
    auctions_.fetch_sub(1);
    bytes_.fetch_sub(bytes);
    shadow.counts->Drop();
    return;
  }
  const auto taken = std::make_shared<vickrey::v1::Auction>();
  taken->Swap(auction);
  background_.Run([this, shadow, taken, bytes, answered = std::move(answered)] {
    background_.Do([&] { Predict(shadow, *taken, answered); });
    auctions_.fetch_sub(1);
    bytes_.fetch_sub(bytes);
  });
}

void Shadow::Predict(const ShadowModel& shadow, const vickrey::v1::Auction& auction,
                     const std::vector<double>& answered) {
  if (ending_) return;
  const auto prediction = shadow.model->Predict(auction, "auction.");
  if (prediction.ok()) {
    shadow.counts->Add(prediction->pctr, answered);
  } else {
    shadow.counts->Fail();
  }
  if (observer_ != nullptr) observer_->OnShadow({*shadow.model, auction, answered, prediction});
}

}  // namespace vickrey::server
