#ifndef CLIENT_LOAD_SCHEDULE_H_
#define CLIENT_LOAD_SCHEDULE_H_

#include <cstdint>

#include "vickrey/base/random.h"

namespace vickrey::client {

// When the calls of an open loop are due: at a constant rate, or as a Poisson process of that rate. During the first
// `ramp_seconds` the rate grows linearly from 0. A function of its options, whatever the clock: a generator that falls
// behind finds the calls that it owes.
//
// Not thread-safe.
class Schedule {
 public:
  struct Options {
    double rate = 1;          // calls a second, finite and above 0
    bool poisson = false;     // gaps drawn by `seed` instead of equal ones
    double ramp_seconds = 0;  // how long the rate grows
    uint64_t seed = 1;
  };

  explicit Schedule(const Options& options);

  // When the next call is due, in nanoseconds from the start; never before the last one.
  int64_t Next();

 private:
  const Options options_;
  base::RandomStream random_;
  double expected_ = 0;  // calls of a process of rate 1 until the next call
};

}  // namespace vickrey::client

#endif  // CLIENT_LOAD_SCHEDULE_H_
