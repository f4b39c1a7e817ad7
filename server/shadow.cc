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

ShadowCounts::Sums ShadowCounts::sums() const {
  return {.scored = auctions_,
          .dropped = dropped_,
          .failed = failed_,
          .candidates = candidates_,
          .pctr = pctr_,
          .answered = answered_,
          .difference = difference_};
}

vickrey::v1::ShadowStatistics ShadowCounts::Read() const {
  const Sums sums = this->sums();
  vickrey::v1::ShadowStatistics statistics;
  statistics.set_auctions(sums.scored);
  statistics.set_dropped(sums.dropped);
  statistics.set_failed(sums.failed);
  statistics.set_candidates(sums.candidates);
  if (sums.candidates == 0) return statistics;
  const auto mean = [&sums](double sum) { return sum / static_cast<double>(sums.candidates); };
  statistics.set_mean_pctr(mean(sums.pctr));
  statistics.set_mean_answered_pctr(mean(sums.answered));
  statistics.set_mean_absolute_difference(mean(sums.difference));
  return statistics;
}

void Shadow::Offer(const ShadowModel& shadow, const vickrey::v1::Auction& auction, std::vector<double> answered) {
  if (shadow.model == nullptr) return;
  const auto bytes = static_cast<int64_t>(auction.ByteSizeLong());
  const bool fits = auctions_.fetch_add(1) < kMaxAuctions;
  if (bytes_.fetch_add(bytes) + bytes > kMaxBytes || !fits) {
    auctions_.fetch_sub(1);
    bytes_.fetch_sub(bytes);
    shadow.counts->Drop();
    return;
  }
  const auto taken = std::make_shared<const vickrey::v1::Auction>(auction);
  background_.Run([this, shadow, taken, bytes, answered = std::move(answered)] {
    std::optional<absl::StatusOr<model::Model::Prediction>> prediction;
    background_.Do([&] { prediction = Predict(shadow, *taken, answered); });
    if (observer_ != nullptr && prediction.has_value()) {
      observer_->OnShadow({*shadow.model, *taken, answered, *prediction});
    }
    auctions_.fetch_sub(1);
    bytes_.fetch_sub(bytes);
  });
}

std::optional<absl::StatusOr<model::Model::Prediction>> Shadow::Predict(const ShadowModel& shadow,
                                                                        const vickrey::v1::Auction& auction,
                                                                        const std::vector<double>& answered) const {
  if (ending_) return std::nullopt;
  auto prediction = shadow.model->Predict(auction, "auction.");
  if (prediction.ok()) {
    shadow.counts->Add(prediction->pctr, answered);
  } else {
    shadow.counts->Fail();
  }
  return prediction;
}

}  // namespace vickrey::server
