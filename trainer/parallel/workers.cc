#include "trainer/parallel/workers.h"

#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <c10/core/ScalarType.h>

#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {

struct Workers::Call {
  enum Operation : int64_t { kSum, kGather, kBroadcast, kBarrier };

  Operation operation;
  int64_t number = 0;    // of the calls of this group before
  int64_t type = 0;      // c10::ScalarType
  int64_t by_host = 1;   // which links the elements take
  int64_t elements = 0;  // of the tensor; of one row where the number of rows may differ
  int64_t from = 0;      // kBroadcast: whose
  int64_t rows = 0;      // kGather: of this rank

  // Whether two ranks may make these calls together.
  bool Fits(const Call& other) const {
    Call same_rows = other;
    same_rows.rows = rows;
    return std::memcmp(this, &same_rows, sizeof *this) == 0;
  }

  std::string ToString() const {
    constexpr std::array kNames = {"Sum", "Gather of rows", "Broadcast", "Barrier"};
    const bool known = operation >= 0 && operation < static_cast<int64_t>(kNames.size());
    std::string text = absl::StrCat("call ", number, ", ", known ? kNames[operation] : "?");
    if (operation == kBarrier) return text;
    absl::StrAppend(&text, " of ", elements, " ", c10::toString(static_cast<c10::ScalarType>(type)),
                    by_host != 0 ? "" : " by NCCL");
    if (operation == kBroadcast) absl::StrAppend(&text, " from rank ", from);
    return text;
  }
};

absl::StatusOr<std::unique_ptr<Workers>> Workers::FromEnvironment(const Options& options) {
  if (options.timeout < absl::Milliseconds(1)) {
    return base::InvalidField("timeout",
                              absl::StrCat("more than 0 expected, not ", absl::FormatDuration(options.timeout)));
  }
  ASSIGN_OR_RETURN(Environment environment, Environment::Read());
  at::Device device = options.device;
  if (device.is_cuda() && !device.has_index()) device.set_index(static_cast<c10::DeviceIndex>(environment.local_rank));
  Connections connections;
  if (environment.size > 1) {
    ASSIGN_OR_RETURN(connections, Connect(environment, device, absl::Now() + options.timeout));
  }
  std::unique_ptr<Workers> workers(
      new Workers(std::move(environment), device, options.timeout, std::move(connections)));
  // Nobody goes on, and perhaps ends, taking the store along, while another is still connecting.
  RETURN_IF_ERROR(base::Annotate(workers->Barrier(), "start"));
  return workers;
}

Workers::Workers(Environment environment, const at::Device& device, absl::Duration timeout, Connections connections)
    : environment_(std::move(environment)), device_(device), timeout_(timeout), connections_(std::move(connections)) {}

absl::Status Workers::Sum(at::Tensor* t) {
  return Run([&](absl::Time deadline) -> absl::Status {
    if (!at::isFloatingType(t->scalar_type()) && t->scalar_type() != at::kLong) {
      return absl::InvalidArgumentError(
          absl::StrCat("Sum: a tensor of floating point or int64 expected, not ", c10::toString(t->scalar_type())));
    }
    return InPlace(t, [&](const at::Tensor& flat, Links& links) -> absl::Status {
      RETURN_IF_ERROR(Meet({.operation = Call::kSum,
                            .type = static_cast<int64_t>(t->scalar_type()),
                            .by_host = flat.is_cpu(),
                            .elements = flat.numel()},
                           deadline));
      // Each rank adds up one part of the elements, in the order of the ranks, and tells all others: as few bytes on
      // the network as a ring, but one order for all elements, and each sum is taken once, so that all have its bits.
      const int64_t n = flat.numel();
      const auto part = [&](int64_t r) { return flat.slice(0, n * r / size(), n * (r + 1) / size()); };
      const at::Tensor own = part(rank());
      std::vector<at::Tensor> parts, theirs;
      for (int r = 0; r < size(); ++r) {
        parts.push_back(part(r));
        theirs.push_back(r == rank() ? own : at::empty({own.numel()}, own.options()));
      }
      RETURN_IF_ERROR(links.Exchange("Sum", parts, theirs, deadline));
      at::Tensor sum = theirs[0].clone();
      for (int r = 1; r < size(); ++r) sum.add_(theirs[r]);
      own.copy_(sum);
      return links.Exchange("Sum", std::vector<at::Tensor>(size(), own), parts, deadline);
    });
  });
}

