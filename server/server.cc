#include "server/server.h"

#include <arpa/inet.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <chrono>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "server/access.h"
#include "server/services.h"
#include "vickrey/base/status.h"

namespace vickrey::server {
namespace {

const absl::Duration kLull = absl::Milliseconds(250);
constexpr int kMaxRequestBytes = 64 << 20;

// HOST of HOST:PORT, [HOST]:PORT for IPv6.
absl::StatusOr<std::string> HostOf(const std::string& address) {
  const size_t colon = address.rfind(':');
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  if (colon == 0 || port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos ||
      std::stoi(port) > 65535) {
    return base::InvalidField("--address", absl::StrCat("'", address, "' is not HOST:PORT, such as 127.0.0.1:50051"));
  }
  return address.substr(0, colon);
}

bool IsLoopback(const std::string& host) {
  in_addr address;  // a name that begins with 127. may lead anywhere
  return host == "localhost" || host == "[::1]" ||
         (absl::StartsWith(host, "127.") && inet_pton(AF_INET, host.c_str(), &address) == 1);
}

class RunningServer final : public Server {
 public:
  RunningServer(const ServerOptions& options, std::unique_ptr<Access> access, Placements placements,
                std::unique_ptr<log::ImpressionLog> log)
      : drain_(options.drain),
        access_(std::move(access)),
        gate_(access_.get(), nullptr, options.max_in_flight),
        placements_(std::move(placements)),
        registry_(options.artifact_root, &background_),
        log_(log == nullptr ? nullptr : std::make_unique<LogWriter>(std::move(log))),
        prediction_(&gate_, &registry_, &shadow_),
        auction_(&gate_, &registry_, &placements_, &shadow_, log_.get()),
        model_(&gate_, &registry_, &background_, options.max_upload_bytes),
        impression_log_(&gate_, log_.get()) {}
  ~RunningServer() override { Drain(); }

  absl::Status LoadModels(const std::vector<std::string>& models) {
    registry_.artifacts().RemoveUnfinished();
    for (const std::string& path : models) {
      const auto info = registry_.Register(path);
      RETURN_IF_ERROR(base::AboutField(base::Annotate(info.status(), "--model"), "--model"));
      vickrey::v1::SetModelLabelRequest label;
      label.set_name(info->name());
      label.set_label("stable");
      label.set_version(info->version());
      RETURN_IF_ERROR(registry_.SetLabel(label));
    }
    return absl::OkStatus();
  }

  absl::Status Listen(const std::string& address, const std::string& host) {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // two servers on one port would share its calls
    builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
    // A compressed message of a few megabytes may be gigabytes.
    for (const auto algorithm : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
      builder.SetCompressionAlgorithmSupportStatus(algorithm, false);
    }
    builder.RegisterService(&prediction_);
    builder.RegisterService(&auction_);
    builder.RegisterService(&model_);
    builder.RegisterService(&impression_log_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", address,
                                                 ": it is taken, or not an address of "
                                                 "this machine"));
    }
    address_ = absl::StrCat(host, ":", port);
    return absl::OkStatus();
  }

  std::string address() const override { return address_; }

  void Drain() override {
    if (server_ == nullptr) return;
    server_->GetHealthCheckService()->SetServingStatus(false);
    // gRPC cancels what arrives after Shutdown. So calls that are on their way are refused with UNAVAILABLE first,
    // which sends their callers to another server; those under way are finished.
    gate_.Close();
    absl::SleepFor(kLull);
    server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(drain_));
    server_->Wait();
    server_ = nullptr;
  }

 private:
  const absl::Duration drain_;
  const std::unique_ptr<const Access> access_;
  Gate gate_;
  const Placements placements_;
  Background background_;  // frees what the registry held
  Registry registry_;
  Shadow shadow_;
  const std::unique_ptr<LogWriter> log_;
  PredictionService prediction_;
  AuctionService auction_;
  ModelService model_;
  ImpressionLogService impression_log_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options) {
  ASSIGN_OR_RETURN(const std::string host, HostOf(options.address));
  if (!IsLoopback(host) && !options.insecure) {
    return base::InvalidField("--address", absl::StrCat("'", options.address,
                                                        "' can be reached from other machines, and calls are "
                                                        "neither encrypted nor authenticated; --insecure allows it"));
  }
  if (!std::filesystem::is_directory(options.artifact_root)) {
    return base::InvalidField("--artifact-root",
                              absl::StrCat("'", options.artifact_root.string(), "' is not a folder"));
  }
  std::unique_ptr<log::ImpressionLog> log;
  if (options.log.has_value()) {
    auto opened = log::ImpressionLog::Open(*options.log);
    if (absl::IsInvalidArgument(opened.status())) {
      return base::InvalidField("--log", std::string(absl::StripPrefix(opened.status().message(), "--db: ")));
    }
    ASSIGN_OR_RETURN(log, std::move(opened));
  }
  std::unique_ptr<Access> access;
  if (options.tokens.has_value()) {
    ASSIGN_OR_RETURN(access, Access::Open(*options.tokens));
  }
  Placements placements;
  if (options.placements.has_value()) {
    ASSIGN_OR_RETURN(placements, Placements::Open(*options.placements, options.placements_only));
  } else if (options.placements_only) {
    return base::InvalidField("--placements-only", "needs --placements, or no auction could run");
  }
  auto server = std::make_unique<RunningServer>(options, std::move(access), std::move(placements), std::move(log));
  RETURN_IF_ERROR(server->LoadModels(options.models));
  RETURN_IF_ERROR(server->Listen(options.address, host));
  return server;
}

}  // namespace vickrey::server
