// Every RPC by every kind of credential, over loopback, with and without TLS.
#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/server.h"
#include "tests/e2e/test_models.h"
#include "vickrey/base/files.h"
#include "vickrey/base/sha256.h"
#include "vickrey/v1/auction_service.pb.h"
#include "vickrey/v1/impression_log_service.pb.h"
#include "vickrey/v1/model_service.pb.h"
#include "vickrey/v1/prediction_service.pb.h"

namespace vickrey::server {
namespace {

using ::testing::HasSubstr;

// Who may call what. An RPC that is not here fails the test.
const std::map<std::string, std::string> kRoleOf = {
    {"AuctionService.RunAuction", "predict"},
    {"PredictionService.Predict", "predict"},
    {"ImpressionLogService.AppendAuctions", "write_log"},
    {"ImpressionLogService.AppendFeedback", "write_log"},
    {"ImpressionLogService.ReadAuctions", "read"},
    {"ImpressionLogService.GetLogStats", "read"},
    {"ImpressionLogService.CreateSnapshot", "administer"},
    {"ImpressionLogService.ListSnapshots", "read"},
    {"ImpressionLogService.DeleteSnapshot", "administer"},
    {"ModelService.RegisterModel", "administer"},
    {"ModelService.SetModelLabel", "administer"},
    {"ModelService.UploadModel", "administer"},
    {"ModelService.DeleteModel", "administer"},
    {"ModelService.GetModel", "read"},
    {"ModelService.ListModels", "read"},
};
const std::vector<std::string> kRoles = {"read", "predict", "write_log", "administer"};

std::vector<const google::protobuf::MethodDescriptor*> AllMethods() {
  std::vector<const google::protobuf::MethodDescriptor*> methods;
  for (const auto* file :
       {vickrey::v1::RunAuctionRequest::descriptor()->file(), vickrey::v1::PredictRequest::descriptor()->file(),
        vickrey::v1::AppendAuctionsRequest::descriptor()->file(),
        vickrey::v1::RegisterModelRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) methods.push_back(file->service(s)->method(m));
    }
  }
  return methods;
}

std::string NameOf(const google::protobuf::MethodDescriptor& method) {
  return absl::StrCat(method.service()->name(), ".", method.name());
}

class AccessTest : public testing::Test {
 protected:
  AccessTest() : folder_(tests::FreshFolder("access_test")) {
    tests::WriteLogistic(folder_ / "models", "ctr", "1", -2);
    WriteTokens({});
    options_.artifact_root = folder_ / "models";
    options_.log = folder_ / "log";
    options_.models = {"ctr/1"};
  }
  ~AccessTest() override {
    server_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  // A token for each role, named as it is, and `more`.
  void WriteTokens(const std::vector<std::string>& more) const {
    std::string text = "tokens:\n";
    for (const std::string& role : kRoles) {
      absl::StrAppend(&text, "- {name: ", role, ", sha256: ", base::Sha256Hex(role), ", roles: [", role, "]}\n");
    }
    for (const std::string& line : more) absl::StrAppend(&text, line, "\n");
    ASSERT_TRUE(base::WriteFileAtomically(folder_ / "tokens.yaml", text).ok());
  }

  void Start() {
    auto server = Server::Start(options_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  // An empty request with these entries of metadata.
  grpc::Status Call(const google::protobuf::MethodDescriptor& method,
                    const std::vector<std::string>& authorizations) const {
    const auto channel = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    for (const std::string& each : authorizations) context.AddMetadata("authorization", each);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    grpc::ByteBuffer request, response;
    const grpc::Slice empty;
    request = grpc::ByteBuffer(&empty, 1);
    grpc::Status status;
    absl::Notification done;
    stub.UnaryCall(&context, absl::StrCat("/", method.service()->full_name(), "/", method.name()), {}, &request,
                   &response, [&](grpc::Status result) {
                     status = std::move(result);
                     done.Notify();
                   });
    done.WaitForNotification();
    return status;
  }

  const std::filesystem::path folder_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
};

TEST_F(AccessTest, EveryCallByEveryCredential) {
  options_.tokens = folder_ / "tokens.yaml";
  Start();
  for (const auto* method : AllMethods()) {
    const std::string name = NameOf(*method);
    ASSERT_TRUE(kRoleOf.contains(name)) << name << " has no role in this test";
    const std::vector<std::vector<std::string>> strangers = {{},
                                                             {"Bearer nobody"},
                                                             {"Bearer "},
                                                             {"Basic read"},
                                                             {"administer"},
                                                             {"Bearer administer", "Bearer administer"},
                                                             {"Bearer administer "},
                                                             {absl::StrCat("Bearer ", base::Sha256Hex("administer"))}};
    for (const auto& authorization : strangers) {
      EXPECT_EQ(Call(*method, authorization).error_code(), grpc::UNAUTHENTICATED)
          << name << " by " << testing::PrintToString(authorization);
    }
    for (const std::string& role : kRoles) {
      const grpc::Status status = Call(*method, {absl::StrCat("bearer ", role)});
      EXPECT_NE(status.error_code(), grpc::UNAUTHENTICATED) << name << " by " << role;
      if (role == kRoleOf.at(name)) {
        EXPECT_NE(status.error_code(), grpc::PERMISSION_DENIED) << name << " by " << role;
      } else {
        EXPECT_EQ(status.error_code(), grpc::PERMISSION_DENIED) << name << " by " << role;
        EXPECT_THAT(status.error_message(), HasSubstr(absl::StrCat("has no role '", kRoleOf.at(name), "'")));
      }
    }
  }
}

TEST_F(AccessTest, AnAuctionThatIsLoggedNeedsBothRoles) {
  WriteTokens({absl::StrCat("- {name: stack, sha256: ", base::Sha256Hex("stack"), ", roles: [predict, write_log]}")});
  options_.tokens = folder_ / "tokens.yaml";
  Start();
  vickrey::v1::RunAuctionRequest request;
  request.mutable_model()->set_name("ctr");
  request.mutable_auction()->set_auction_id("a");
  request.mutable_auction()->set_event_time(1'704'067'200'000'000);
  request.mutable_auction()->set_currency_code("USD");
  auto& candidate = *request.mutable_auction()->add_candidates();
  candidate.set_ad_id("ad");
  candidate.mutable_bid()->set_micros(1);
  const auto run = [&](const std::string& token, bool log) {
    const client::Client client(server_->address(), {.security = {.token = token}});
    request.set_log(log);
    return client.RunAuction(request).status();
  };
  EXPECT_TRUE(run("predict", false).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(run("predict", true)));
  EXPECT_TRUE(absl::IsPermissionDenied(run("write_log", true)));
  EXPECT_TRUE(run("stack", true).ok()) << run("stack", true);
}

TEST_F(AccessTest, TokensAreReadAgain) {
  options_.tokens = folder_ / "tokens.yaml";
  Start();
  const auto list = [&](const std::string& token) {
    return client::Client(server_->address(), {.security = {.token = token}}).ListModels("").status();
  };
  const auto until = [&](const std::string& token, bool good) {
    for (int i = 0; i < 600 && list(token).ok() != good; ++i) absl::SleepFor(absl::Milliseconds(50));
    EXPECT_EQ(list(token).ok(), good) << list(token);
  };
  EXPECT_TRUE(absl::IsUnauthenticated(list("late")));
  WriteTokens({absl::StrCat("- {name: late, sha256: ", base::Sha256Hex("late"), ", roles: [read]}")});
  until("late", true);
  // One that cannot be read leaves things as they are: also once the next good one is there, which says when.
  ASSERT_TRUE(base::WriteFileAtomically(folder_ / "tokens.yaml", "tokens: nonsense\n").ok());
  absl::SleepFor(absl::Seconds(2));
  EXPECT_TRUE(list("late").ok());
  WriteTokens({});
  until("late", false);
  EXPECT_TRUE(list("read").ok());
}

TEST_F(AccessTest, WrongFilesOfTokensAreRefused) {
  options_.tokens = folder_ / "tokens.yaml";
  const auto why = [&](const std::vector<std::string>& more) {
    WriteTokens(more);
    return std::string(Server::Start(options_).status().message());
  };
  const std::string digest = base::Sha256Hex("x");
  EXPECT_THAT(why({absl::StrCat("- {name: read, sha256: ", digest, ", roles: [read]}")}), HasSubstr("there twice"));
  EXPECT_THAT(why({absl::StrCat("- {name: x, sha256: ", base::Sha256Hex("read"), ", roles: [read]}")}),
              HasSubstr("another token has the same"));
  EXPECT_THAT(why({"- {name: x, sha256: secret, roles: [read]}"}), HasSubstr("tokens[4].sha256"));
  EXPECT_THAT(why({absl::StrCat("- {name: x, sha256: ", digest, ", roles: [root]}")}), HasSubstr("tokens[4].roles"));
  EXPECT_THAT(why({absl::StrCat("- {name: x, sha256: ", digest, "}")}), HasSubstr("tokens[4].roles"));
  options_.tokens = folder_ / "missing.yaml";
  EXPECT_THAT(why({}), HasSubstr("missing.yaml"));
}

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

class TlsTest : public AccessTest {
 protected:
  void Write(const std::string& file, const std::string& text) const {
    ASSERT_TRUE(base::WriteFileAtomically(folder_ / file, text).ok());
  }
  void WriteServer(const Authority& by) const {
    const auto pair = by.Issue("a server");
    Write("server.pem", pair.certificate);
    Write("server.key", pair.key);
  }
  absl::Status List(client::Security security) const {
    return client::Client(server_->address(), {.timeout = absl::Seconds(10), .security = std::move(security)})
        .ListModels("")
        .status();
  }

  const Authority authority_, other_;
};

TEST_F(TlsTest, EncryptsAndIsKnownByItsAuthority) {
  WriteServer(authority_);
  options_.tls = {folder_ / "server.pem", folder_ / "server.key", {}};
  Start();
  EXPECT_TRUE(List({.ca = authority_.certificate()}).ok()) << List({.ca = authority_.certificate()});
  EXPECT_TRUE(absl::IsUnavailable(List({.ca = other_.certificate()})));
  EXPECT_TRUE(absl::IsUnavailable(List({})));
}

TEST_F(TlsTest, CallersNeedACertificateWhereAnAuthorityIsGiven) {
  WriteServer(authority_);
  Write("clients.pem", authority_.certificate());
  options_.tls = {folder_ / "server.pem", folder_ / "server.key", folder_ / "clients.pem"};
  options_.tokens = folder_ / "tokens.yaml";
  Start();
  const auto good = authority_.Issue("a caller"), stranger = other_.Issue("a caller");
  const client::Security known = {
      .ca = authority_.certificate(), .certificate = good.certificate, .key = good.key, .token = "read"};
  EXPECT_TRUE(List(known).ok()) << List(known);
  client::Security security = known;
  security.token = "predict";
  EXPECT_TRUE(absl::IsPermissionDenied(List(security)));
  security = known;
  security.certificate = stranger.certificate, security.key = stranger.key;
  EXPECT_TRUE(absl::IsUnavailable(List(security)));
  security.certificate.clear(), security.key.clear();
  EXPECT_TRUE(absl::IsUnavailable(List(security)));
}

TEST_F(TlsTest, ARenewedCertificateIsTaken) {
  WriteServer(authority_);
  options_.tls = {folder_ / "server.pem", folder_ / "server.key", {}};
  Start();
  EXPECT_TRUE(List({.ca = authority_.certificate()}).ok());
  EXPECT_FALSE(List({.ca = other_.certificate()}).ok());
  WriteServer(other_);
  for (int i = 0; i < 600 && !List({.ca = other_.certificate()}).ok(); ++i) absl::SleepFor(absl::Milliseconds(100));
  EXPECT_TRUE(List({.ca = other_.certificate()}).ok()) << List({.ca = other_.certificate()});
}

TEST_F(TlsTest, WrongFilesAreRefused) {
  WriteServer(authority_);
  const auto why = [&](const std::string& certificate, const std::string& key, const std::string& client_ca) {
    options_.tls = {folder_ / certificate, folder_ / key,
                    client_ca.empty() ? std::filesystem::path() : folder_ / client_ca};
    return std::string(Server::Start(options_).status().message());
  };
  Write("other.key", authority_.Issue("another").key);
  EXPECT_THAT(why("server.pem", "other.key", ""), HasSubstr("is not the key of the certificate"));
  EXPECT_THAT(why("server.key", "server.key", ""), HasSubstr("--tls-cert"));
  EXPECT_THAT(why("server.pem", "server.pem", ""), HasSubstr("--tls-key"));
  EXPECT_THAT(why("server.pem", "server.key", "server.key"), HasSubstr("--tls-client-ca"));
  EXPECT_THAT(why("missing.pem", "server.key", ""), HasSubstr("missing.pem"));
}

}  // namespace
}  // namespace vickrey::server
