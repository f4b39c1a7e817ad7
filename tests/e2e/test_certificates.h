// Certificates for tests of TLS.
#ifndef TESTS_E2E_TEST_CERTIFICATES_H_
#define TESTS_E2E_TEST_CERTIFICATES_H_

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <memory>
#include <string>

namespace vickrey::tests {

// An authority, and certificates by it, made for the test.
class Authority {
 public:
  Authority() : key_(NewKey()), certificate_(Certify("an authority", key_, nullptr)) {}

  struct Pair {
    std::string certificate, key;
  };
  Pair Issue(const std::string& name) const {
    const Key key = NewKey();
    return {.certificate = Pem(*Certify(name, key, this)), .key = Pem(*key)};
  }
  std::string certificate() const { return Pem(*certificate_); }

 private:
  template <auto Free>
  struct Freed {
    template <typename T>
    void operator()(T* thing) const {
      Free(thing);
    }
  };
  using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
  using Certificate = std::unique_ptr<X509, Freed<X509_free>>;

  static Key NewKey() { return Key(EVP_EC_gen("P-256")); }

  static Certificate Certify(const std::string& name, const Key& key, const Authority* by) {
    static int64_t serial = 1;
    Certificate certificate(X509_new());
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate.get()), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86400);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    const Certificate* const issuer = by == nullptr ? &certificate : &by->certificate_;
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer->get()));
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer->get(), certificate.get(), nullptr, nullptr, 0);
    const auto add = [&](int nid, const char* value) {
      X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
      X509_add_ext(certificate.get(), extension, -1);
      X509_EXTENSION_free(extension);
    };
    if (by == nullptr) add(NID_basic_constraints, "critical,CA:TRUE");
    if (by != nullptr) add(NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_sign(certificate.get(), by == nullptr ? key.get() : by->key_.get(), EVP_sha256());
    return certificate;
  }

  template <typename Write>
  static std::string Written(Write write) {
    BIO* const bio = BIO_new(BIO_s_mem());
    write(bio);
    char* data = nullptr;
    const auto size = static_cast<size_t>(BIO_get_mem_data(bio, &data));
    std::string text(data, size);
    BIO_free(bio);
    return text;
  }
  static std::string Pem(const X509& certificate) {
    return Written([&](BIO* bio) { PEM_write_bio_X509(bio, const_cast<X509*>(&certificate)); });
  }
  static std::string Pem(const EVP_PKEY& key) {
    return Written([&](BIO* bio) {
      PEM_write_bio_PrivateKey(bio, const_cast<EVP_PKEY*>(&key), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }

  const Key key_;
  const Certificate certificate_;
};

}  // namespace vickrey::tests

#endif  // TESTS_E2E_TEST_CERTIFICATES_H_
