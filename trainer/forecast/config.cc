#include "trainer/forecast/config.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "vickrey/base/config.h"
#include "vickrey/base/status.h"
#include "vickrey/series/performance.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::ForecastCandidate;
using vickrey::config::v1::ForecastConfig;
using vickrey::config::v1::ForecasterConfig;
using vickrey::config::v1::ForecastLossConfig;

constexpr int kWidth = 32, kLstmLayers = 1, kTransformerLayers = 2, kHeads = 4, kFeedforward = 64;
constexpr double kGmadlSteepness = 1, kMadlSteepness = 10;
constexpr double kQuantiles[] = {0.25, 0.5, 0.75};

absl::Status NotRead(const std::string& field, const std::string& by) {
  return base::InvalidField(field, absl::StrCat("is not read by '", by, "'"));
}

// What the architecture does not read is refused; what it reads and is not given filled in.
absl::Status CompleteModel(ForecasterConfig* model) {
  const std::string& name = model->architecture();
  const bool perceptron = name == "perceptron", transformer = name == "transformer";
  if (!perceptron && !transformer && name != "lstm") return absl::OkStatus();  // the rule says so
  if (!perceptron && model->hidden_size() > 0) return NotRead("model.hidden", name);
  if (perceptron && model->has_width()) return NotRead("model.width", name);
  if (perceptron && model->has_layers()) return NotRead("model.layers", name);
  if (!transformer && model->has_heads()) return NotRead("model.heads", name);
  if (!transformer && model->has_feedforward()) return NotRead("model.feedforward", name);
  if (perceptron) return absl::OkStatus();
  if (!model->has_width()) model->set_width(kWidth);
  if (!model->has_layers()) model->set_layers(transformer ? kTransformerLayers : kLstmLayers);
  if (!transformer) return absl::OkStatus();
  if (!model->has_heads()) model->set_heads(kHeads);
  if (!model->has_feedforward()) model->set_feedforward(kFeedforward);
  return absl::OkStatus();
}

absl::Status CompleteLoss(ForecastLossConfig* loss) {
  const std::string& name = loss->loss();
  const bool gmadl = name == "gmadl", madl = name == "madl";
  if (!gmadl && !madl && name != "mse" && name != "mae") return absl::OkStatus();  // the rule says so
  if (!gmadl && !madl && loss->has_a()) return NotRead("loss.a", name);
  if (!gmadl && loss->has_b()) return NotRead("loss.b", name);
  if ((gmadl || madl) && !loss->has_a()) loss->set_a(gmadl ? kGmadlSteepness : kMadlSteepness);
  if (gmadl && !loss->has_b()) loss->set_b(1);
  return absl::OkStatus();
}

// A status about `field` of a candidate, as one about the candidate's setting `key`.
absl::Status AboutSetting(const absl::Status& status, int candidate, const std::string& key) {
  const std::string at = absl::StrCat("candidates[", candidate, "].settings.", key);
  // "ORIGIN: KEY: WHAT" or "KEY: WHAT" becomes "AT: WHAT".
  std::string what(status.message());
  if (const size_t begins = what.find(key + ": "); begins != std::string::npos) what.erase(0, begins + key.size() + 2);
  return base::InvalidField(at, what);
}

absl::Status Apply(const ForecastCandidate& candidate, int index, ForecastConfig* config) {
  const std::map<std::string, std::string> settings(candidate.settings().begin(), candidate.settings().end());
  for (const auto& [key, value] : settings) {
    const bool part =
        absl::StartsWith(key, "model.") || absl::StartsWith(key, "loss.") || absl::StartsWith(key, "optimizer.");
    if (!part || key == "model.architecture" || key == "loss.loss") {
      return base::InvalidField(absl::StrCat("candidates[", index, "].settings.", key),
                                "is not what candidates differ in: settings of model, loss and optimizer, but for "
                                "model.architecture and loss.loss");
    }
    const absl::Status set = base::SetConfigField(key, value, "candidates", config);
    if (!set.ok()) return AboutSetting(set, index, key);
  }
  return absl::OkStatus();
}

