#ifndef SIMULATOR_CONFIG_FLAGS_H_
#define SIMULATOR_CONFIG_FLAGS_H_

#include <google/protobuf/descriptor.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "vickrey/base/config.h"
#include "vickrey/base/status.h"

namespace vickrey::simulator {

// Flags that are fields of a configuration: its definition has their defaults, ranges and documentation. A file may
// give the configuration, too; flags go over it.
class ConfigFlags {
 public:
  struct Flag {
    const char* flag;
    const char* field;
    const char* help;
    std::string value = "";
  };
  explicit ConfigFlags(std::vector<Flag> flags) : flags_(std::move(flags)) {}

  // `Config`: what the file holds.
  template <typename Config>
  void Declare(CLI::App& app) {
    const google::protobuf::Descriptor& fields = *Config::descriptor();
    app.add_option("--config", config_, "A YAML or JSON file of " + fields.name() + "; flags go over it")
        ->default_str("none");
    app.add_option("--params", params_, "A YAML or JSON file of MarketConfig")->default_str("none");
    for (Flag& flag : flags_) {
      app.add_option(flag.flag, flag.value, flag.help)->default_str(base::DefaultOf(fields, flag.field));
    }
    app.add_option("--position-multipliers", position_multipliers_, "Examination of each slot, from 1 down: 1,.7")
        ->delimiter(',');
  }

  // `more`: what else goes over the file. INVALID_ARGUMENT naming the flag, or the file's line and key.
  template <typename Config>
  absl::StatusOr<Config> Read(const std::function<absl::Status(Config*)>& more) const {
    Config config;
    const auto fill = [&](google::protobuf::Message* message) -> absl::Status {
      auto& read = static_cast<Config&>(*message);
      if (!params_.empty()) RETURN_IF_ERROR(base::LoadConfigFile(params_, read.mutable_market()));
      for (const Flag& flag : flags_) {
        if (flag.value.empty()) continue;
        RETURN_IF_ERROR(base::SetConfigField(flag.field, flag.value, flag.flag, &read));
      }
      if (!position_multipliers_.empty()) {
        read.mutable_position_multipliers()->Assign(position_multipliers_.begin(), position_multipliers_.end());
      }
      return more(&read);
    };
    if (!config_.empty()) {
      RETURN_IF_ERROR(base::LoadConfigFile(config_, &config, fill));
    } else {
      RETURN_IF_ERROR(base::LoadConfig("{}", "flags", &config, fill));
    }
    return config;
  }

 private:
  std::string config_, params_;
  std::vector<double> position_multipliers_;
  std::vector<Flag> flags_;
};

}  // namespace vickrey::simulator

#endif  // SIMULATOR_CONFIG_FLAGS_H_
