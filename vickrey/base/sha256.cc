#include "vickrey/base/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "vickrey/base/files.h"

namespace vickrey::base {
namespace {

constexpr size_t kDigestBytes = 32;

// OpenSSL's digest functions fail only where memory runs out or the provider is broken; there is nothing to go on with.
void Check(int ok) {
  if (ok == 1) return;
  std::fputs("fatal: OpenSSL's SHA-256 failed\n", stderr);
  std::abort();
}

// Looked up once: EVP_sha256() has OpenSSL look for the implementation at every start, which takes as long as the
// digest of 4 KB.
const EVP_MD* Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  Check(algorithm != nullptr);
  return algorithm;
}

}  // namespace

struct Sha256::Context {
  Context() : md(EVP_MD_CTX_new()) { Check(md != nullptr && EVP_DigestInit_ex(md, Algorithm(), nullptr)); }
  ~Context() { EVP_MD_CTX_free(md); }
  EVP_MD_CTX* md;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;

void Sha256::Update(std::string_view bytes) { Check(EVP_DigestUpdate(context_->md, bytes.data(), bytes.size())); }

std::string Sha256::Digest() {
  std::string digest(kDigestBytes, '\0');
  Check(EVP_DigestFinal_ex(context_->md, reinterpret_cast<unsigned char*>(digest.data()), nullptr));
  Check(EVP_DigestInit_ex(context_->md, Algorithm(), nullptr));
  return digest;
}

std::string Sha256Hex(std::string_view bytes) {
  Sha256 sha;
  sha.Update(bytes);
  return absl::BytesToHexString(sha.Digest());
}

absl::StatusOr<std::string> Sha256HexOfFile(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return FileError("open", file);
  Sha256 sha;
  std::array<char, 1 << 16> buffer;
  while (in.read(buffer.data(), buffer.size()), in.gcount() > 0) {
    sha.Update({buffer.data(), static_cast<size_t>(in.gcount())});
  }
  if (in.bad()) return FileError("read", file);
  return absl::BytesToHexString(sha.Digest());
}

}  // namespace vickrey::base
