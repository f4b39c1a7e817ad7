#include "vickrey/market/market.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/config.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/features/schema.h"
#include "vickrey/market/logit_distribution.h"

namespace vickrey::market {
namespace {

using base::RandomStream;
using vickrey::v1::FeatureField;

constexpr double kMaxBid = 1e15;      // micros
constexpr size_t kDraws = 1'000'000;  // of the effect of names, to solve for an intercept

FeatureField MakeField(const std::string& name, FeatureField::Kind kind, int64_t buckets) {
  FeatureField field;
  field.set_name(name);
  field.set_side(FeatureField::AD);
  field.set_kind(kind);
  if (kind == FeatureField::DENSE) {
    field.set_transform(FeatureField::NONE);
  } else {
    field.set_buckets(buckets);
    field.set_embedding_width(8);
  }
  return field;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Market>> Market::Create(vickrey::config::v1::MarketConfig config, uint64_t seed) {
  RETURN_IF_ERROR(base::FinishConfig("market", &config));
  if (config.has_max_candidates() && config.max_candidates() < config.candidates()) {
    return base::InvalidField("max_candidates",
                              absl::StrCat(config.max_candidates(), " is less than candidates, ", config.candidates()));
  }
  ASSIGN_OR_RETURN(auto scenario, MakeScenario(config, seed));
  ASSIGN_OR_RETURN(auto extra, Extra::Create(config.extra(), seed));
  std::unique_ptr<Market> market(new Market(std::move(config), seed, std::move(scenario), std::move(extra)));
  RETURN_IF_ERROR(market->MakeSchema());
  market->intercept_ = market->config_.has_mean_ctr() ? market->SolveIntercept(market->config_.mean_ctr())
                                                      : market->scenario_->shape().intercept;
  return market;
}

absl::Status Market::MakeSchema() {
  const Shape& shape = scenario_->shape();
  ASSIGN_OR_RETURN(const auto preset, features::Schema::Preset(shape.schema));
  schema_ = preset->proto();
  for (int i = 0; i < shape.context_width; ++i) context_names_.push_back(absl::StrCat("c", i));
  for (int i = 0; i < shape.dense_width; ++i) dense_names_.push_back(absl::StrCat("a", i));
  if (!extra_.has_value()) return absl::OkStatus();
  for (int i = 0; i < extra_->dense(); ++i) {
    dense_names_.push_back(absl::StrCat("d", i));
    *schema_.add_fields() = MakeField(dense_names_.back(), FeatureField::DENSE, 0);
  }
  for (int i = 0; i < extra_->categorical(); ++i) {
    categorical_names_.push_back(absl::StrCat("k", i));
    *schema_.add_fields() =
        MakeField(categorical_names_.back(), FeatureField::CATEGORICAL, int64_t{config_.extra().cardinality()} + 1);
  }
  schema_.clear_schema_id();
  ASSIGN_OR_RETURN(const auto schema, features::Schema::Create(schema_));
  schema_ = schema->proto();
  return absl::OkStatus();
}

Sizes Market::sizes() const {
  return {config_.candidates(), config_.has_max_candidates() ? config_.max_candidates() : config_.candidates()};
}

void Market::Generate(int64_t index, SyntheticAuction* a) const {
  RandomStream random(seed_, base::StreamId("market.auctions"), static_cast<uint64_t>(index));
  const int n = sizes().Draw(random);
  const Shape& shape = scenario_->shape();
  a->index = index;
  a->candidates = n;
  a->context.resize(shape.context_width);
  a->dense.resize(n * dense_names_.size());
  a->categories.resize(n * categorical_names_.size());
  a->segments.assign(n, 0);
  a->ads.resize(n);
  if (!shape.has_ad) std::iota(a->ads.begin(), a->ads.end(), 0);
  a->logits.resize(n);
  a->log_bids.resize(n);
  scenario_->Draw(random, a);
  if (extra_.has_value()) extra_->Draw(shape.dense_width, random, a);
  a->bids_micros.resize(n);
  a->ctrs.resize(n);
  a->clicks.resize(n);
  for (int i = 0; i < n; ++i) {
    a->bids_micros[i] = static_cast<int64_t>(std::clamp(std::exp(a->log_bids[i]) * 1e6 + .5, 1.0, kMaxBid));
    a->ctrs[i] = 1 / (1 + std::exp(-(intercept_ + a->logits[i])));
    a->clicks[i] = random.Bernoulli(a->ctrs[i]);
  }
}

double Market::SolveIntercept(double mean_ctr) const {
  // The law of the logits, with what extra features add; names, which are not normal, are drawn.
  RandomStream random(seed_, base::StreamId("market.intercept"), 0);
  const std::vector<NormalPart> parts = scenario_->LogitLaw(sizes(), random);
  const bool draws_names = extra_.has_value() && extra_->categorical() > 0;
  const size_t draws = draws_names ? std::max<size_t>(kDraws / parts.size(), 1) : 1;  // for each part
  LogitDistribution logits;
  for (const NormalPart& part : parts) {
    for (size_t i = 0; i < draws; ++i) {
      const NormalPart extra = extra_.has_value() ? extra_->DrawLaw(random) : NormalPart();
      logits.Add({part.mean + extra.mean, part.variance + extra.variance, part.weight});
    }
  }
  // Newton's method on log(mean), which is nearly straight in the intercept, between bounds that close in on it.
  double low = -60, high = 60, at = std::log(mean_ctr / (1 - mean_ctr));
  for (int step = 0; step < 100; ++step) {
    const auto [mean, slope] = logits.MeanSigmoid(at);
    const double error = std::log(mean / mean_ctr);
    if (std::abs(error) < 1e-9) break;
    (error < 0 ? low : high) = at;
    const double next = at - error * mean / slope;
    at = next > low && next < high ? next : (low + high) / 2;
  }
  return at;
}

std::string Market::IdOf(int64_t index) const { return absl::StrCat(config_.scenario(), "-", seed_, "-", index); }

vickrey::v1::AuctionLine Market::GenerateLine(int64_t index) const {
  SyntheticAuction auction;
  Generate(index, &auction);
  return ToLine(auction);
}

vickrey::v1::AuctionLine Market::ToLine(const SyntheticAuction& auction) const {
  const Shape& shape = scenario_->shape();
  vickrey::v1::AuctionLine line;
  line.set_auction_id(IdOf(auction.index));
  line.set_event_time(config_.start_time() + auction.index * config_.interval_micros());
  line.set_currency_code(config_.currency_code());
  line.set_schema_id(schema_.schema_id());
  auto& context = *line.mutable_context()->mutable_fields();
  for (size_t i = 0; i < context_names_.size(); ++i) context[context_names_[i]].set_number_value(auction.context[i]);
  for (int i = 0; i < auction.candidates; ++i) {
    vickrey::v1::CandidateLine& candidate = *line.add_candidates();
    candidate.set_ad_id(absl::StrCat("ad", auction.ads[i]));
    candidate.set_bid_micros(auction.bids_micros[i]);
    candidate.set_click(auction.clicks[i]);
    candidate.set_ctr(auction.ctrs[i]);
    auto& features = *candidate.mutable_features()->mutable_fields();
    for (size_t j = 0; j < dense_names_.size(); ++j) {
      features[dense_names_[j]].set_number_value(auction.dense[i * dense_names_.size() + j]);
    }
    for (size_t j = 0; j < categorical_names_.size(); ++j) {
      features[categorical_names_[j]].set_string_value(
          absl::StrCat("v", auction.categories[i * categorical_names_.size() + j]));
    }
    if (shape.has_segment) features["segment"].set_number_value(auction.segments[i]);
    if (shape.has_ad) features["ad"].set_string_value(candidate.ad_id());
  }
  return line;
}

}  // namespace vickrey::market
