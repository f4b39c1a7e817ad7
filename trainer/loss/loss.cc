#include "trainer/loss/loss.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::LossConfig;

struct Entry {
  std::string_view name;
  bool pairs;  // whether it is a rank loss
  std::unique_ptr<Loss> (*make)(const LossConfig&);
};

// A new one is also named in the `one_of` of LossConfig.loss.
constexpr Entry kLosses[] = {
    {"logloss", false, &MakeLogloss},
    {"bid_logloss", false, &MakeBidLogloss},
    {"welfare_rank", true, &MakeWelfareRank},
};

const Entry* Find(std::string_view name) {
  for (const Entry& entry : kLosses) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

absl::Status CheckRank(const LossConfig& config) {
  if (config.weight() != "signed") return absl::OkStatus();
  const std::string reason = config.surrogate() == "logistic" || config.surrogate() == "hinge"
                                 ? absl::StrCat("'signed' with surrogate '", config.surrogate(),
                                                "' is a linear function of the score differences, without a minimum; "
                                                "take weight 'positive', or surrogate 'tanh'")
                                 : "";
  return reason.empty() ? absl::OkStatus() : base::InvalidField("loss.weight", reason);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Loss>> MakeLoss(const LossConfig& config) {
  const Entry* entry = Find(config.loss());
  if (entry == nullptr) {
    std::string known;
    for (const Entry& e : kLosses) absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(e.name));
    return base::InvalidField("loss.loss", absl::StrCat("'", config.loss(), "' is not known; known: ", known));
  }
  if (entry->pairs) RETURN_IF_ERROR(CheckRank(config));
  return entry->make(config);
}

bool IsRankLoss(const LossConfig& config) {
  const Entry* entry = Find(config.loss());
  return entry != nullptr && entry->pairs;
}

Point PointAt(const LossConfig& config, double progress) {
  Point point{.sigma = config.sigma(), .alpha = IsRankLoss(config) ? config.alpha() : 1};
  if (config.has_sigma_end()) point.sigma *= std::pow(config.sigma_end() / config.sigma(), progress);
  if (IsRankLoss(config) && config.has_alpha_end()) point.alpha += progress * (config.alpha_end() - config.alpha());
  return point;
}

}  // namespace vickrey::trainer
