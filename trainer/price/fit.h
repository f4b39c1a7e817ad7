#ifndef TRAINER_PRICE_FIT_H_
#define TRAINER_PRICE_FIT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "trainer/price/data.h"
#include "trainer/price/network.h"
#include "vickrey/config/v1/price.pb.h"

namespace vickrey::trainer {

struct FittedPriceHead {
  std::unique_ptr<PriceNetwork> network;
  int epoch = 0;  // that was kept, from 1
  double validation_loss = 0;
};

// Trains one head on the training rows; keeps the end of the epoch with the least loss on the validation rows. The
// start, and the order of rows, are functions of the seed. INVALID_ARGUMENT naming the head where its loss or weights
// are no longer finite; CANCELLED by a signal.
absl::StatusOr<FittedPriceHead> FitPriceHead(const vickrey::config::v1::PriceConfig& config,
                                             const vickrey::config::v1::PriceHeadConfig& head, const PriceData& data);

// Calls `row`(i, forecast of row i) for rows [begin, end) in order: a price, or probabilities of the coding's support,
// valid during the call.
absl::Status ForEachForecast(const PriceNetwork& network, const PriceData& data, int64_t begin, int64_t end,
                             const std::function<void(int64_t, std::span<const double>)>& row);

}  // namespace vickrey::trainer

#endif  // TRAINER_PRICE_FIT_H_