absl::StatusOr<std::vector<at::Tensor>> Workers::Gather(const at::Tensor& rows) {
  std::vector<at::Tensor> all(size());
  all[rank()] = rows;
  RETURN_IF_ERROR(Run([&](absl::Time deadline) -> absl::Status {
    if (rows.dim() < 1) return absl::InvalidArgumentError("Gather: a tensor of at least one dimension expected");
    const at::Tensor own = rows.detach().contiguous();
    Links* direct = LinksOf(own);
    Links& links = direct != nullptr ? *direct : *connections_.host;
    const at::Tensor sendable = direct != nullptr ? own : own.cpu();
    std::vector<int64_t> shape = rows.sizes().vec();
    int64_t elements = 1;
    for (size_t i = 1; i < shape.size(); ++i) elements *= shape[i];
    ASSIGN_OR_RETURN(const std::vector<Call> calls, Meet({.operation = Call::kGather,
                                                          .type = static_cast<int64_t>(rows.scalar_type()),
                                                          .by_host = sendable.is_cpu(),
                                                          .elements = elements,
                                                          .rows = shape[0]},
                                                         deadline));
    all[rank()] = sendable;
    for (int r = 0; r < size(); ++r) {
      if (r == rank()) continue;
      shape[0] = calls[r].rows;
      all[r] = at::empty(shape, sendable.options());
    }
    RETURN_IF_ERROR(links.Exchange("Gather", std::vector<at::Tensor>(size(), sendable), all, deadline));
    for (at::Tensor& one : all) one = one.to(rows.device());
    all[rank()] = own;
    return absl::OkStatus();
  }));
  return all;
}

absl::Status Workers::Broadcast(at::Tensor* t, int from) {
  return Run([&](absl::Time deadline) -> absl::Status {
    if (from < 0 || from >= size()) {
      return absl::InvalidArgumentError(absl::StrCat("Broadcast: there is no rank ", from, " of ", size()));
    }
    return InPlace(t, [&](const at::Tensor& flat, Links& links) -> absl::Status {
      RETURN_IF_ERROR(Meet({.operation = Call::kBroadcast,
                            .type = static_cast<int64_t>(t->scalar_type()),
                            .by_host = flat.is_cpu(),
                            .elements = flat.numel(),
                            .from = from},
                           deadline));
      std::vector<at::Tensor> to(size()), received(size());
      if (rank() == from) {
        to.assign(size(), flat);
      } else {
        received[from] = flat;
      }
      return links.Exchange("Broadcast", to, received, deadline);
    });
  });
}

absl::Status Workers::Barrier() {
  return Run([&](absl::Time deadline) { return Meet({.operation = Call::kBarrier}, deadline).status(); });
}

absl::StatusOr<std::vector<Workers::Call>> Workers::Meet(const Call& mine, absl::Time deadline) {
  std::vector<Call> calls(size(), mine);
  calls[rank()].number = calls_++;
  const auto message = [] { return at::empty({sizeof(Call) / sizeof(int64_t)}, at::kLong); };
  at::Tensor own = message();
  std::memcpy(own.data_ptr<int64_t>(), &calls[rank()], sizeof(Call));
  std::vector<at::Tensor> theirs;
  for (int r = 0; r < size(); ++r) theirs.push_back(r == rank() ? own : message());
  RETURN_IF_ERROR(
      connections_.host->Exchange(calls[rank()].ToString(), std::vector<at::Tensor>(size(), own), theirs, deadline));
  for (int r = 0; r < size(); ++r) {
    std::memcpy(static_cast<void*>(&calls[r]), theirs[r].data_ptr<int64_t>(), sizeof(Call));
    if (!calls[rank()].Fits(calls[r])) {
      return absl::FailedPreconditionError(absl::StrCat("rank ", r, " is at another call than rank ", rank(), ": ",
                                                        calls[r].ToString(), "; here: ", calls[rank()].ToString()));
    }
  }
  return calls;
}

Links* Workers::LinksOf(const at::Tensor& t) const {
  if (t.is_cpu()) return connections_.host.get();
  return t.device() == device_ ? connections_.device.get() : nullptr;
}

absl::Status Workers::Run(absl::FunctionRef<absl::Status(absl::Time)> f) {
  if (size() == 1) return absl::OkStatus();
  if (!broken_.ok()) return broken_;
  const c10::AutoGradMode no_gradient(false);
  absl::Status done;
  const absl::Status caught = torch::CatchTorch([&] { done = f(absl::Now() + timeout_); });
  broken_ = caught.ok() ? done : caught;
  return broken_;
}

absl::Status Workers::InPlace(at::Tensor* t, absl::FunctionRef<absl::Status(const at::Tensor&, Links&)> f) const {
  at::Tensor flat = t->detach().contiguous().view({-1});
  Links* links = LinksOf(flat);
  if (links == nullptr) {
    flat = flat.cpu();
    links = connections_.host.get();
  }
  RETURN_IF_ERROR(f(flat, *links));
  if (!flat.is_alias_of(*t)) t->detach().copy_(flat.view(t->sizes()));
  return absl::OkStatus();
}

}  // namespace vickrey::trainer
