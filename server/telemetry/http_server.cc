#include "server/telemetry/http_server.h"

#include <CivetServer.h>

#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace vickrey::server {
namespace {

// prometheus-cpp's own Exposer uses the same library, but has no place for health. A page is looked for here rather
// than by the library's table of handlers, which can be filled only once it already listens: who asked at once got a
// 404.
class CivetHttpServer final : public HttpServer {
 public:
  // Throws CivetException.
  CivetHttpServer(const std::string& address, Content content)
      : content_(std::move(content)),
        // A connection holds a thread as long as it is served: those on which nothing comes must not keep a load
        // balancer from its answer.
        server_(std::vector<std::string>{"listening_ports", address, "num_threads", "16", "request_timeout_ms", "2000",
                                         "enable_directory_listing", "no"},
                &callbacks_, this) {}

  int port() const override { return port_; }
  void set_port() { port_ = server_.getListeningPorts().at(0); }

 private:
  struct Callbacks : CivetCallbacks {
    Callbacks() { begin_request = &CivetHttpServer::Answer; }
  };
  struct Page {
    const char* status;
    const char* type;
    std::string body;
  };

  Page Metrics() const { return {"200 OK", "text/plain; version=0.0.4; charset=utf-8", content_.metrics()}; }
  static Page Health() { return {"200 OK", "text/plain", "ok\n"}; }
  Page Ready() const {
    const absl::Status status = content_.ready();
    if (status.ok()) return {"200 OK", "text/plain", "ok\n"};
    return {"503 Service Unavailable", "text/plain", absl::StrCat(status.message(), "\n")};
  }

  // 0: the library answers, with an error.
  static int Answer(mg_connection* connection) {
    const auto* const civet = static_cast<const CivetServer*>(mg_get_user_data(mg_get_context(connection)));
    const auto* const self = static_cast<const CivetHttpServer*>(civet->getUserContext());
    const mg_request_info& request = *mg_get_request_info(connection);
    const std::string_view method = request.request_method, path = request.local_uri;
    if (method != "GET" && method != "HEAD") return 0;
    Page page;
    if (path == "/metrics") {
      page = self->Metrics();
    } else if (path == "/healthz") {
      page = Health();
    } else if (path == "/readyz") {
      page = self->Ready();
    } else {
      return 0;
    }
    mg_printf(connection,
              "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\nConnection: "
              "close\r\n\r\n",
              page.status, page.type, page.body.size());
    if (method == "GET") mg_write(connection, page.body.data(), page.body.size());
    return 200;  // for the library's log of access, which is not kept
  }

  const Content content_;
  const Callbacks callbacks_;
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
