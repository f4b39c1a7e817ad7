#include "trainer/prepare.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "trainer/data/encode.h"
#include "trainer/export.h"
#include "trainer/loss/loss.h"
#include "vickrey/base/files.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/micros.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/torch_scorer.h"

namespace vickrey::trainer {

using vickrey::config::v1::ModelConfig;
using vickrey::config::v1::TrainConfig;

namespace {

constexpr double kLeastOmega = 0.01, kMostOmega = 10;  // a log of equal scores has a law too

// 1 / mean target of the training set, which rids the loss of the currency.
absl::StatusOr<double> ScaleOf(const Selection& train, const Labels& source) {
  double sum = 0;
  int64_t count = 0;
  std::vector<double> labels;
  RETURN_IF_ERROR(ForEachChunk(train, [&](const Chunk& chunk) -> absl::Status {
    RETURN_IF_ERROR(base::CheckInterrupt());
    RETURN_IF_ERROR(source.Of(chunk, &labels));
    for (size_t i = 0; i < labels.size(); ++i) {
      if (std::isnan(labels[i])) continue;
      sum += static_cast<double>(chunk.bids_micros[i]) / base::kMicro * labels[i];
      ++count;
    }
    return absl::OkStatus();
  }));
  return sum > 0 ? static_cast<double>(count) / sum : 1;
}

// The law of the competing score that known_market assumes: log-normal, by the moments of the logarithm of the greatest
// b q among the others of the auction; where labels are clicks, of b times the mean click.
absl::Status FitCompetition(const Selection& train, const Labels& source, vickrey::config::v1::LossConfig* loss) {
  const double rate = loss->labels() == "click" ? loss->base_rate() : 0;
  double sum = 0, squares = 0;
  int64_t count = 0;
  std::vector<double> labels;
  RETURN_IF_ERROR(ForEachChunk(train, [&](const Chunk& chunk) -> absl::Status {
    RETURN_IF_ERROR(base::CheckInterrupt());
    RETURN_IF_ERROR(source.Of(chunk, &labels));
    const auto score = [&](int64_t i) {
      return static_cast<double>(chunk.bids_micros[i]) / base::kMicro * (rate > 0 ? rate : labels[i]);
    };
    for (int64_t a = 0; a < chunk.auctions(); ++a) {
      const int64_t begin = chunk.features.offsets[a], end = chunk.features.offsets[a + 1];
      for (int64_t i = begin; i < end; ++i) {
        double greatest = 0;
        for (int64_t j = begin; j < end; ++j) {
          if (j != i && score(j) > greatest) greatest = score(j);  // not of a masked one
        }
        if (greatest == 0) continue;
        sum += std::log(greatest);
        squares += std::log(greatest) * std::log(greatest);
        ++count;
      }
    }
    return absl::OkStatus();
  }));
  const double mean = count > 0 ? sum / static_cast<double>(count) : 0;
  const double variance = count > 0 ? squares / static_cast<double>(count) - mean * mean : 1;
  loss->set_mu(mean);
  loss->set_omega(std::clamp(std::sqrt(std::max(variance, 0.0)), kLeastOmega, kMostOmega));
  return absl::OkStatus();
}

}  // namespace

absl::Status UnderModel(const std::string& prefix, const absl::Status& status) {
  const auto field = base::FieldOf(status);
  if (field.has_value() && field->starts_with("schema.")) {  // a field of the schema that the network cannot take
    return base::AboutField(absl::InvalidArgumentError(absl::StrCat("data.", status.message())), "data." + *field);
  }
  const bool of_model = field.has_value() && ModelConfig::descriptor()->FindFieldByName(*field) != nullptr;
  if (!of_model) return status;
  return base::AboutField(absl::InvalidArgumentError(absl::StrCat(prefix, ".", status.message())),
                          prefix + "." + *field);
}

absl::StatusOr<at::Device> DeviceFor(const TrainConfig& config, int local_rank, int processes) {
  const std::string cuda = processes > 1 ? absl::StrCat("cuda:", local_rank) : "cuda";
  at::Device device = at::kCPU;
  if (config.device() != "cpu") {
    const auto found = torch::DeviceOf(cuda);
    if (found.ok()) device = *found;
    if (!found.ok() && config.device() == "cuda") return found.status();
    if (!found.ok() && processes > 1 && torch::DeviceOf("cuda").ok()) {
      return base::InvalidField("device", absl::StrCat("'auto' finds GPUs, but none for process ", local_rank,
                                                       " of this host; start as many as there are GPUs, or give cpu"));
    }
  }
  if (config.precision() == "bfloat16" && device.is_cpu()) {
    return base::InvalidField("precision", "'bfloat16' needs a GPU; on a CPU only 'float32' is allowed");
  }
  return device;
}

absl::StatusOr<std::unique_ptr<Grouping>> EncodeData(const TrainConfig& config, const std::filesystem::path& db,
                                                     const std::string& snapshot_id,
                                                     const std::filesystem::path& root) {
  std::error_code error;
  if (std::filesystem::equivalent(root, db, error)) {
    return base::InvalidField("--out", absl::StrCat("'", root.string(), "' is the log's folder"));
  }
  RETURN_IF_ERROR(base::MakeFolders(root));
  ASSIGN_OR_RETURN(auto dataset, EncodeSnapshot(db, snapshot_id, config.data(), config.seed(), root));
  const int folds = config.loss().labels() == "teacher" ? config.teacher().cross_fit() : 1;
  ASSIGN_OR_RETURN(Grouping grouping, Grouping::Make(std::move(dataset), folds, config.seed()));
  if (grouping.Train().auctions() == 0) {
    return base::InvalidField(
        "data.train", absl::StrCat(config.data().train(), " of ", grouping.dataset().auctions(), " auctions are none"));
  }
  return std::make_unique<Grouping>(std::move(grouping));
}

absl::StatusOr<std::unique_ptr<torch::Network>> StartNetwork(const TrainConfig& config, const Grouping& data,
                                                             const at::Device& device) {
  auto network = NewNetwork(config.model(), *data.dataset().schema(), data.Train().totals().ClickRate(), config.seed(),
                            {.outputs = OutputsOf(config.loss()), .device = device});
  RETURN_IF_ERROR(UnderModel("model", network.status()));
  return network;
}

absl::Status FillFromData(const Selection& train, const Labels& labels, bool base_rate_given,
                          vickrey::config::v1::LossConfig* loss) {
  const double rate = train.totals().ClickRate();
  if (!base_rate_given) loss->set_base_rate(rate > 0 ? rate : 1);
  if (Reads(*loss, "scale") && !loss->has_scale()) {
    ASSIGN_OR_RETURN(const double scale, ScaleOf(train, labels));
    loss->set_scale(scale);
  }
  if (loss->loss() == "known_market" && !loss->has_mu()) return FitCompetition(train, labels, loss);
  return absl::OkStatus();
}

}  // namespace vickrey::trainer
