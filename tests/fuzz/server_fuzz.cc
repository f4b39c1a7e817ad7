// A live server, over loopback. The first byte says which method, the rest is the request, as bytes: a stream's one
// message. Whatever it is, the call ends with a status that is none of a handler that broke, and the server goes on
// answering others.
#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "client/client.h"
#include "server/server.h"
#include "tests/e2e/test_models.h"
#include "tests/fuzz/fuzzing.h"
#include "vickrey/v1/auction_service.pb.h"
#include "vickrey/v1/impression_log_service.pb.h"
#include "vickrey/v1/model_service.pb.h"
#include "vickrey/v1/prediction_service.pb.h"

namespace vickrey::fuzz {
namespace {

// A call of any kind: one message there, any number back, of which the first hundred are taken.
class Stream final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Stream(grpc::ClientContext* context, const std::string& request) : context_(*context), slice_(request) {}

  grpc::Status Run() {
    StartWriteLast(&request_, {});
    StartRead(&response_);
    StartCall();
    done_.WaitForNotification();
    return status_;
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (++responses_ == 100) context_.TryCancel();
    StartRead(&response_);
  }
  void OnDone(const grpc::Status& status) override {
    status_ = status;
    done_.Notify();
  }

 private:
  grpc::ClientContext& context_;
  const grpc::Slice slice_;
  const grpc::ByteBuffer request_{&slice_, 1};
  grpc::ByteBuffer response_;
  int responses_ = 0;
  grpc::Status status_;
  absl::Notification done_;
};

class Target {
 public:
  Target() : folder_(tests::FreshFolder("server_fuzz")) {
    tests::WriteLogistic(folder_ / "models", "ctr", "1", -2);
    server::ServerOptions options;
    options.artifact_root = folder_ / "models";
    options.log = folder_ / "log";
    options.models = {"ctr/1"};
    auto started = server::Server::Start(options);
    Require(started.ok(), "the server starts");
    server_ = *std::move(started);
    channel_ = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
    client_ = std::make_unique<client::Client>(server_->address());
    for (const auto* file :
         {vickrey::v1::RunAuctionRequest::descriptor()->file(), vickrey::v1::PredictRequest::descriptor()->file(),
          vickrey::v1::AppendAuctionsRequest::descriptor()->file(),
          vickrey::v1::RegisterModelRequest::descriptor()->file()}) {
      for (int s = 0; s < file->service_count(); ++s) {
        for (int m = 0; m < file->service(s)->method_count(); ++m) {
          methods_.push_back(
              absl::StrCat("/", file->service(s)->full_name(), "/", file->service(s)->method(m)->name()));
        }
      }
    }
  }
  ~Target() {
    server_ = nullptr;
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  void Try(uint8_t which, const std::string& request) {
    const grpc::Status status = Call(methods_[static_cast<uint8_t>(which - '0') % methods_.size()], request);
    Require(status.error_code() != grpc::UNKNOWN, "a call ends with a status of ours");
    // What does not parse is gRPC's to refuse.
    const bool parse = status.error_message().find("arse") != std::string::npos;
    Require(status.error_code() != grpc::INTERNAL || parse, status.error_message().c_str());
    Require(status.error_code() != grpc::DEADLINE_EXCEEDED, "a call ends");
    vickrey::v1::PredictRequest good;
    good.mutable_model()->set_name("ctr");
    good.mutable_model()->set_version("1");
    good.mutable_auction()->set_auction_id("a");
    good.mutable_auction()->add_candidates()->set_ad_id("ad");
    const absl::Status others = client_->Predict(good).status();
    Require(others.ok() || absl::IsNotFound(others), "the server goes on answering");  // an input may delete the model
  }

 private:
  grpc::Status Call(const std::string& method, const std::string& request) const {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    Stream stream(&context, request);
    stub.PrepareBidiStreamingCall(&context, method, {}, &stream);
    return stream.Run();
  }

  const std::filesystem::path folder_;
  std::unique_ptr<server::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<client::Client> client_;
  std::vector<std::string> methods_;
};

}  // namespace
}  // namespace vickrey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static vickrey::fuzz::Target target;
  if (size > 0) target.Try(data[0], std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  return 0;
}
