// `vickrey serve`: hosts models, runs auctions, keeps the impression log.
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <map>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "server/server.h"
#include "vickrey/base/limits.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/tool.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::server {
namespace {

struct Flags {
  std::string address = "127.0.0.1:50051";
  std::string artifact_root, log;
  bool insecure = false;
  std::vector<std::string> models;
  std::string tokens, tls_cert, tls_key, tls_client_ca;
  int max_candidates = 1000;
  double max_request_mb = 16;
  int64_t max_memory_mib = 1024;
  double idle_seconds = 60;
  std::string placements;
  bool placements_only = false;
  int64_t max_upload_mib = 16384;
  int max_in_flight = 1000;
  double drain_seconds = 10;
  std::string metrics_address;
  std::string stderr_format = "text", stderr_level = "info";
  bool stderr_calls = false, stderr_shadows = false;
  double slow_call_seconds = 1;
};

// What is not a call's may take so long behind --drain-seconds.
constexpr absl::Duration kGrace = absl::Seconds(2);

const std::map<std::string, LogLevel> kLevels = {
    {"info", LogLevel::kInfo}, {"warning", LogLevel::kWarning}, {"error", LogLevel::kError}, {"off", LogLevel::kOff}};

absl::Status Serve(const Flags& flags, const sigset_t& signals) {
  ServerOptions options{.address = flags.address,
                        .insecure = flags.insecure,
                        .artifact_root = flags.artifact_root,
                        .models = flags.models,
                        .placements_only = flags.placements_only,
                        .max_upload_bytes = flags.max_upload_mib << 20,
                        .max_candidates = flags.max_candidates,
                        .max_request_bytes = static_cast<int>(flags.max_request_mb * (1 << 20)),
                        .max_memory = flags.max_memory_mib << 20,
                        .idle = absl::Seconds(flags.idle_seconds),
                        .max_in_flight = flags.max_in_flight,
                        .drain = absl::Seconds(flags.drain_seconds),
                        .metrics_address = flags.metrics_address,
                        .call_log = {.format = flags.stderr_format == "json" ? LogFormat::kJson : LogFormat::kText,
                                     .level = kLevels.at(flags.stderr_level),
                                     .all_calls = flags.stderr_calls,
                                     .shadows = flags.stderr_shadows,
                                     .slow = absl::Seconds(flags.slow_call_seconds)}};
  if (!flags.tls_cert.empty()) options.tls = {flags.tls_cert, flags.tls_key, flags.tls_client_ca};
  if (!flags.tokens.empty()) options.tokens = flags.tokens;
  if (!flags.placements.empty()) options.placements = flags.placements;
  if (!flags.log.empty()) options.log = flags.log;
  ASSIGN_OR_RETURN(const auto server, Server::Start(options));
  vickrey::v1::ServingLine line;
  line.set_address(server->address());
  for (const std::string& model : flags.models) {
    line.add_models(std::string(model).replace(model.find('/'), 1, "@"));
  }
  if (!flags.log.empty()) line.set_log(flags.log);
  if (!flags.metrics_address.empty()) line.set_metrics_address(server->metrics_address());
  base::WriteLine(line);
  RETURN_IF_ERROR(base::FlushLines());
  int signal = 0;
  sigwait(&signals, &signal);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);  // a second signal ends it at once
  std::thread([at_most = absl::Seconds(flags.drain_seconds) + kGrace] {
    // Reading a large model, say, cannot be cut short. Every record that was answered for is on disk.
    absl::SleepFor(at_most);
    base::Note("the time to drain is over, and something still runs; what was acknowledged is on disk");
    _exit(0);
  }).detach();
  server->Drain();
  return absl::OkStatus();
}

}  // namespace
}  // namespace vickrey::server

