// Configuration: one protobuf definition for each, read from YAML, JSON or flags. Defaults and ranges stand in the
// definition (proto/vickrey/config/v1/rule.proto) and nowhere else.
//
// All functions are thread-safe. On failure the message is as it was. A file that is not there is NOT_FOUND; every
// other error of the input is INVALID_ARGUMENT, names the place and the key, shows the value and says what is allowed:
//
//   train.yaml:12: loss.sigma: -1 is out of range; it must be greater than 0
//   train.yaml:7: optimizer.lr: unknown key; known keys: learning_rate, beta1, beta2, batch_auctions, epochs
#ifndef VICKREY_BASE_CONFIG_H_
#define VICKREY_BASE_CONFIG_H_

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace google::protobuf {
class Descriptor;
class Message;
}  // namespace google::protobuf

namespace vickrey::base {

// A larger configuration file is refused.
inline constexpr size_t kMaxConfigBytes = size_t{1} << 20;

// Reads `file` (YAML, or JSON, which is YAML but for \u escapes of more than 16 bits), fills in the defaults and checks
// every rule. `config` is replaced.
//
// `fill`, where given, is called in between, on what was read: for flags that go over the file, and for defaults that
// depend on other fields. Where its error is InvalidField of a field that the file has, file and line are added.
//
// A map field, from text to text, takes any keys, each with a scalar or a list of scalars as it is written: settings of
// other fields, say.
using ConfigFill = std::function<absl::Status(google::protobuf::Message* config)>;
absl::Status LoadConfigFile(const std::filesystem::path& file, google::protobuf::Message* config,
                            const ConfigFill& fill = nullptr);

// The same from text; `origin` stands for the file in messages.
absl::Status LoadConfig(std::string_view text, std::string_view origin, google::protobuf::Message* config,
                        const ConfigFill& fill = nullptr);

// Sets one field, as a flag does: SetConfigField("loss.sigma", "4", "--set", &config). The value of a text
// field is taken as it is, any other is YAML, so a list is "[64, 64]"; an empty one is refused. `config` need not be
// complete before or after: call FinishConfig when all flags are set.
absl::Status SetConfigField(std::string_view path, std::string_view value, std::string_view origin,
                            google::protobuf::Message* config);

// The same for each KEY=VALUE of `--set`, in their order; `example` is one that the message shows.
absl::Status SetConfigFields(const std::vector<std::string>& settings, std::string_view example,
                             google::protobuf::Message* config);

// The default of a field ("replay.skip"), as it would be written in YAML, for the help of a flag; "" where it has none.
std::string DefaultOf(const google::protobuf::Descriptor& config, std::string_view path);

// Fills in the defaults of what is not set and checks every rule. A message field that is absent is made, with its
// defaults, unless something in it is required or it belongs to a oneof.
absl::Status FinishConfig(std::string_view origin, google::protobuf::Message* config);

}  // namespace vickrey::base

#endif  // VICKREY_BASE_CONFIG_H_
