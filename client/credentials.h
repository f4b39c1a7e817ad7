#ifndef CLIENT_CREDENTIALS_H_
#define CLIENT_CREDENTIALS_H_

#include <grpcpp/security/credentials.h>

#include <memory>

#include "client/client.h"

namespace vickrey::client {

// Those of a channel, without the token, which goes with each call.
inline std::shared_ptr<grpc::ChannelCredentials> CredentialsOf(const Security& security) {
  if (security.ca.empty()) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials(
      {.pem_root_certs = security.ca, .pem_private_key = security.key, .pem_cert_chain = security.certificate});
}

}  // namespace vickrey::client

#endif  // CLIENT_CREDENTIALS_H_