int main(int argc, char** argv) {
  // Blocked before any thread is made, so that all of them leave it to sigwait.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  // gRPC's own lines tell of what is told again as an error, in a form that nobody reads by program.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);

  // A listener that finds no descriptor for a connection never accepts again, so take as many as are allowed.
  rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }

  vickrey::base::Tool tool("vickrey-server", "Hosts models, runs auctions, keeps the impression log; SIGTERM drains it",
                           "vickrey serve");
  vickrey::server::Flags flags;
  CLI::App& app = tool.SetAction(
      "mkdir -p /tmp/models && timeout --preserve-status 3 vickrey serve --artifact-root /tmp/models --address "
      "127.0.0.1:0",
      [&] { return vickrey::server::Serve(flags, signals); });
  app.add_option("--address", flags.address, "HOST:PORT; port 0 is a free one, which the line on stdout names");
  app.add_option("--artifact-root", flags.artifact_root, "Models are read from under this folder, NAME/VERSION")
      ->required();
  app.add_option("--model", flags.models, "NAME/VERSION to load at the start, as `stable`; may be repeated")
      ->allow_extra_args(false);
  app.add_option("--log", flags.log, "Keep the impression log in this folder")->default_str("none");
  CLI::Option* const key = app.add_option("--tls-key", flags.tls_key, "The certificate's private key, PEM");
  CLI::Option* const certificate =
      app.add_option("--tls-cert", flags.tls_cert, "Speak TLS with this certificate (chain), PEM")
          ->default_str("no TLS")
          ->needs(key);
  key->needs(certificate);
  app.add_option("--tls-client-ca", flags.tls_client_ca, "Callers must have a certificate of this authority, PEM")
      ->needs(certificate);
  app.add_flag("--insecure", flags.insecure, "Allow an address that other machines can reach, without TLS");
  app.add_option("--tokens", flags.tokens, "Who may call: a file of tokens and their roles, read again when it changes")
      ->default_str("everybody");
  app.add_option("--max-candidates", flags.max_candidates, "Candidates of a request; more are INVALID_ARGUMENT")
      ->check(CLI::Range(1, vickrey::base::kMaxCandidates));
  app.add_option("--max-request-mb", flags.max_request_mb, "MiB of a request; more is RESOURCE_EXHAUSTED")
      ->check(CLI::Range(0.001, 1024.0));
  app.add_option("--max-memory-mib", flags.max_memory_mib,
                 "MiB of messages that arrive or leave, whoever sends them; beyond, streams are ended")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 24));
  app.add_option("--placements", flags.placements, "A file of auction rules that calls can name as their placement")
      ->default_str("none");
  app.add_flag("--placements-only", flags.placements_only, "Refuse calls with auction rules of their own");
  app.add_option("--max-upload-mib", flags.max_upload_mib, "The largest artifact that may be uploaded")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 24));
  app.add_option("--max-in-flight", flags.max_in_flight, "Calls at a time; more are refused with RESOURCE_EXHAUSTED")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--idle-seconds", flags.idle_seconds,
                 "How long an upload may send nothing, and a reader of the log take nothing; then it is ended")
      ->check(CLI::Range(0.1, 86'400.0));
  app.add_option("--drain-seconds", flags.drain_seconds, "How long calls under way may take when it ends")
      ->check(CLI::Range(0.0, 3600.0));
  app.add_option("--metrics-address", flags.metrics_address,
                 "HOST:PORT where HTTP answers /metrics for Prometheus, /healthz and /readyz; port 0 is a free one")
      ->default_str("none");
  app.add_option("--stderr-format", flags.stderr_format, "Of the lines on stderr; json: an object a line")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--stderr-level", flags.stderr_level,
                 "The least that is said there; warning: failed and slow calls, no start, end or changes of models")
      ->check(CLI::IsMember({"info", "warning", "error", "off"}));
  app.add_flag("--stderr-calls", flags.stderr_calls, "A line for every call, and not only for failed and slow ones");
  app.add_flag("--stderr-shadows", flags.stderr_shadows,
               "A line for every auction that a `shadow` predicted, with its pCTRs and those that were answered");
  app.add_option("--slow-call-seconds", flags.slow_call_seconds, "A call that takes longer gets a line on stderr")
      ->check(CLI::Range(0.0, 3600.0));
  return tool.Run(argc, argv);
}
