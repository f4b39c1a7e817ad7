#include <c10/util/Logging.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <string>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "trainer/parallel/links.h"
#include "trainer/parallel/store.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {
namespace {

using torch::CatchTorch;

// gloo's words, without the place in its source before and the advice behind them.
absl::string_view WithoutOrigin(absl::string_view message) {
  const size_t origin_end = message.find("] ", std::min(message.find(".cc:"), message.size()));
  if (origin_end != absl::string_view::npos) message.remove_prefix(origin_end + 2);
  return message.substr(0, message.find(". This is typically caused"));
}

class GlooLinks : public Links {
 public:
  GlooLinks(int rank, c10::intrusive_ptr<c10d::ProcessGroupGloo> group) : rank_(rank), group_(std::move(group)) {}

  absl::Status Exchange(std::string_view operation, const std::vector<at::Tensor>& to,
                        const std::vector<at::Tensor>& from, absl::Time deadline) override {
    // All is under way before the first is waited for.
    std::vector<Pending> pending;
    Start("from", from, &c10d::ProcessGroupGloo::recv, pending);
    Start("to", to, &c10d::ProcessGroupGloo::send, pending);
    // A peer that has lost another one ends, and may be seen to have ended before that one is. So from the first that
    // is lost the others get a moment, that all that are gone are named. Not so after the deadline: then gloo has
    // closed the connections to all.
    constexpr absl::Duration kMoment = absl::Milliseconds(100);
    std::string lost;
    int last_lost = rank_;
    for (Pending& one : pending) {
      if (!lost.empty() && absl::Now() >= deadline) break;
      if (one.status.ok()) one.status = CatchTorch([&] { one.work->wait(MillisecondsUntil(deadline)); });
      if (one.status.ok() || one.peer == last_lost) continue;
      if (!lost.empty() && absl::Now() >= deadline) break;  // only slow
      if (lost.empty()) deadline = std::min(deadline, absl::Now() + kMoment);
      absl::StrAppend(&lost, lost.empty() ? " " : "; ", one.direction, " rank ", one.peer, ": ",
                      WithoutOrigin(one.status.message()));
      last_lost = one.peer;
    }
    return lost.empty() ? absl::OkStatus() : absl::UnavailableError(absl::StrCat(std::string(operation), lost));
  }

 private:
  struct Pending {
    const char* direction;
    int peer;
    c10::intrusive_ptr<c10d::Work> work;  // null if it could not be started
    absl::Status status;
  };
  using Starter = c10::intrusive_ptr<c10d::Work> (c10d::ProcessGroupGloo::*)(std::vector<at::Tensor>&, int, int);

  void Start(const char* direction, const std::vector<at::Tensor>& tensors, Starter starter,
             std::vector<Pending>& pending) {
    // Messages between two ranks arrive in the order in which they were sent: one tag does for all.
    constexpr int kTag = 0;
    for (int peer = 0; peer < static_cast<int>(tensors.size()); ++peer) {
      if (peer == rank_ || !tensors[peer].defined() || tensors[peer].numel() == 0) continue;
      std::vector<at::Tensor> one{tensors[peer]};
      Pending& started = pending.emplace_back(Pending{.direction = direction, .peer = peer});
      started.status = CatchTorch([&] { started.work = (group_.get()->*starter)(one, peer, kTag); });
    }
  }

