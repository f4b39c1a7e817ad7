#include "trainer/loss/loss.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "trainer/loss/fused.h"
#include "trainer/loss/softplus.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

struct Entry {
  std::string_view name;
  std::unique_ptr<AuctionLoss> (*make)(const LossConfig&);  // null: the cross-entropy alone
  std::string_view reads;                                   // beside what all read; of losses of auctions also kMixed
};

constexpr std::string_view kAll = "loss labels base_rate", kMixed = "alpha alpha_end warm_phase";

// A new one is also named in the `one_of` of LossConfig.loss.
constexpr Entry kLosses[] = {
    {"logloss", nullptr, ""},
    {"bid_logloss", nullptr, ""},
    {"welfare_rank", &MakeWelfareRank, "weight pairs surrogate margin sigma sigma_end scale"},
    {"soft_winner", &MakeSoftWinner, "tau tau_end scale"},
    {"gmadl", &MakeGmadl, "pairs margin a b scale"},
    {"madl", &MakeMadl, "pairs margin scale"},
    {"ranknet", &MakeRanknet, "sigma sigma_end"},
    {"softmax", &MakeSoftmax, ""},
    {"jrc", &MakeJrc, ""},
    {"calibrated_softmax", &MakeCalibratedSoftmax, ""},
    {"known_market", &MakeKnownMarket, "mu omega scale"},
};

const Entry* Find(std::string_view name) {
  const auto* entry =
      std::find_if(std::begin(kLosses), std::end(kLosses), [&](const Entry& e) { return e.name == name; });
  return entry == std::end(kLosses) ? nullptr : entry;
}

absl::StatusOr<const Entry*> Known(const LossConfig& config) {
  if (const Entry* entry = Find(config.loss())) return entry;
  std::string known;
  for (const Entry& e : kLosses) absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(e.name));
  return base::InvalidField("loss.loss", absl::StrCat("'", config.loss(), "' is not known; known: ", known));
}

std::vector<std::string> FieldsOf(const Entry& entry) {
  std::string fields(kAll);
  if (entry.make != nullptr) absl::StrAppend(&fields, " ", std::string(kMixed));
  absl::StrAppend(&fields, " ", std::string(entry.reads));
  return absl::StrSplit(fields, ' ', absl::SkipEmpty());
}

// The fields that are set and not read.
std::vector<const google::protobuf::FieldDescriptor*> Unread(const Entry& entry, const LossConfig& config) {
  const std::vector<std::string> fields = FieldsOf(entry);
  std::vector<const google::protobuf::FieldDescriptor*> given, unread;
  config.GetReflection()->ListFields(config, &given);
  for (const auto* field : given) {
    if (std::find(fields.begin(), fields.end(), field->name()) == fields.end()) unread.push_back(field);
  }
  return unread;
}

absl::Status CheckCombination(const LossConfig& config) {
  if (config.loss() == "welfare_rank" && config.weight() == "signed" &&
      (config.surrogate() == "logistic" || config.surrogate() == "hinge")) {
    return base::InvalidField("loss.weight", absl::StrCat("'signed' with surrogate '", config.surrogate(),
                                                          "' is a linear function of the score differences, without "
                                                          "a minimum; take weight 'positive', or surrogate 'tanh'"));
  }
  if (config.loss() == "known_market" && !(config.has_mu() && config.has_omega())) {
    return base::InvalidField(config.has_mu() ? "loss.omega" : "loss.mu",
                              "is required: known_market assumes the law of the competing score");
  }
  return absl::OkStatus();
}

absl::Status InvalidIn(int64_t auction, std::string_view field, double value, std::string_view allowed) {
  return base::InvalidField(absl::StrCat("auctions[", auction, "].", std::string(field)),
                            absl::StrCat(value, " is not ", std::string(allowed)));
}

absl::Status CheckLengths(const LossBatch& batch, const std::vector<double>& logits) {
  const auto n = static_cast<size_t>(batch.candidates());
  const auto check = [](const char* field, size_t has, size_t needs) {
    if (has == needs) return absl::OkStatus();
    return base::InvalidField(field, absl::StrCat("has ", has, " entries, not ", needs));
  };
  if (batch.offsets.front() != 0 || !std::is_sorted(batch.offsets.begin(), batch.offsets.end())) {
    return base::InvalidField("offsets", "do not ascend from 0");
  }
  RETURN_IF_ERROR(check("bids", batch.bids.size(), n));
  RETURN_IF_ERROR(check("labels", batch.labels.size(), n));
  if (!batch.weights.empty()) {
    RETURN_IF_ERROR(check("weights", batch.weights.size(), static_cast<size_t>(batch.auctions())));
  }
  return logits.empty() ? absl::OkStatus() : check("logits", logits.size(), n);
}

}  // namespace

void Loss::CheckShape(const at::Tensor& logits, const LossBatch& batch) const {
  const bool fits = outputs() == 1 ? logits.dim() == 1 : logits.dim() == 2 && logits.size(1) == outputs();
  TORCH_CHECK(fits && logits.size(0) == batch.candidates(), "logits are ", logits.sizes(), "; the batch has ",
              batch.candidates(), " candidates, and the loss reads ", outputs(), " of each");
}

at::Tensor Loss::Value(const at::Tensor& logits, const LossBatch& batch, const Point& point) const {
  CheckShape(logits, batch);
  return FusedValue({.loss = loss_.get(), .base_rate = base_rate_, .by_bid = by_bid_}, logits, batch, point);
}