// The rules that no field says by itself.
absl::Status Check(const ForecastConfig& config) {
  if (config.optimizer().weight_decay() * config.optimizer().learning_rate() >= 1) {
    return base::InvalidField("optimizer.weight_decay",
                              absl::StrCat(config.optimizer().weight_decay(), " times the learning rate of ",
                                           config.optimizer().learning_rate(), " is not below 1"));
  }
  if (config.optimizer().dropout() > 0 && config.model().architecture() == "perceptron" &&
      config.model().hidden().empty()) {
    return base::InvalidField("optimizer.dropout", "is not read by a perceptron without hidden layers");
  }
  const auto about = [](const absl::Status& status, const std::string& part) {
    const std::string field = base::FieldOf(status).value_or("");
    if (status.ok() || field.empty()) return status;
    return base::InvalidField(part + "." + field, std::string(status.message()).substr(field.size() + 2));
  };
  RETURN_IF_ERROR(about(PlanOf(config.walk_forward()).Validate(), "walk_forward"));
  RETURN_IF_ERROR(about(SearchOf(config.strategy(), 0).Validate(), "strategy"));
  return about(torch::CheckForecasterSpec(SpecOf(config)), "model");
}

// Every default that depends on other fields.
absl::Status Complete(ForecastConfig* config) {
  if (config->has_model()) RETURN_IF_ERROR(CompleteModel(config->mutable_model()));
  if (config->has_loss()) RETURN_IF_ERROR(CompleteLoss(config->mutable_loss()));
  if (config->strategy().quantiles().empty()) {
    config->mutable_strategy()->mutable_quantiles()->Assign(std::begin(kQuantiles), std::end(kQuantiles));
  }
  return absl::OkStatus();
}

absl::Status CompleteAndCheck(ForecastConfig* config) {
  RETURN_IF_ERROR(Complete(config));
  RETURN_IF_ERROR(base::FinishConfig("configuration", config));
  return Check(*config);
}

absl::Status AddTries(const ForecastConfig& given, std::vector<ForecastTry>* tries) {
  ForecastConfig plain = given;
  plain.clear_candidates();
  for (int i = 0; i < given.candidates_size(); ++i) {
    ForecastTry one = {.settings = {given.candidates(i).settings().begin(), given.candidates(i).settings().end()},
                       .config = plain};
    RETURN_IF_ERROR(Apply(given.candidates(i), i, &one.config));
    if (const absl::Status status = CompleteAndCheck(&one.config); !status.ok()) {
      const std::string field = base::FieldOf(status).value_or("");
      if (one.settings.contains(field)) return AboutSetting(status, i, field);
      return base::InvalidField(absl::StrCat("candidates[", i, "]"),
                                absl::StrCat("with its settings: ", std::string(status.message())));
    }
    tries->push_back(std::move(one));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ForecastJob> LoadForecastJob(const std::filesystem::path& file,
                                            const std::vector<std::string>& settings) {
  ForecastJob job;
  RETURN_IF_ERROR(base::LoadConfigFile(file, &job.config, [&](google::protobuf::Message* read) -> absl::Status {
    auto& config = static_cast<ForecastConfig&>(*read);
    RETURN_IF_ERROR(base::SetConfigFields(settings, "optimizer.epochs=5", &config));
    RETURN_IF_ERROR(Complete(&config));
    // A rule that is broken is the loader's to say, at its line.
    ForecastConfig finished = config;
    if (!base::FinishConfig("", &finished).ok()) return absl::OkStatus();
    RETURN_IF_ERROR(Check(finished));
    return AddTries(config, &job.tries);
  }));
  if (job.tries.empty()) job.tries.push_back({.settings = {}, .config = job.config});
  return job;
}

series::WindowPlan PlanOf(const vickrey::config::v1::WalkForwardConfig& config) {
  using series::WindowPlan;
  return {.in_sample = config.in_sample(),
          .validation = config.validation(),
          .out_of_sample = config.out_of_sample(),
          .step = config.step(),
          .begin = config.begin() == "anchored" ? WindowPlan::Begin::kAnchored : WindowPlan::Begin::kRolling,
          .last = config.last() == "dropped" ? WindowPlan::Last::kDropped : WindowPlan::Last::kShortened};
}

torch::ForecasterSpec SpecOf(const ForecastConfig& config) {
  const ForecasterConfig& model = config.model();
  return {.architecture = model.architecture(),
          .window = model.window(),
          .hidden = {model.hidden().begin(), model.hidden().end()},
          .width = model.width(),
          .layers = model.layers(),
          .heads = model.heads(),
          .feedforward = model.feedforward(),
          .dropout = config.optimizer().dropout()};
}

series::ThresholdSearch SearchOf(const vickrey::config::v1::StrategyConfig& config, double cost) {
  return {.quantiles = {config.quantiles().begin(), config.quantiles().end()},
          .metric = series::ParseMetric(config.metric()).value_or(series::Metric::kIr2),  // the rule has but these
          .directions = config.long_only() ? series::Directions::kLongOnly : series::Directions::kLongAndShort,
          .performance = {.cost = cost, .periods_per_year = config.periods_per_year()}};
}

}  // namespace vickrey::trainer
