#include "trainer/config.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "trainer/loss/loss.h"
#include "vickrey/base/config.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::LossConfig;
using vickrey::config::v1::TrainConfig;

// The default recipe of welfare_rank.
void FillRecipe(LossConfig* loss) {
  if (loss->loss() != "welfare_rank") return;
  if (!loss->has_labels()) loss->set_labels("teacher");
  if (!loss->has_sigma() && !loss->has_sigma_end()) loss->set_sigma_end(20);
  if (!loss->has_alpha() && !loss->has_alpha_end()) {
    loss->set_alpha(0.1);
    loss->set_alpha_end(0.01);
  }
  if (!loss->has_warm_phase()) loss->set_warm_phase(0.4);
}

absl::Status Check(const TrainConfig& config) {
  RETURN_IF_ERROR(MakeLoss(config.loss()));
  if (IsRankLoss(config.loss()) && config.loss().surrogate() == "zero_one") {
    return base::InvalidField("loss.surrogate", "'zero_one' has no gradient: it is for evaluation only");
  }
  if (config.data().train() + config.data().validation() > 1 + 1e-9) {
    return base::InvalidField("data.validation", absl::StrCat(config.data().validation(), " and data.train ",
                                                              config.data().train(), " are more than 1 together"));
  }
  for (const auto& [field, value] : {std::pair("name", config.name()), std::pair("version", config.version())}) {
    if (value == "." || value == "..")
      return base::InvalidField(field, absl::StrCat("'", value, "' cannot be a folder"));
  }
  if (config.name() == "labels" || absl::StartsWith(config.name(), "teacher-")) {
    return base::InvalidField("name",
                              absl::StrCat("'", config.name(), "' is taken: teachers and their labels lie there"));
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
    for (const std::string& setting : settings) {
      const size_t equals = setting.find('=');
      if (equals == std::string::npos) {
        return base::InvalidField("--set", absl::StrCat("'", setting, "' is not KEY=VALUE, such as loss.sigma=4"));
      }
      RETURN_IF_ERROR(base::SetConfigField(setting.substr(0, equals), setting.substr(equals + 1), "--set", &config));
    }
    if (config.has_loss()) FillRecipe(config.mutable_loss());
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
