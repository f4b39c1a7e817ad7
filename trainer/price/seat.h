#ifndef TRAINER_PRICE_SEAT_H_
#define TRAINER_PRICE_SEAT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/config/v1/price.pb.h"
#include "vickrey/price/bidder.h"
#include "vickrey/price/budget.h"
#include "vickrey/v1/price_lines.pb.h"

namespace vickrey::trainer {

// One setting in which bidders are compared.
struct SeatSetting {
  price::Payment payment = price::Payment::kSecondPrice;
  double fee = 0;
  int fee_index = 0;  // of the configuration's fees
  std::optional<double> budget_share, budget;
  bool paced = false;
};

// Each fee without a budget and with each, the latter as it is and paced. `total_price`: of all `auctions` auctions.
std::vector<SeatSetting> SettingsOf(price::Payment payment, const vickrey::config::v1::PriceBidderConfig& config,
                                    double total_price, int64_t auctions);

// A bidder's place in one setting: it plays auction after auction. Not thread-safe.
class Seat {
 public:
  // `step`: of the pacing, in units of 1 / sqrt(auctions).
  static absl::StatusOr<Seat> Create(const SeatSetting& setting, int64_t auctions, double step);

  // `bid`(value) is asked with what the value counts as, which is less than it where money is short.
  template <typename Bid>
  void Play(double value, double price, bool click, Bid bid) {
    const double counted = pacer_.has_value() ? pacer_->Paced(value) : value;
    const double cost = player_.Play(bid(counted), value, price, click);
    if (pacer_.has_value()) pacer_->Observe(cost);
  }

  const SeatSetting& setting() const { return setting_; }
  int64_t buys() const { return player_.tally().buys; }
  vickrey::v1::PriceBidderLine Line(const std::string& bidder, const std::string& head, double value_per_click) const;

 private:
  Seat(const SeatSetting& setting, std::optional<price::Pacer> pacer)
      : setting_(setting),
        player_({.payment = setting.payment, .fee = setting.fee, .budget = setting.budget}),
        pacer_(pacer) {}

  SeatSetting setting_;
  price::Player player_;
  std::optional<price::Pacer> pacer_;
};

}  // namespace vickrey::trainer

#endif  // TRAINER_PRICE_SEAT_H_
