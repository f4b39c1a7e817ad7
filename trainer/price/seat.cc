#include "trainer/price/seat.h"

#include <cmath>

#include "vickrey/base/status.h"

namespace vickrey::trainer {

std::vector<SeatSetting> SettingsOf(price::Payment payment, const vickrey::config::v1::PriceBidderConfig& config,
                                    double total_price, int64_t auctions) {
  std::vector<SeatSetting> settings;
  for (int f = 0; f < config.fees_size(); ++f) {
    SeatSetting setting = {.payment = payment, .fee = config.fees(f), .fee_index = f};
    settings.push_back(setting);
    for (const double share : config.budgets()) {
      setting.budget_share = share;
      setting.budget = share * (total_price + setting.fee * static_cast<double>(auctions));
      if (!(*setting.budget > 0)) continue;  // nothing costs anything
      for (const bool paced : {false, true}) {
        setting.paced = paced;
        settings.push_back(setting);
      }
    }
  }
  return settings;
}

absl::StatusOr<Seat> Seat::Create(const SeatSetting& setting, int64_t auctions, double step) {
  if (!setting.paced) return Seat(setting, std::nullopt);
  ASSIGN_OR_RETURN(
      const price::Pacer pacer,
      price::Pacer::Create(
          {.budget = *setting.budget, .auctions = auctions, .step = step / std::sqrt(static_cast<double>(auctions))}));
  return Seat(setting, pacer);
}

vickrey::v1::PriceBidderLine Seat::Line(const std::string& bidder, const std::string& head,
                                        double value_per_click) const {
  const price::Tally& tally = player_.tally();
  vickrey::v1::PriceBidderLine line;
  line.set_bidder(bidder);
  line.set_head(head);
  line.set_mechanism(setting_.payment == price::Payment::kSecondPrice ? "second_price" : "first_price");
  line.set_fee(setting_.fee);
  if (setting_.budget.has_value()) line.set_budget(*setting_.budget);
  if (setting_.budget_share.has_value()) line.set_budget_share(*setting_.budget_share);
  line.set_paced(setting_.paced);
  line.set_auctions(tally.auctions);
  line.set_buys(tally.buys);
  line.set_win_rate(tally.win_rate());
  line.set_spend(tally.spend);
  line.set_value(tally.value);
  line.set_profit(tally.profit());
  line.set_clicks(tally.clicks);
  line.set_click_profit(static_cast<double>(tally.clicks) * value_per_click - tally.spend);
  if (pacer_.has_value()) line.set_lambda(pacer_->lambda());
  return line;
}

}  // namespace vickrey::trainer