  const int rank_;
  const c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
};

// The store, for messages.
std::string StoreOf(const Environment& environment) {
  return absl::StrCat("the store at MASTER_ADDR:MASTER_PORT ", environment.address, ":", environment.port,
                      environment.agent_store ? ", which torchrun opens" : ", which rank 0 opens");
}

// The address of this host that packets to MASTER_ADDR leave from: on a network that the peers are on too, and loopback
// where MASTER_ADDR is.
absl::StatusOr<std::string> OwnAddress(const Environment& environment) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(environment.address.c_str(), std::to_string(environment.port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("MASTER_ADDR '", environment.address, "' is not resolved: ", gai_strerror(error)));
  }
  const absl::Cleanup free_found = [found] { freeaddrinfo(found); };
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    const int fd = socket(at->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    const absl::Cleanup close_fd = [fd] { close(fd); };
    sockaddr_storage own;
    socklen_t length = sizeof own;
    char text[INET6_ADDRSTRLEN];
    // Connecting a datagram socket sends nothing; it chooses the route.
    if (connect(fd, at->ai_addr, at->ai_addrlen) == 0 &&
        getsockname(fd, reinterpret_cast<sockaddr*>(&own), &length) == 0 &&
        getnameinfo(reinterpret_cast<sockaddr*>(&own), length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) {
      return text;
    }
  }
  return absl::UnavailableError(absl::StrCat("no route to MASTER_ADDR '", environment.address, "'"));
}

bool IsLoopback(const std::string& address) { return absl::StartsWith(address, "127.") || address == "::1"; }

// The network to listen on for peers, with the address on it; empty where GLOO_SOCKET_IFNAME says which.
struct Device {
  std::string address;
  std::shared_ptr<gloo::transport::Device> device;
};

absl::StatusOr<Device> OpenDevice(const Environment& environment) {
  Device device;
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  if (interface != nullptr && *interface != '\0') {
    absl::Status opened =
        CatchTorch([&] { device.device = c10d::ProcessGroupGloo::createDeviceForInterface(interface); });
    if (!opened.ok()) {
      return base::InvalidField("GLOO_SOCKET_IFNAME",
                                absl::StrCat("'", interface, "' cannot be used: ", opened.message()));
    }
    return device;
  }
  ASSIGN_OR_RETURN(device.address, OwnAddress(environment));
  RETURN_IF_ERROR(CatchTorch([&] { device.device = c10d::ProcessGroupGloo::createDeviceForHostname(device.address); }));
  return device;
}

absl::StatusOr<Store> OpenStore(const Environment& environment, absl::Time deadline) {
  c10d::TCPStoreOptions options;
  options.port = environment.port;
  options.isServer = environment.rank == 0 && !environment.agent_store;
  options.waitWorkers = false;  // that would not say which one is missing
  options.timeout = MillisecondsUntil(deadline);
  auto store = CatchTorch([&]() -> Store {
    // The keys of another start of the group, after which this process may be another rank, stay apart.
    return c10::make_intrusive<c10d::PrefixStore>(absl::StrCat("vickrey/", environment.restart_count),
                                                  c10::make_intrusive<c10d::TCPStore>(environment.address, options));
  });
  if (store.ok()) return store;
  return PeerLost(absl::StrCat("start: ", StoreOf(environment)), store.status());
}

// Waits for each peer to say that it is there.
absl::Status MeetPeers(const Environment& environment, c10d::Store& store, const std::string& address,
                       absl::Time deadline) {
  const auto key = [](int rank) { return absl::StrCat("here/", rank); };
  RETURN_IF_ERROR(PeerLost(absl::StrCat("start: ", StoreOf(environment)),
                           CatchTorch([&] { store.set(key(environment.rank), address); })));
  for (int rank = 0; rank < environment.size; ++rank) {
    if (rank == environment.rank) continue;
    std::string theirs;
    RETURN_IF_ERROR(PeerLost(absl::StrCat("start: rank ", rank, " of ", environment.size, " at ", StoreOf(environment)),
                             CatchTorch([&] {
                               store.wait({key(rank)}, MillisecondsUntil(deadline));
                               theirs = store.get_to_str(key(rank));
                             })));
    // A host whose own name leads to loopback, as Debian sets it up, and is MASTER_ADDR: nobody would get through.
    if (!address.empty() && !theirs.empty() && IsLoopback(address) != IsLoopback(theirs)) {
      return absl::InvalidArgumentError(absl::StrCat("MASTER_ADDR '", environment.address, "' leads rank ", rank,
                                                     " to listen on ", theirs, ", but this rank on ", address,
                                                     ": set GLOO_SOCKET_IFNAME to the network interface to use"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Connections> ConnectNow(const Environment& environment, const at::Device& device, absl::Time deadline) {
  // Of what is returned here as a status c10d also writes a page with stack traces. TORCH_CPP_LOG_LEVEL shows it.
  const int log_level = FLAGS_caffe2_log_level;
  const absl::Cleanup restore = [log_level] { FLAGS_caffe2_log_level = log_level; };
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = c10::GLOG_FATAL;

  ASSIGN_OR_RETURN(const Store store, OpenStore(environment, deadline));
  ASSIGN_OR_RETURN(const Device network, OpenDevice(environment));
  RETURN_IF_ERROR(MeetPeers(environment, *store, network.address, deadline));
  auto group = CatchTorch([&] {
    auto options = c10d::ProcessGroupGloo::Options::create(MillisecondsUntil(deadline));
    options->devices.push_back(network.device);
    options->threads = 1;  // for collective operations of gloo, which are not used
    return c10::make_intrusive<c10d::ProcessGroupGloo>(store, environment.rank, environment.size, options);
  });
  if (!group.ok()) return PeerLost("start: connecting to all other ranks", group.status());
  Connections connections;
  connections.host = std::make_unique<GlooLinks>(environment.rank, *std::move(group));
  if (device.is_cuda()) {
    ASSIGN_OR_RETURN(connections.device, ConnectDevice(environment, store, device, deadline));
  }
  return connections;
}

}  // namespace

std::chrono::milliseconds MillisecondsUntil(absl::Time deadline) {
  return std::chrono::milliseconds(std::max<int64_t>(absl::ToInt64Milliseconds(deadline - absl::Now()), 1));
}

absl::Status PeerLost(const std::string& what, const absl::Status& status) {
  if (status.code() != absl::StatusCode::kInternal) return base::Annotate(status, what);
  return absl::UnavailableError(absl::StrCat(what, ": ", status.message()));
}

#ifndef VICKREY_NCCL
absl::StatusOr<std::unique_ptr<Links>> ConnectDevice(const Environment& /*environment*/, const Store& /*store*/,
                                                     const at::Device& /*device*/, absl::Time /*deadline*/) {
  return nullptr;
}
#endif

absl::StatusOr<Connections> Connect(const Environment& environment, const at::Device& device, absl::Time deadline) {
  // The client of the store keeps to its time limit neither where it tries again to connect, nor where a process that
  // is stopped has taken up the connection. So another thread does it, which then is left behind.
  std::packaged_task<absl::StatusOr<Connections>()> task(
      [environment, device, deadline] { return ConnectNow(environment, device, deadline); });
  std::future<absl::StatusOr<Connections>> connections = task.get_future();
  std::thread(std::move(task)).detach();
  constexpr absl::Duration kGrace = absl::Milliseconds(200);  // for the thread to say in its own words what is missing
  if (connections.wait_until(absl::ToChronoTime(deadline + kGrace)) != std::future_status::ready) {
    return absl::UnavailableError(absl::StrCat("start: ", StoreOf(environment), ", does not answer"));
  }
  return connections.get();
}

}  // namespace vickrey::trainer
