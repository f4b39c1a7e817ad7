#include "server/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "server/access.h"
#include "server/services.h"
#include "server/telemetry/http_server.h"
#include "server/telemetry/telemetry.h"
#include "vickrey/base/loopback.h"
#include "vickrey/base/status.h"

namespace vickrey::server {
namespace {

const absl::Duration kLull = absl::Milliseconds(250), kLullWithin = absl::Seconds(1);
constexpr int kStreamsBeyond = 100;  // of a connection: for health watches, where calls are few
constexpr int kKeepaliveMs = 60'000;

// HOST of HOST:PORT, [HOST]:PORT for IPv6, which was given as `flag`.
absl::StatusOr<std::string> HostOf(const std::string& address, const char* flag) {
  const size_t colon = address.rfind(':');
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  if (colon == 0 || port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos ||
      std::stoi(port) > 65535) {
    return base::InvalidField(flag, absl::StrCat("'", address, "' is not HOST:PORT, such as 127.0.0.1:50051"));
  }
  return address.substr(0, colon);
}

class RunningServer final : public Server {
 public:
  RunningServer(const ServerOptions& options, std::unique_ptr<Access> access, Placements placements,
                std::unique_ptr<log::ImpressionLog> log)
      : drain_(options.drain),
        access_(std::move(access)),
        models_wanted_(!options.models.empty()),
        telemetry_(options.call_log),
        gate_(access_.get(), &telemetry_, {.in_flight = options.max_in_flight, .candidates = options.max_candidates}),
        placements_(std::move(placements)),
        registry_(options.artifact_root, &background_, &telemetry_),
        log_(log == nullptr ? nullptr : std::make_unique<LogWriter>(std::move(log), telemetry_.log_observer())),
        prediction_(&gate_, &registry_, &shadow_),
        auction_(&gate_, &registry_, &placements_, &shadow_, log_.get()),
        model_(&gate_, &registry_, &background_, options.max_upload_bytes, options.idle),
        impression_log_(&gate_, log_.get(), options.idle) {}
  ~RunningServer() override { Drain(); }

  // From before models are loaded until calls have drained, so that both can be seen.
  absl::Status ServeMetrics(const std::string& address, const std::string& host) {
    HttpServer::Content content;
    content.metrics = [this] { return telemetry_.Exposition(registry_, log_.get(), Ready().ok()); };
    content.ready = [this] { return Ready(); };
    ASSIGN_OR_RETURN(http_, HttpServer::Start(address, std::move(content)));
    metrics_address_ = absl::StrCat(host, ":", http_->port());
    return absl::OkStatus();
  }

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

  absl::Status Listen(const ServerOptions& options, const std::string& host) {
    std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
    if (options.tls.has_value()) {
      ASSIGN_OR_RETURN(credentials, MakeTls(*options.tls));
    }
    const std::string& address = options.address;
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(address, credentials, &port);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // two servers on one port would share its calls
    // A peer that has vanished without a word is found out, and what its streams hold is freed.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMs / 3);
    builder.SetContextAllocator(gate_.NewContextAllocator());
    // A call that waits in gRPC takes some 100 KB here, one beyond this stays with its client.
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 2 * options.max_in_flight + kStreamsBeyond);
    builder.SetMaxReceiveMessageSize(options.max_request_bytes);
    // What has arrived of messages that are not complete is held before a call is let in, whoever sends it.
    builder.SetResourceQuota(grpc::ResourceQuota("messages").Resize(static_cast<size_t>(options.max_memory)));
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
    listening_ = true;
    telemetry_.call_log().OnEvent(LogLevel::kInfo, "start", absl::StrCat("takes calls on ", address_));
    return absl::OkStatus();
  }

  std::string address() const override { return address_; }
  std::string metrics_address() const override { return metrics_address_; }

