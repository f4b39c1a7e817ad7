// Every RPC by every kind of credential, over loopback, with and without TLS.
#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
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
#include "tests/e2e/test_certificates.h"
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

TEST_F(AccessTest, AFileOfTokensThatIsBeingWrittenLocksNobodyOut) {
  options_.tokens = folder_ / "tokens.yaml";
  Start();
  const std::string whole = *base::ReadFile(*options_.tokens);
  // As an editor or `cp` does it, not as one should: in place, and slowly. What begins a file is a file, of fewer
  // tokens, where it ends with a line; `read` is the first of them, `administer` the last.
  const client::Client last(server_->address(), {.security = {.token = "administer"}});
  vickrey::v1::DeleteModelRequest nothing;
  nothing.set_name("nothing");
  nothing.set_version("1");
  const absl::Duration quiet = absl::Milliseconds(400);  // a little less than what a file must be still for
  absl::Time written = absl::Now();
  absl::Duration pause;  // the longest between two writes
  for (int round = 0; round < 20; ++round) {
    for (size_t end = whole.find('\n') + 1; end != 0; end = whole.find('\n', end) + 1) {
      std::ofstream(*options_.tokens, std::ios::trunc) << whole.substr(0, end);
      pause = std::max(pause, absl::Now() - written);
      written = absl::Now();
      absl::SleepFor(absl::Milliseconds(40));
      const absl::Status status = last.DeleteModel(nothing).status();
      pause = std::max(pause, absl::Now() - written);
      if (pause < quiet) {
        EXPECT_TRUE(absl::IsNotFound(status)) << end << " " << status;
      }
    }
    if (pause < quiet) continue;
    // This machine stood still, and the file too: once more, from a whole one that was read.
    std::ofstream(*options_.tokens, std::ios::trunc) << whole;
    for (int i = 0; i < 600 && !absl::IsNotFound(last.DeleteModel(nothing).status()); ++i) {
      absl::SleepFor(absl::Milliseconds(50));
    }
    written = absl::Now();
    pause = absl::ZeroDuration();
  }
  absl::SleepFor(absl::Seconds(2));  // the last one is whole
  // Nor does one that stays without a token.
  for (const char* empty : {"", "tokens:\n", "tokens: []\n"}) {
    std::ofstream(*options_.tokens, std::ios::trunc) << empty;
    absl::SleepFor(absl::Seconds(2));
    EXPECT_TRUE(absl::IsNotFound(last.DeleteModel(nothing).status())) << empty;
  }
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
  ASSERT_TRUE(base::WriteFileAtomically(folder_ / "tokens.yaml", "tokens: []\n").ok());
  EXPECT_THAT(Server::Start(options_).status().message(), HasSubstr("tokens: is required"));
  options_.tokens = folder_ / "missing.yaml";
  EXPECT_THAT(why({}), HasSubstr("missing.yaml"));
}

class TlsTest : public AccessTest {
 protected:
  void Write(const std::string& file, const std::string& text) const {
    ASSERT_TRUE(base::WriteFileAtomically(folder_ / file, text).ok());
  }
  void WriteServer(const tests::Authority& by) const {
    const auto pair = by.Issue("a server");
    Write("server.pem", pair.certificate);
    Write("server.key", pair.key);
  }
  absl::Status List(client::Security security) const {
    return client::Client(server_->address(), {.timeout = absl::Seconds(10), .security = std::move(security)})
        .ListModels("")
        .status();
  }

  const tests::Authority authority_, other_;
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
