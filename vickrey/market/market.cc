#include "vickrey/market/market.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/config.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/features/schema.h"

namespace vickrey::market {
namespace {

using base::RandomStream;

constexpr double kMaxBid = 1e15;        // micros
constexpr int kInterceptRows = 20'000;  // candidates that the intercept is solved on

double Sigmoid(double u) { return 1 / (1 + std::exp(-u)); }

double Round(double x) { return std::round(x * 1e4) / 1e4; }

}  // namespace

Market::Market(vickrey::config::v1::MarketConfig config, uint64_t seed, std::unique_ptr<const Scenario> scenario)
    : config_(std::move(config)),
      seed_(seed),
      scenario_(std::move(scenario)),
      schema_id_((*features::Schema::Preset("synthetic"))->id()),
      intercept_(scenario_->intercept()) {}

absl::StatusOr<std::unique_ptr<Market>> Market::Create(vickrey::config::v1::MarketConfig config, uint64_t seed) {
  RETURN_IF_ERROR(base::FinishConfig("market", &config));
  ASSIGN_OR_RETURN(auto scenario, MakeScenario(config.scenario(), seed));
  std::unique_ptr<Market> market(new Market(std::move(config), seed, std::move(scenario)));
  if (market->config_.has_mean_ctr()) market->intercept_ = market->SolveIntercept(market->config_.mean_ctr());
  return market;
}

SyntheticAuction Market::Generate(int64_t index) const {
  RandomStream random(seed_, base::StreamId("market.auctions"), static_cast<uint64_t>(index));
  SyntheticAuction auction;
  auction.index = index;
  for (double& x : auction.x) x = Round(random.Normal());
  const double tier = scenario_->tier() * random.Normal();
  auction.candidates.resize(config_.candidates());
  for (SyntheticCandidate& c : auction.candidates) {
    for (double& x : c.x) x = Round(random.Normal());
    c.segment = random.Bernoulli(scenario_->segment_share());
    const Draw draw = scenario_->Evaluate(auction.x, c, random.Normal());
    c.bid_micros = static_cast<int64_t>(std::clamp(std::round(std::exp(draw.log_bid + tier) * 1e6), 1.0, kMaxBid));
    c.ctr = Sigmoid(intercept_ + draw.logit);
    c.click = random.Bernoulli(c.ctr);
  }
  return auction;
}

double Market::SolveIntercept(double mean_ctr) const {
  // The logits of a fixed sample, from indices that no log has; then bisection, the mean being monotone.
  std::vector<double> logits;
  for (int64_t i = 0; static_cast<int>(logits.size()) < kInterceptRows; ++i) {
    const SyntheticAuction auction = Generate(std::numeric_limits<int64_t>::max() - i);
    for (const SyntheticCandidate& c : auction.candidates) {
      logits.push_back(scenario_->Evaluate(auction.x, c, 0).logit);
    }
  }
  double low = -40, high = 40;
  for (int step = 0; step < 100; ++step) {
    const double middle = (low + high) / 2;
    double sum = 0;
    for (const double logit : logits) sum += Sigmoid(middle + logit);
    (sum < mean_ctr * static_cast<double>(logits.size()) ? low : high) = middle;
  }
  return (low + high) / 2;
}

vickrey::v1::AuctionLine Market::ToLine(const SyntheticAuction& auction) const {
  vickrey::v1::AuctionLine line;
  line.set_auction_id(absl::StrCat(config_.scenario(), "-", seed_, "-", auction.index));
  line.set_event_time(config_.start_time() + auction.index * config_.interval_micros());
  line.set_currency_code(config_.currency_code());
  line.set_schema_id(schema_id_);
  auto& context = *line.mutable_context()->mutable_fields();
  for (int i = 0; i < kContextWidth; ++i) context[absl::StrCat("c", i)].set_number_value(auction.x[i]);
  for (size_t i = 0; i < auction.candidates.size(); ++i) {
    const SyntheticCandidate& c = auction.candidates[i];
    vickrey::v1::CandidateLine& candidate = *line.add_candidates();
    candidate.set_ad_id(absl::StrCat("ad", i));
    candidate.set_bid_micros(c.bid_micros);
    candidate.set_click(c.click);
    candidate.set_ctr(c.ctr);
    auto& features = *candidate.mutable_features()->mutable_fields();
    for (int j = 0; j < kAdWidth; ++j) features[absl::StrCat("a", j)].set_number_value(c.x[j]);
    features["segment"].set_number_value(c.segment);
  }
  return line;
}

}  // namespace vickrey::market
