#ifndef SERVER_CREDENTIALS_H_
#define SERVER_CREDENTIALS_H_

#include <grpcpp/security/server_credentials.h>

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"

namespace vickrey::server {

// Files of TLS, in PEM. They are looked at again every few seconds, so that a certificate is renewed by putting new
// files in the place of the old ones; those that do not fit each other are not taken.
struct TlsFiles {
  std::filesystem::path certificate;  // the server's, with what lies between it and the authority
  std::filesystem::path key;          // of the certificate
  std::filesystem::path client_ca;  // who calls must have a certificate of this authority. Empty: nobody need have one
};

// What a server listens with. INVALID_ARGUMENT, naming the flag and the file, for a file that is missing or no PEM, and
// for a key that is not the certificate's.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeTls(const TlsFiles& files);

}  // namespace vickrey::server

#endif  // SERVER_CREDENTIALS_H_
