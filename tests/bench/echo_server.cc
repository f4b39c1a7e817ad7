// The yardstick of server_bench.py: a server of the same gRPC that does nothing. It takes Predict and RunAuction as
// bytes and answers each with as many as it is told, unread: what the same payload costs without any work.
//
// usage: echo_server [--answer-bytes N]       its line on stdout names the address, as that of `vickrey serve` does
#include <grpcpp/grpcpp.h>
#include <pthread.h>
#include <signal.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "vickrey/base/tool.h"
#include "vickrey/v1/auction_service.grpc.pb.h"
#include "vickrey/v1/lines.pb.h"
#include "vickrey/v1/prediction_service.grpc.pb.h"

namespace vickrey::bench {
namespace {

grpc::ServerUnaryReactor* Echo(const grpc::Slice& answer, grpc::CallbackServerContext* context,
                               grpc::ByteBuffer* response) {
  *response = grpc::ByteBuffer(&answer, 1);
  auto* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

using vickrey::v1::AuctionService;
using vickrey::v1::PredictionService;

class EchoPrediction final : public PredictionService::WithRawCallbackMethod_Predict<PredictionService::Service> {
 public:
  explicit EchoPrediction(const grpc::Slice& answer) : answer_(answer) {}
  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                                    grpc::ByteBuffer* response) override {
    return Echo(answer_, context, response);
  }

 private:
  const grpc::Slice answer_;
};

class EchoAuction final : public AuctionService::WithRawCallbackMethod_RunAuction<AuctionService::Service> {
 public:
  explicit EchoAuction(const grpc::Slice& answer) : answer_(answer) {}
  grpc::ServerUnaryReactor* RunAuction(grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                                       grpc::ByteBuffer* response) override {
    return Echo(answer_, context, response);
  }

 private:
  const grpc::Slice answer_;
};

absl::Status Serve(int answer_bytes, const sigset_t& signals) {
  const grpc::Slice answer(std::string(static_cast<size_t>(answer_bytes), '\0'));
  EchoPrediction prediction(answer);
  EchoAuction auction(answer);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(64 << 20);
  builder.RegisterService(&prediction);
  builder.RegisterService(&auction);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::UnavailableError("cannot listen");
  vickrey::v1::ServingLine line;
  line.set_address(absl::StrCat("127.0.0.1:", port));
  base::WriteLine(line);
  RETURN_IF_ERROR(base::FlushLines());
  int signal = 0;
  sigwait(&signals, &signal);
  server->Shutdown();
  return absl::OkStatus();
}

}  // namespace
}  // namespace vickrey::bench

int main(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  vickrey::base::Tool tool("echo_server", "Answers every call with so many bytes");
  int answer_bytes = 0;
  CLI::App& app =
      tool.SetAction("echo_server --answer-bytes 800", [&] { return vickrey::bench::Serve(answer_bytes, signals); });
  app.add_option("--answer-bytes", answer_bytes, "Size of an answer's message")->check(CLI::Range(0, 1 << 26));
  return tool.Run(argc, argv);
}
