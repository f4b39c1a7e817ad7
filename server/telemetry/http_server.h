#ifndef SERVER_TELEMETRY_HTTP_SERVER_H_
#define SERVER_TELEMETRY_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vickrey::server {

// What is looked at from outside, over HTTP: GET /metrics, GET /healthz (200 as long as the process answers), GET
// /readyz (200, or 503 with the reason). Nothing else is there. Ends with its destruction.
class HttpServer {
 public:
  // Called on the server's threads.
  struct Content {
    std::function<std::string()> metrics;  // in Prometheus' text format
    std::function<absl::Status()> ready;
  };

  // `address`: HOST:PORT; port 0: a free one. UNAVAILABLE: it is taken, or not one of this machine.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& address, Content content);
  virtual ~HttpServer() = default;

  // The port that it got.
  virtual int port() const = 0;
};

}  // namespace vickrey::server

#endif  // SERVER_TELEMETRY_HTTP_SERVER_H_
