#include "client/connect.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "vickrey/base/files.h"
#include "vickrey/base/status.h"

namespace vickrey::client {
namespace {

constexpr size_t kMostBytes = size_t{1} << 20;
constexpr int kMostPort = 65535;
constexpr char kCa[] = "VICKREY_TLS_CA", kCertificate[] = "VICKREY_TLS_CERT", kKey[] = "VICKREY_TLS_KEY",
               kToken[] = "VICKREY_TOKEN_FILE";

bool IsGiven(const char* variable) {
  const char* const value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

// The text of the file that a variable names; empty where it names none.
absl::StatusOr<std::string> TextOf(const char* variable) {
  if (!IsGiven(variable)) return std::string();
  auto text = base::ReadFile(std::getenv(variable), kMostBytes);
  if (!text.ok()) return base::InvalidField(variable, std::string(text.status().message()));
  return text;
}

absl::StatusOr<std::string> PemOf(const char* variable) {
  ASSIGN_OR_RETURN(std::string text, TextOf(variable));
  if (IsGiven(variable) && !absl::StrContains(text, "-----BEGIN ")) {
    return base::InvalidField(variable, absl::StrCat("'", std::getenv(variable), "' is no PEM"));
  }
  return text;
}

}  // namespace

absl::StatusOr<Security> SecurityOfEnvironment() {
  Security security;
  ASSIGN_OR_RETURN(security.ca, PemOf(kCa));
  ASSIGN_OR_RETURN(security.certificate, PemOf(kCertificate));
  ASSIGN_OR_RETURN(security.key, PemOf(kKey));
  if (IsGiven(kCertificate) != IsGiven(kKey)) {
    return base::InvalidField(IsGiven(kCertificate) ? kKey : kCertificate, "is required beside the other of the two");
  }
  if (IsGiven(kCertificate) && !IsGiven(kCa)) {
    return base::InvalidField(kCa, "is required beside VICKREY_TLS_CERT: a certificate is shown by TLS");
  }
  ASSIGN_OR_RETURN(const std::string token, TextOf(kToken));
  security.token = std::string(absl::StripAsciiWhitespace(token));
  if (IsGiven(kToken) && security.token.empty()) return base::InvalidField(kToken, "the file is empty");
  for (const char c : security.token) {
    if (absl::ascii_isgraph(static_cast<unsigned char>(c))) continue;
    return base::InvalidField(kToken, "a token is one word of visible ASCII characters");
  }
  return security;
}

// gRPC takes a port modulo 65536, and where there is none one of its own. A group of digits of an IPv6 address without
// a port is never above kMostPort.
absl::Status CheckAddress(std::string_view address) {
  if (address.starts_with("unix")) return absl::OkStatus();
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == address.size()) {
    return base::InvalidField("address", absl::StrCat("'", std::string(address), "' is not HOST:PORT"));
  }
  const std::string port(address.substr(colon + 1));
  int number = 0;
  const bool digits = std::all_of(port.begin(), port.end(), absl::ascii_isdigit);
  if (!digits || (absl::SimpleAtoi(port, &number) && number <= kMostPort)) return absl::OkStatus();
  return base::InvalidField("address", absl::StrCat("'", std::string(address), "': the port ", port,
                                                    " is out of range; at most ", kMostPort, " is allowed"));
}

absl::StatusOr<std::unique_ptr<Client>> Connect(std::string address, Client::Options options) {
  RETURN_IF_ERROR(CheckAddress(address));
  ASSIGN_OR_RETURN(options.security, SecurityOfEnvironment());
  return std::make_unique<Client>(std::move(address), std::move(options));
}

}  // namespace vickrey::client
