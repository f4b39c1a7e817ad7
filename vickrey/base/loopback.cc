#include "vickrey/base/loopback.h"

#include <arpa/inet.h>

namespace vickrey::base {

bool IsLoopback(const std::string& host) {
  in_addr ignored;
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && inet_pton(AF_INET, host.c_str(), &ignored) == 1);
}

}  // namespace vickrey::base
