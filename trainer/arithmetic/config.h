#ifndef TRAINER_ARITHMETIC_CONFIG_H_
#define TRAINER_ARITHMETIC_CONFIG_H_

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/config/v1/arithmetic.pb.h"

namespace vickrey::trainer::arithmetic {

// Reads a configuration and fills in what it does not say; `settings` (KEY=VALUE) and `seed` go over the file.
// INVALID_ARGUMENT as base::LoadConfigFile, and where fields do not fit each other.
absl::StatusOr<vickrey::config::v1::ArithmeticConfig> LoadArithmeticConfig(const std::filesystem::path& file,
                                                                           const std::vector<std::string>& settings,
                                                                           std::optional<uint64_t> seed);

// The same from text.
absl::StatusOr<vickrey::config::v1::ArithmeticConfig> ParseArithmeticConfig(const std::string& text);

}  // namespace vickrey::trainer::arithmetic

#endif  // TRAINER_ARITHMETIC_CONFIG_H_
