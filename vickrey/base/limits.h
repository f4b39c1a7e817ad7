// Limits of what the project takes, wherever it comes in.
#ifndef VICKREY_BASE_LIMITS_H_
#define VICKREY_BASE_LIMITS_H_

namespace vickrey::base {

// Candidates of one auction.
inline constexpr int kMaxCandidates = 10'000;

}  // namespace vickrey::base

#endif  // VICKREY_BASE_LIMITS_H_
