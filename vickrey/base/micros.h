#ifndef VICKREY_BASE_MICROS_H_
#define VICKREY_BASE_MICROS_H_

namespace vickrey::base {

// Micros in a unit of the currency. Amounts are divided by it, which is exact where multiplying by 1e-6 is not.
inline constexpr double kMicro = 1e6;

}  // namespace vickrey::base

#endif  // VICKREY_BASE_MICROS_H_
