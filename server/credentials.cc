#include "server/credentials.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/files.h"
#include "vickrey/base/status.h"

namespace vickrey::server {
namespace {

constexpr unsigned kRefreshSeconds = 5;
constexpr size_t kMostBytes = size_t{1} << 20;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

absl::StatusOr<std::string> Read(const std::string& flag, const std::filesystem::path& file) {
  auto text = base::ReadFile(file, kMostBytes);
  if (!text.ok()) return base::InvalidField(flag, std::string(text.status().message()));
  return text;
}

absl::StatusOr<Certificate> ReadCertificate(const std::string& flag, const std::filesystem::path& file) {
  ASSIGN_OR_RETURN(const std::string text, Read(flag, file));
  const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (certificate == nullptr) {
    return base::InvalidField(flag, absl::StrCat("'", file.string(), "' does not begin with a certificate in PEM"));
  }
  return certificate;
}

absl::StatusOr<Key> ReadKey(const std::string& flag, const std::filesystem::path& file) {
  ASSIGN_OR_RETURN(const std::string text, Read(flag, file));
  const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  // Nobody is there to be asked for a pass phrase.
  const auto no_phrase = [](char*, int, int, void*) { return 0; };
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_phrase, nullptr));
  ERR_clear_error();
  if (key == nullptr) {
    return base::InvalidField(flag,
                              absl::StrCat("'", file.string(), "' is not a private key in PEM, without pass phrase"));
  }
  return key;
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeTls(const TlsFiles& files) {
  ASSIGN_OR_RETURN(const Certificate certificate, ReadCertificate("--tls-cert", files.certificate));
  ASSIGN_OR_RETURN(const Key key, ReadKey("--tls-key", files.key));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return base::InvalidField("--tls-key", absl::StrCat("'", files.key.string(), "' is not the key of the certificate ",
                                                        files.certificate.string()));
  }
  const bool mutual = !files.client_ca.empty();
  if (mutual) RETURN_IF_ERROR(ReadCertificate("--tls-client-ca", files.client_ca).status());
  grpc::experimental::TlsServerCredentialsOptions options(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          files.key.string(), files.certificate.string(), files.client_ca.string(), kRefreshSeconds));
  options.watch_identity_key_cert_pairs();
  if (mutual) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace vickrey::server
