// Training and judging a digit transformer.
#ifndef TRAINER_ARITHMETIC_FIT_H_
#define TRAINER_ARITHMETIC_FIT_H_

#include "absl/status/statusor.h"
#include "trainer/arithmetic/digit_transformer.h"
#include "trainer/arithmetic/problems.h"
#include "vickrey/config/v1/arithmetic.pb.h"

namespace vickrey::trainer::arithmetic {

// The network that a configuration describes, untrained, with places for every split.
DigitTransformer::Options NetworkOf(const vickrey::config::v1::ArithmeticConfig& config, const Problems& problems);

// Trains `network` in place, config.steps() steps of config.batch() problems each, which are a function of the seed;
// gives the mean objective of the last tenth of the steps. `config`: finished. Shows progress on stderr.
//
// CANCELLED when a signal came; nothing is kept to go on from. INTERNAL naming the step where the objective or its
// gradient is not finite.
absl::StatusOr<double> Fit(const vickrey::config::v1::ArithmeticConfig& config, const Problems& problems,
                           DigitTransformer* network);

}  // namespace vickrey::trainer::arithmetic

#endif  // TRAINER_ARITHMETIC_FIT_H_
