#include "client/load/schedule.h"

#include <cmath>

namespace vickrey::client {

Schedule::Schedule(const Options& options)
    : options_(options), random_(options.seed, base::StreamId("load.schedule"), 0) {
  if (options_.poisson) expected_ -= std::log(random_.Uniform());
}

// With E(t) the calls expected by time t, those of a process of rate 1 at x are due at E^-1(x):
//   E(t) = rate t^2 / (2 ramp) while t <= ramp, then rate (t - ramp / 2).
int64_t Schedule::Next() {
  const double in_ramp = options_.rate * options_.ramp_seconds / 2;
  const double seconds = expected_ < in_ramp ? std::sqrt(2 * options_.ramp_seconds * expected_ / options_.rate)
                                             : expected_ / options_.rate + options_.ramp_seconds / 2;
  expected_ += options_.poisson ? -std::log(random_.Uniform()) : 1;
  return static_cast<int64_t>(seconds * 1e9);
}

}  // namespace vickrey::client
