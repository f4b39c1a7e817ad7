#include "trainer/config.h"

#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "trainer/export.h"
#include "trainer/loss/loss.h"
#include "vickrey/base/config.h"
#include "vickrey/base/status.h"
#include "vickrey/features/schema.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::LossConfig;
using vickrey::config::v1::ModelConfig;
using vickrey::config::v1::OptimizerConfig;
using vickrey::config::v1::TrainConfig;

// What is best known for a loss, where the configuration says nothing. A schedule is taken whole or not at all.
void FillRecipe(LossConfig* loss) {
  const std::string& name = loss->loss();
  const auto alpha = [loss](double first, double last) {
    if (loss->has_alpha() || loss->has_alpha_end()) return;
    loss->set_alpha(first);
    if (last != first) loss->set_alpha_end(last);
  };
  // Losses that know money refine a model that the cross-entropy has trained.
  if (name == "welfare_rank" || name == "soft_winner" || name == "gmadl" || name == "known_market") {
    if (!loss->has_labels()) loss->set_labels("teacher");
    if (!loss->has_warm_phase()) loss->set_warm_phase(0.4);
    // Of these only welfare_rank keeps predictions near their level by itself.
    name == "welfare_rank" ? alpha(0.03, 0.003) : alpha(0.1, 0.01);
  }
  if (name == "welfare_rank" && !loss->has_sigma() && !loss->has_sigma_end()) {
    loss->set_sigma(4);
    loss->set_sigma_end(20);
  }
  if (name == "soft_winner" && !loss->has_tau() && !loss->has_tau_end()) {
    loss->set_tau(0.3);
    loss->set_tau_end(0.05);
  }
  // Those that do not know the level of probabilities need the cross-entropy throughout.
  if (name == "ranknet" || name == "softmax" || name == "jrc") alpha(0.5, 0.5);
  if (name == "ranknet" && !loss->has_sigma() && !loss->has_sigma_end()) loss->set_sigma(1);
}

// What an architecture does not read is refused; what it reads and is not given filled in.
absl::Status CompleteModel(const std::string& where, ModelConfig* model) {
  const bool crosses = model->architecture() == "dcn", attends = model->architecture() == "autoint";
  const std::string crossing = "only dcn has cross layers", attending = "only autoint has attention layers";
  for (const auto& [field, given, read, who] :
       {std::tuple("cross_layers", model->has_cross_layers(), crosses, &crossing),
        {"cross_rank", model->has_cross_rank(), crosses, &crossing},
        {"attention_layers", model->has_attention_layers(), attends, &attending},
        {"attention_heads", model->has_attention_heads(), attends, &attending},
        {"attention_width", model->has_attention_width(), attends, &attending},
        {"field_width", model->has_field_width(), attends, &attending},
        {"attention", model->has_attention(), attends, &attending}}) {
    if (given && !read) {
      return base::InvalidField(where + "." + field,
                                absl::StrCat("is not read by '", model->architecture(), "'; ", *who));
    }
  }
  if (crosses && !model->has_cross_layers()) model->set_cross_layers(2);
  if (!attends) return absl::OkStatus();
  // As the paper has it.
  if (!model->has_attention_layers()) model->set_attention_layers(3);
  if (!model->has_attention_heads()) model->set_attention_heads(2);
  if (!model->has_attention_width()) model->set_attention_width(32);
  if (!model->has_field_width()) model->set_field_width(16);
  if (!model->has_attention()) model->set_attention("fused");
  return absl::OkStatus();
}

// What the optimizer or the network does not read is refused.
absl::Status CheckOptimizer(const std::string& where, const OptimizerConfig& optimizer, const ModelConfig& model) {
  if (optimizer.momentum() > 0 && optimizer.dense() != "sgd") {
    return base::InvalidField(where + ".momentum",
                              absl::StrCat("is not read by '", optimizer.dense(), "'; only sgd has momentum"));
  }
  // A weight that decays by more than itself changes its sign.
  const double rate = optimizer.learning_rate();
  const double tables_rate = optimizer.has_tables_learning_rate() ? optimizer.tables_learning_rate() : rate;
  for (const auto& [field, decay, of] : {std::tuple("weight_decay", optimizer.weight_decay(), rate),
                                         {"tables_weight_decay", optimizer.tables_weight_decay(), tables_rate}}) {
    if (decay * of < 1) continue;
    return base::InvalidField(absl::StrCat(where, ".", field),
                              absl::StrCat(decay, " times the learning rate of ", of, " is not below 1"));
  }
  if (optimizer.dropout() > 0 && (model.hidden().empty() || model.architecture() == "two_tower")) {
    return base::InvalidField(where + ".dropout", absl::StrCat("is not read by this '", model.architecture(),
                                                               "', which has no hidden layers"));
  }
  return absl::OkStatus();
}

