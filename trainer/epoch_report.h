#ifndef TRAINER_EPOCH_REPORT_H_
#define TRAINER_EPOCH_REPORT_H_

#include "vickrey/v1/lines.pb.h"

namespace vickrey::trainer {

// Says on stderr how an epoch ended: a sentence on a terminal, an EpochLine anywhere else.
void Report(const vickrey::v1::Epoch& epoch);

}  // namespace vickrey::trainer

#endif  // TRAINER_EPOCH_REPORT_H_
