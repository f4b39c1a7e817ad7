#ifndef TRAINER_PRICE_JOB_H_
#define TRAINER_PRICE_JOB_H_

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "vickrey/config/v1/price.pb.h"

namespace vickrey::trainer {

// Reads `file` (none: all defaults), puts `settings`, KEY=VALUE, over it, fills in what is absent (heads and their
// names, widths, windows, fees, budgets) and checks it. Errors as base::LoadConfigFile.
absl::StatusOr<vickrey::config::v1::PriceConfig> LoadPriceConfig(const std::filesystem::path& file,
                                                                 const std::vector<std::string>& settings);

// What the job has to do.
enum class PriceTask {
  kAll,
  kPlan,  // only read and check, and write the PriceSummaryLine: what would be trained, chosen and judged on
};

// `vickrey price`: trains each head on the older part of `train`, judges it on `test`, and plays the bidders there.
// Writes, by `write`, a PriceHeadLine for `marginal` and each head as it is done, then a PriceBidderLine for each
// bidder in each setting, then, of a log with floors, a PriceLogLine, then a PriceSummaryLine. What is written is a
// function of configuration, files, build and threads.
absl::Status RunPriceJob(const vickrey::config::v1::PriceConfig& config, const std::filesystem::path& train,
                         const std::filesystem::path& test, PriceTask task,
                         const std::function<void(const google::protobuf::Message&)>& write);

}  // namespace vickrey::trainer

#endif  // TRAINER_PRICE_JOB_H_
