#ifndef CLIENT_CONNECT_H_
#define CLIENT_CONNECT_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/client.h"

namespace vickrey::client {

// How the environment says that servers are spoken to: files in PEM, and one with a token, blanks around it left out.
//   VICKREY_TLS_CA                     TLS, with a server whose certificate is by this authority
//   VICKREY_TLS_CERT, VICKREY_TLS_KEY  the caller's certificate and its key; both or none, and with VICKREY_TLS_CA
//   VICKREY_TOKEN_FILE                 the caller's token
// INVALID_ARGUMENT, naming the variable, for a file that cannot be read or is not what is asked for.
absl::StatusOr<Security> SecurityOfEnvironment();

// INVALID_ARGUMENT, about `address`, where it is not HOST:PORT, or the port is above 65535, which would lead to another
// one.
absl::Status CheckAddress(std::string_view address);

// A client as the command line makes one: with the environment's security, to an address that passes CheckAddress.
absl::StatusOr<std::unique_ptr<Client>> Connect(std::string address, Client::Options options = {});

}  // namespace vickrey::client

#endif  // CLIENT_CONNECT_H_
