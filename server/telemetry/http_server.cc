#include "server/telemetry/http_server.h"

#include <CivetServer.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace vickrey::server {
namespace {

// prometheus-cpp's own Exposer uses the same library, but has no place for health.
class Page final : public CivetHandler {
 public:
  struct Answer {
    const char* status;
    const char* type;
    std::string body;
  };
  explicit Page(std::function<Answer()> answer) : answer_(std::move(answer)) {}

  bool handleGet(CivetServer*, mg_connection* connection) override { return Send(connection, /*body=*/true); }
  bool handleHead(CivetServer*, mg_connection* connection) override { return Send(connection, /*body=*/false); }

 private:
  bool Send(mg_connection* connection, bool body) const {
    const Answer answer = answer_();
    mg_printf(connection,
              "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\nConnection: "
              "close\r\n\r\n",
              answer.status, answer.type, answer.body.size());
    if (body) mg_write(connection, answer.body.data(), answer.body.size());
    return true;
  }

  const std::function<Answer()> answer_;
};

class CivetHttpServer final : public HttpServer {
 public:
  // Throws CivetException.
  CivetHttpServer(const std::string& address, Content content)
      : content_(std::move(content)),
        metrics_([this]() -> Page::Answer {
          return {"200 OK", "text/plain; version=0.0.4; charset=utf-8", content_.metrics()};
        }),
        health_([]() -> Page::Answer {
          return {"200 OK", "text/plain", "ok\n"};
        }),
        ready_([this]() -> Page::Answer {
          const absl::Status status = content_.ready();
          if (status.ok()) return {"200 OK", "text/plain", "ok\n"};
          return {"503 Service Unavailable", "text/plain", absl::StrCat(status.message(), "\n")};
        }),
        // A connection holds a thread as long as it is served: those on which nothing comes must not keep a load
        // balancer from its answer.
        server_(std::vector<std::string>{"listening_ports", address, "num_threads", "16", "request_timeout_ms", "2000",
                                         "enable_directory_listing", "no"}) {
    server_.addHandler("/metrics$", metrics_);
    server_.addHandler("/healthz$", health_);
    server_.addHandler("/readyz$", ready_);
  }

  int port() const override { return port_; }
  void set_port() { port_ = server_.getListeningPorts().at(0); }

 private:
  const Content content_;
  Page metrics_, health_, ready_;
  CivetServer server_;  // the last: it ends its threads before the rest goes
  int port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& address, Content content) {
  try {
    auto server = std::make_unique<CivetHttpServer>(address, std::move(content));
    server->set_port();
    return server;
  } catch (const std::exception&) {  // the library's way to say it; it does not say why
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": it is taken, or not an address of this machine"));
  }
}

}  // namespace vickrey::server