at::Tensor Loss::Composed(const at::Tensor& logits, const LossBatch& batch, const Point& point) const {
  CheckShape(logits, batch);
  const Ragged ragged(logits, batch);
  at::Tensor total = logits.sum() * 0;  // also where nothing is labelled a function of the logits
  if (point.alpha > 0) {
    std::vector<double> weights;
    double sum = 0;
    for (size_t k = 0; k < ragged.rows().size(); ++k) {
      const double weight = batch.WeightOf(ragged.auction_of()[k]);
      sum += weight;
      weights.push_back(by_bid_ ? weight * batch.bids[ragged.rows()[k]] : weight);
    }
    if (batch.whole_auctions > 0) sum = batch.whole_labelled;
    const at::Tensor terms = Softplus(ragged.logits()) - ragged.labels() * ragged.logits();
    if (sum > 0) total = total + point.alpha / (sum * base_rate_) * (ragged.Copy(weights) * terms).sum();
  }
  if (loss_ != nullptr && point.alpha < 1 && batch.auctions() > 0) {
    std::vector<double> weights;
    double sum = 0;
    for (int64_t a = 0; a < batch.auctions(); ++a) {
      weights.push_back(batch.WeightOf(a));
      sum += weights.back();
    }
    if (batch.whole_auctions > 0) sum = batch.whole_auctions;
    total = total + (1 - point.alpha) / sum * (ragged.Copy(weights) * loss_->Composed(ragged, point)).sum();
  }
  return total;
}

absl::Status CheckFields(const LossConfig& config) {
  const Entry* entry = Find(config.loss());
  if (entry == nullptr) return absl::OkStatus();
  for (const auto* field : Unread(*entry, config)) {
    std::string reads;
    for (const std::string& name : FieldsOf(*entry)) {
      if (name != "loss") absl::StrAppend(&reads, reads.empty() ? "" : ", ", name);
    }
    return base::InvalidField(absl::StrCat("loss.", field->name()),
                              absl::StrCat("is not read by '", config.loss(), "', which reads ", reads));
  }
  return absl::OkStatus();
}

bool Reads(const LossConfig& config, std::string_view field) {
  const Entry* entry = Find(config.loss());
  if (entry == nullptr) return false;
  const std::vector<std::string> fields = FieldsOf(*entry);
  return std::find(fields.begin(), fields.end(), field) != fields.end();
}

void ClearUnread(LossConfig* config) {
  const Entry* entry = Find(config->loss());
  if (entry == nullptr) return;
  for (const auto* field : Unread(*entry, *config)) config->GetReflection()->ClearField(config, field);
}

absl::StatusOr<std::unique_ptr<Loss>> MakeLoss(const LossConfig& config) {
  ASSIGN_OR_RETURN(const Entry* entry, Known(config));
  RETURN_IF_ERROR(CheckCombination(config));
  return std::make_unique<Loss>(entry->make == nullptr ? nullptr : entry->make(config), config.base_rate(),
                                /*by_bid=*/config.loss() == "bid_logloss");
}

absl::Status CheckBatch(const LossBatch& batch, const std::vector<double>& logits) {
  RETURN_IF_ERROR(CheckLengths(batch, logits));
  for (int64_t a = 0; a < batch.auctions(); ++a) {
    const double weight = batch.WeightOf(a);
    if (!(weight > 0 && std::isfinite(weight))) return InvalidIn(a, "weight", weight, "a finite number above 0");
    for (int64_t i = batch.offsets[a]; i < batch.offsets[a + 1]; ++i) {
      const auto at = [&](const char* field) { return absl::StrCat(field, "[", i - batch.offsets[a], "]"); };
      const double bid = batch.bids[i], label = batch.labels[i];
      if (!(bid > 0 && std::isfinite(bid))) return InvalidIn(a, at("bids"), bid, "a finite number above 0");
      if (label < 0 || label > 1) return InvalidIn(a, at("labels"), label, "in [0, 1], or NaN where there is none");
      if (!logits.empty() && !std::isfinite(logits[i])) return InvalidIn(a, at("logits"), logits[i], "finite");
    }
  }
  return absl::OkStatus();
}

bool IsRankLoss(const LossConfig& config) {
  const Entry* entry = Find(config.loss());
  return entry != nullptr && entry->make != nullptr;
}

int OutputsOf(const LossConfig& config) {
  const Entry* entry = Find(config.loss());
  return entry == nullptr || entry->make == nullptr ? 1 : entry->make(config)->outputs();
}

absl::Status CheckTrainable(const LossConfig& config) {
  const bool zero_one = config.loss() == "welfare_rank" && config.surrogate() == "zero_one";
  if (!zero_one && config.loss() != "madl") return absl::OkStatus();
  return base::InvalidField(
      zero_one ? "loss.surrogate" : "loss.loss",
      absl::StrCat("'", zero_one ? config.surrogate() : config.loss(), "' has no gradient: it is for evaluation only"));
}

Point PointAt(const LossConfig& config, double progress) {
  Point point{.sigma = config.sigma(), .tau = config.tau(), .alpha = IsRankLoss(config) ? config.alpha() : 1};
  if (config.has_sigma_end()) point.sigma *= std::pow(config.sigma_end() / config.sigma(), progress);
  if (config.has_tau_end()) point.tau *= std::pow(config.tau_end() / config.tau(), progress);
  if (IsRankLoss(config) && config.has_alpha_end()) point.alpha += progress * (config.alpha_end() - config.alpha());
  return point;
}

}  // namespace vickrey::trainer
