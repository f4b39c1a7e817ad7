#include "trainer/arithmetic/config.h"

#include "absl/strings/str_cat.h"
#include "trainer/arithmetic/problems.h"
#include "vickrey/base/config.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer::arithmetic {
namespace {

using vickrey::config::v1::ArithmeticConfig;

constexpr double kLambda = .3;
constexpr int64_t kMostUnits = 1 << 20;  // of a step's activations, some 3 GB of them

// Before defaults are filled in: what depends on other fields.
absl::Status Fill(const std::vector<std::string>& settings, std::optional<uint64_t> seed, ArithmeticConfig* config) {
  RETURN_IF_ERROR(base::SetConfigFields(settings, "loss=ntl_was", config));
  if (seed.has_value()) config->set_seed(*seed);
  if (!config->has_digits()) config->set_digits(config->task() == "multiplication" ? 2 : 3);
  const bool number_tokens = config->has_loss() && config->loss() != "cross_entropy";
  if (number_tokens && !config->has_lambda()) config->set_lambda(kLambda);
  if (!number_tokens && config->has_lambda()) {
    return base::InvalidField("lambda", "is not read by cross_entropy; ntl_mse and ntl_was have it");
  }
  return absl::OkStatus();
}

// Behind it.
absl::Status Complete(ArithmeticConfig* config) {
  if (!config->has_largest()) {
    int64_t tenth = 1;
    for (int i = 1; i < config->digits(); ++i) tenth *= 10;
    config->set_largest(8 * tenth - 1);
  }
  if (config->width() % config->heads() != 0) {
    return base::InvalidField("width", absl::StrCat(config->width(), " is no multiple of heads, ", config->heads()));
  }
  const int64_t units = int64_t{config->batch()} * config->width() * config->layers();
  if (units > kMostUnits) {
    return base::InvalidField("batch", absl::StrCat("times width times layers is ", units, "; at most ", kMostUnits,
                                                    " are allowed, for the memory of a step"));
  }
  return Problems::Create(*config).status();
}

}  // namespace

absl::StatusOr<ArithmeticConfig> LoadArithmeticConfig(const std::filesystem::path& file,
                                                      const std::vector<std::string>& settings,
                                                      std::optional<uint64_t> seed) {
  ArithmeticConfig config;
  RETURN_IF_ERROR(base::LoadConfigFile(file, &config, [&](google::protobuf::Message* read) {
    return Fill(settings, seed, static_cast<ArithmeticConfig*>(read));
  }));
  RETURN_IF_ERROR(base::Annotate(Complete(&config), file.string()));
  return config;
}

absl::StatusOr<ArithmeticConfig> ParseArithmeticConfig(const std::string& text) {
  ArithmeticConfig config;
  RETURN_IF_ERROR(base::LoadConfig(text, "text", &config, [](google::protobuf::Message* read) {
    return Fill({}, std::nullopt, static_cast<ArithmeticConfig*>(read));
  }));
  RETURN_IF_ERROR(Complete(&config));
  return config;
}

}  // namespace vickrey::trainer::arithmetic
