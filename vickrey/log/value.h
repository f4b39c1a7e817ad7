#ifndef VICKREY_LOG_VALUE_H_
#define VICKREY_LOG_VALUE_H_

#include <cstdint>

#include "vickrey/v1/auction.pb.h"

namespace vickrey::log {

// What a click on it is worth, as welfare counts it: its value, or else its bid.
inline int64_t ValueMicros(const vickrey::v1::Candidate& candidate) {
  return candidate.has_value_micros() ? candidate.value_micros() : candidate.bid().micros();
}

}  // namespace vickrey::log

#endif  // VICKREY_LOG_VALUE_H_
