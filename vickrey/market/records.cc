#include "vickrey/market/records.h"

#include "absl/strings/str_cat.h"
#include "vickrey/features/schema.h"

namespace vickrey::market {

using vickrey::v1::EncodedFeatures;
using vickrey::v1::FeatureField;

Records::Records(const Market* market) : market_(*market) {
  // The position of a field among those of its side and kind; a market's schema has no bags.
  const auto place = [this](std::string_view name, Side* side) {
    int dense = 0, categorical = 0, found = 0;
    for (const FeatureField& field : market_.schema().fields()) {
      if (field.side() != side->side) continue;
      int& next = field.kind() == FeatureField::DENSE ? dense : categorical;
      if (field.name() == name) found = next;
      ++next;
    }
    side->dense = dense;
    side->categorical = categorical;
    return found;
  };
  place("", &context_);
  place("", &ad_);
  for (const std::string& name : market_.context_names()) of_context_.push_back(place(name, &context_));
  for (const std::string& name : market_.dense_names()) of_dense_.push_back(place(name, &ad_));
  for (const std::string& name : market_.categorical_names()) {
    of_categories_.push_back(place(name, &ad_));
    categories_.emplace_back(name);
  }
  of_segment_ = place("segment", &ad_);
  of_ad_ = place("ad", &ad_);
}

EncodedFeatures& Records::Prepare(const Side& side, const std::string& schema_id, vickrey::v1::Features* features) {
  EncodedFeatures& encoded = *features->mutable_encoded();
  if (encoded.schema_id() != schema_id) encoded.set_schema_id(schema_id);
  encoded.mutable_dense()->Resize(side.dense, 0);
  encoded.mutable_fingerprints()->Resize(side.categorical, features::kMissing);
  return encoded;
}

void Records::Write(int64_t index, vickrey::v1::LoggedAuction* record) {
  market_.Generate(index, &auction_);
  const SyntheticAuction& a = auction_;
  const auto& config = market_.config();
  const std::string& schema_id = market_.schema().schema_id();
  auto& auction = *record->mutable_auction();
  auction.set_auction_id(market_.IdOf(index));
  auction.set_event_time(config.start_time() + index * config.interval_micros());
  if (auction.currency_code() != config.currency_code()) auction.set_currency_code(config.currency_code());
  if (record->schema_id() != schema_id) record->set_schema_id(schema_id);
  EncodedFeatures& context = Prepare(context_, schema_id, auction.mutable_context());
  for (size_t j = 0; j < a.context.size(); ++j) {
    context.set_dense(of_context_[j], static_cast<float>(a.context[j]));
  }
  auto& candidates = *auction.mutable_candidates();
  while (candidates.size() > a.candidates) candidates.RemoveLast();
  auto& logged = *record->mutable_candidates();
  while (logged.size() > a.candidates) logged.RemoveLast();
  const size_t dense = of_dense_.size(), categories = of_categories_.size();
  for (int i = 0; i < a.candidates; ++i) {
    auto& candidate = i < candidates.size() ? *candidates.Mutable(i) : *candidates.Add();
    text_.clear();
    absl::StrAppend(&text_, "ad", a.ads[i]);
    if (candidate.ad_id() != text_) candidate.set_ad_id(text_);
    candidate.mutable_bid()->set_micros(a.bids_micros[i]);
    EncodedFeatures& features = Prepare(ad_, schema_id, candidate.mutable_features());
    for (size_t j = 0; j < dense; ++j) features.set_dense(of_dense_[j], static_cast<float>(a.dense[i * dense + j]));
    if (market_.shape().has_segment) features.set_dense(of_segment_, a.segments[i]);
    if (market_.shape().has_ad) features.set_fingerprints(of_ad_, ads_(text_));
    for (size_t j = 0; j < categories; ++j) {
      text_.clear();
      absl::StrAppend(&text_, "v", a.categories[i * categories + j]);
      features.set_fingerprints(of_categories_[j], categories_[j](text_));
    }
    auto& known = i < logged.size() ? *logged.Mutable(i) : *logged.Add();
    known.set_click(a.clicks[i] != 0);
    known.set_ctr(a.ctrs[i]);
  }
}

}  // namespace vickrey::market
