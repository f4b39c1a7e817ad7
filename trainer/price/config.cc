#include <array>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "trainer/price/head.h"
#include "trainer/price/job.h"
#include "vickrey/base/config.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::PriceConfig;
using vickrey::config::v1::PriceHeadConfig;

constexpr std::array<std::pair<const char*, const char*>, 11> kDefaultHeads = {{{"regression", "mse"},
                                                                                {"regression", "mae"},
                                                                                {"bins", "ce"},
                                                                                {"bins", "ntl_mse"},
                                                                                {"bins", "ntl_was"},
                                                                                {"digits", "ce"},
                                                                                {"digits", "ntl_mse"},
                                                                                {"digits", "ntl_was"},
                                                                                {"decision", "mse"},
                                                                                {"decision", "mae"},
                                                                                {"decision", "gmadl"}}};

template <typename T>
void FillIn(std::initializer_list<T> values, google::protobuf::RepeatedField<T>* list) {
  if (list->empty()) list->Assign(values.begin(), values.end());
}

// Each of a list is a setting of its own, which lines are told apart by.
template <typename T>
absl::Status CheckNoneTwice(const std::string& field, const google::protobuf::RepeatedField<T>& list) {
  for (int i = 0; i < list.size(); ++i) {
    for (int j = 0; j < i; ++j) {
      if (list[i] == list[j]) {
        return base::InvalidField(absl::StrCat(field, "[", i, "]"),
                                  absl::StrCat(list[i], " comes twice; each may come once"));
      }
    }
  }
  return absl::OkStatus();
}

// What the configuration says is the default of lists.
absl::Status FillLists(PriceConfig* config) {
  FillIn<int32_t>({64, 64}, config->mutable_hidden());
  FillIn<int32_t>({10, 100, 1000}, config->mutable_features()->mutable_windows());
  FillIn<double>({0, 5}, config->mutable_bidders()->mutable_fees());
  FillIn<double>({.25, .0625}, config->mutable_bidders()->mutable_budgets());
  RETURN_IF_ERROR(CheckNoneTwice("bidders.fees", config->bidders().fees()));
  RETURN_IF_ERROR(CheckNoneTwice("bidders.budgets", config->bidders().budgets()));
  if (config->heads().empty()) {
    for (const auto& [kind, loss] : kDefaultHeads) {
      PriceHeadConfig& head = *config->add_heads();
      head.set_kind(kind);
      head.set_loss(loss);
    }
  }
  std::set<std::string> names = {"marginal"};
  for (int i = 0; i < config->heads_size(); ++i) {
    PriceHeadConfig& head = *config->mutable_heads(i);
    const std::string place = absl::StrCat("heads[", i, "]");
    if (const absl::Status checked = CheckHead(head); !checked.ok()) {
      const std::string field = *base::FieldOf(checked);
      return base::InvalidField(absl::StrCat(place, ".", field),
                                std::string(checked.message()).substr(field.size() + 2));
    }
    if (head.name().empty()) head.set_name(absl::StrCat(head.kind(), "_", head.loss()));
    if (!names.insert(head.name()).second) {
      return base::InvalidField(absl::StrCat(place, ".name"),
                                absl::StrCat("'", head.name(), "' is taken; each head needs a name of its own"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PriceConfig> LoadPriceConfig(const std::filesystem::path& file,
                                            const std::vector<std::string>& settings) {
  const auto fill = [&settings](google::protobuf::Message* message) -> absl::Status {
    auto* const config = static_cast<PriceConfig*>(message);
    RETURN_IF_ERROR(base::SetConfigFields(settings, "training.epochs=8", config));
    return FillLists(config);
  };
  PriceConfig config;
  RETURN_IF_ERROR(file.empty() ? base::LoadConfig("{}", "defaults", &config, fill)
                               : base::LoadConfigFile(file, &config, fill));
  return config;
}

}  // namespace vickrey::trainer
