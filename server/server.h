#ifndef SERVER_SERVER_H_
#define SERVER_SERVER_H_

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/credentials.h"
#include "server/telemetry/options.h"

namespace vickrey::server {

struct ServerOptions {
  std::string address = "127.0.0.1:0";          // HOST:PORT; port 0: a free one
  std::optional<TlsFiles> tls;                  // Default: neither encrypted nor authenticated
  bool insecure = false;                        // whether that is allowed where other machines reach the address
  std::filesystem::path artifact_root;          // where models are read from
  std::optional<std::filesystem::path> log;     // the log's folder. Default: none
  std::vector<std::string> models;              // NAME/VERSION to load at the start; the last of a name is its `stable`
  std::optional<std::filesystem::path> tokens;  // who may call (access.h). Default: everybody
  std::optional<std::filesystem::path> placements;  // rules by name (placements.h). Default: none
  bool placements_only = false;                     // whether calls with rules of their own are refused
  int64_t max_upload_bytes = int64_t{16} << 30;     // of an artifact; a larger one is refused with RESOURCE_EXHAUSTED
  int max_candidates = 1000;                        // of a request
  int max_request_bytes = 16 << 20;
  int64_t max_memory = int64_t{1} << 30;     // bytes of messages that arrive or leave; streams beyond it are ended
  absl::Duration idle = absl::Seconds(60);   // how long an upload may send nothing, a reader of the log take nothing
  int max_in_flight = 1000;                  // calls; more are refused with RESOURCE_EXHAUSTED
  absl::Duration drain = absl::Seconds(10);  // how long calls under way may take when it ends
  std::string metrics_address;               // HOST:PORT of metrics and health over HTTP. Default: none
  CallLogOptions call_log;                   // what it says on stderr. Default: nothing
};

// A server with all its services, health and reflection:
//   1. Start loads the models and takes calls;
//   2. Drain, once: health says NOT_SERVING, new calls are refused with UNAVAILABLE, calls under way end, the log is
//      synced.
// Not thread-safe.
class Server {
 public:
  // INVALID_ARGUMENT naming the option; FAILED_PRECONDITION for a model that does not pass its checks; UNAVAILABLE
  // where the address is taken or the log is held.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options);
  virtual ~Server() = default;

  // HOST:PORT with the port that it got.
  virtual std::string address() const = 0;
  // The same of the metrics; empty: there are none.
  virtual std::string metrics_address() const = 0;
  virtual void Drain() = 0;
};

}  // namespace vickrey::server

#endif  // SERVER_SERVER_H_