  void Drain() override {
    if (server_ == nullptr) return;
    listening_ = false;
    telemetry_.call_log().OnEvent(LogLevel::kInfo, "drain", absl::StrCat(gate_.in_flight(), " calls are under way"));
    server_->GetHealthCheckService()->SetServingStatus(false);
    // gRPC cancels what arrives after Shutdown. So calls that are on their way are refused with UNAVAILABLE first,
    // which sends their callers to another server; those under way are finished.
    const absl::Time end = absl::Now() + std::max(drain_, kLull);
    gate_.Close();
    AwaitLull(std::min(absl::Now() + kLullWithin, end));
    server_->Shutdown(absl::ToChronoTime(end));
    server_->Wait();
    server_ = nullptr;
    telemetry_.call_log().OnEvent(LogLevel::kInfo, "end", "every call is answered");
  }

 private:
  // Until no call has come for a while. A burst takes long to be read on a busy machine, and callers that heed nothing
  // never stop: these are told by the end of their connection, which only Shutdown brings.
  void AwaitLull(absl::Time latest) const {
    int64_t seen = 0;
    do {
      seen = gate_.refused_closed();
      absl::SleepFor(kLull);
    } while ((gate_.refused_closed() != seen || gate_.waiting() > 0) && absl::Now() + kLull <= latest);
  }

  // OK where calls should come here; UNAVAILABLE saying why not.
  absl::Status Ready() const {
    if (!listening_) return absl::UnavailableError("it starts or drains");
    const auto states = registry_.States();
    const bool served = std::any_of(states.begin(), states.end(), [](const auto& version) {
      return version.second == vickrey::v1::ModelInfo::READY;
    });
    return served || !models_wanted_ ? absl::OkStatus() : absl::UnavailableError("no model is ready");
  }

  const absl::Duration drain_;
  const std::unique_ptr<const Access> access_;
  const bool models_wanted_;
  std::atomic<bool> listening_ = false;  // takes calls and does not drain
  Telemetry telemetry_;                  // outlives those that tell it things
  Gate gate_;
  const Placements placements_;
  Background background_;  // frees what the registry held
  Registry registry_;
  Shadow shadow_{&telemetry_};
  const std::unique_ptr<LogWriter> log_;
  PredictionService prediction_;
  AuctionService auction_;
  ModelService model_;
  ImpressionLogService impression_log_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_, metrics_address_;
  std::unique_ptr<HttpServer> http_;  // the last: it looks at the others
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options) {
  ASSIGN_OR_RETURN(const std::string host, HostOf(options.address, "--address"));
  if (!base::IsLoopback(host) && !options.insecure && !options.tls.has_value()) {
    return base::InvalidField(
        "--address", absl::StrCat("'", options.address,
                                  "' can be reached from other machines, and calls are "
                                  "neither encrypted nor authenticated; give --tls-cert and --tls-key, or --insecure"));
  }
  std::string metrics_host;
  if (!options.metrics_address.empty()) {
    ASSIGN_OR_RETURN(metrics_host, HostOf(options.metrics_address, "--metrics-address"));
    if (!base::IsLoopback(metrics_host) && !options.insecure) {
      return base::InvalidField("--metrics-address", absl::StrCat("'", options.metrics_address,
                                                                  "' can be reached from other machines, and whoever "
                                                                  "asks is answered; --insecure allows it"));
    }
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
  if (options.max_memory < 2 * static_cast<int64_t>(options.max_request_bytes)) {
    return base::InvalidField("--max-memory-mib", absl::StrCat(options.max_memory >> 20,
                                                               " is too little for requests of --max-request-mb; it "
                                                               "must hold two of them"));
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
  if (!options.metrics_address.empty()) {
    RETURN_IF_ERROR(server->ServeMetrics(options.metrics_address, metrics_host));
  }
  RETURN_IF_ERROR(server->LoadModels(options.models));
  RETURN_IF_ERROR(server->Listen(options, host));
  return server;
}

}  // namespace vickrey::server
