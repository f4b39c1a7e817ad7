#ifndef VICKREY_BASE_LOOPBACK_H_
#define VICKREY_BASE_LOOPBACK_H_

#include <string>

namespace vickrey::base {

// Whether a host, as it stands in HOST:PORT, is this machine for certain: localhost, [::1], or 127.x.y.z. A name that
// begins with 127. may lead anywhere.
bool IsLoopback(const std::string& host);

}  // namespace vickrey::base

#endif  // VICKREY_BASE_LOOPBACK_H_
