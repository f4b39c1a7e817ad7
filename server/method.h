#ifndef SERVER_METHOD_H_
#define SERVER_METHOD_H_

#include <string_view>

namespace vickrey::server {

// What a caller may do; a token has some of them.
enum class Role { kRead, kPredict, kWriteLog, kAdminister };

// One RPC, as the server knows it. Each is a constant in the file that serves it.
struct Method {
  std::string_view name;  // "AuctionService.RunAuction"
  Role role;              // that its caller needs
  bool stream = false;    // whether it lasts as long as its caller likes
};

}  // namespace vickrey::server

#endif  // SERVER_METHOD_H_