// Whether the architecture takes such layers, before a log is read for it. What depends on the log's schema is checked
// with that.
absl::Status CheckModel(const std::string& where, const ModelConfig& model) {
  ASSIGN_OR_RETURN(const auto schema, features::Schema::Preset("synthetic"));
  const absl::Status status = LayoutOf(model, *schema).status();
  if (base::FieldOf(status) != "hidden") return absl::OkStatus();
  return base::AboutField(base::Annotate(status, where), where + ".hidden");
}

absl::Status Check(const TrainConfig& config) {
  const LossConfig& loss = config.loss();
  if (loss.loss() == "known_market" && loss.has_mu() != loss.has_omega()) {
    return base::InvalidField(loss.has_mu() ? "loss.omega" : "loss.mu",
                              "is required where the other of mu and omega is given; without both they are fitted");
  }
  if (loss.loss() != "known_market") RETURN_IF_ERROR(MakeLoss(loss));  // its law may be fitted to the data
  RETURN_IF_ERROR(CheckTrainable(loss));
  if (config.data().train() + config.data().validation() > 1 + 1e-9) {
    return base::InvalidField("data.validation", absl::StrCat(config.data().validation(), " and data.train ",
                                                              config.data().train(), " are more than 1 together"));
  }
  for (const auto& [field, value] : {std::pair("name", config.name()), std::pair("version", config.version())}) {
    if (value == "." || value == "..")
      return base::InvalidField(field, absl::StrCat("'", value, "' cannot be a folder"));
  }
  const bool taken = config.name() == "labels" || config.name() == "datasets" || config.name() == "runs";
  if (taken || absl::StartsWith(config.name(), "teacher-")) {
    return base::InvalidField(
        "name", absl::StrCat("'", config.name(), "' is taken: teachers, their labels, datasets and runs lie there"));
  }
  RETURN_IF_ERROR(CheckModel("model", config.model()));
  RETURN_IF_ERROR(CheckOptimizer("optimizer", config.optimizer(), config.model()));
  if (config.teacher().has_model()) {
    RETURN_IF_ERROR(CheckModel("teacher.model", config.teacher().model()));
    RETURN_IF_ERROR(CheckOptimizer("teacher.optimizer", config.teacher().optimizer(), config.teacher().model()));
  }
  const bool needs_teacher = config.loss().labels() == "teacher";
  if (needs_teacher && !config.teacher().has_model()) {
    return base::InvalidField("teacher.model", "is required where loss.labels is 'teacher'");
  }
  if (!needs_teacher && config.teacher().has_model()) {
    return base::InvalidField("teacher",
                              absl::StrCat("is not used where loss.labels is '", config.loss().labels(), "'"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<JobConfig> LoadJobConfig(const std::filesystem::path& file, const std::vector<std::string>& settings) {
  JobConfig job;
  RETURN_IF_ERROR(base::LoadConfigFile(file, &job.config, [&](google::protobuf::Message* read) -> absl::Status {
    auto& config = static_cast<TrainConfig&>(*read);
    RETURN_IF_ERROR(base::SetConfigFields(settings, "loss.sigma=4", &config));
    if (config.has_loss()) {
      RETURN_IF_ERROR(CheckFields(config.loss()));
      FillRecipe(config.mutable_loss());
    }
    if (config.has_model()) RETURN_IF_ERROR(CompleteModel("model", config.mutable_model()));
    if (config.teacher().has_model()) {
      RETURN_IF_ERROR(CompleteModel("teacher.model", config.mutable_teacher()->mutable_model()));
    }
    job.base_rate_given = config.loss().has_base_rate();
    if (config.teacher().has_model() && !config.teacher().has_optimizer() && config.has_optimizer()) {
      *config.mutable_teacher()->mutable_optimizer() = config.optimizer();
    }
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(base::Annotate(Check(job.config), file.string()));
  return job;
}

}  // namespace vickrey::trainer
