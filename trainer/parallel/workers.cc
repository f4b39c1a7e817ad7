#include "trainer/parallel/workers.h"

#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <c10/core/ScalarType.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "trainer/parallel/shard.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {

struct Workers::Call {
  enum Operation : int64_t { kSum, kReduceScatter, kAllGather, kGather, kAllToAll, kBroadcast, kBarrier };

  Operation operation;
  int64_t number = 0;    // of the calls of this group before
  int64_t type = 0;      // c10::ScalarType
  int64_t by_host = 1;   // which links the elements take
  int64_t elements = 0;  // of the tensor; of one row where the number of rows may differ
  int64_t from = 0;      // kBroadcast: whose
  int64_t rows = 0;      // kGather, kAllToAll: for the rank that is told

  const char* Name() const {
    constexpr std::array kNames = {"Sum",       "ReduceScatter", "AllGather", "Gather of rows", "AllToAll of rows",
                                   "Broadcast", "Barrier"};
    const bool known = operation >= 0 && operation < static_cast<int64_t>(kNames.size());
    return known ? kNames[operation] : "?";
  }

  // Whether two ranks may make these calls together.
  bool Fits(const Call& other) const {
    Call same_rows = other;
    same_rows.rows = rows;
    return std::memcmp(this, &same_rows, sizeof *this) == 0;
  }

  std::string ToString() const {
    std::string text = absl::StrCat("call ", number, ", ", Name());
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
  const auto both = [&](const at::Tensor& flat, Links& links, absl::Time deadline) -> absl::Status {
    RETURN_IF_ERROR(AddUpOwn(flat, links, "Sum", deadline));
    return TakeOthers(flat, links, "Sum", deadline);
  };
  return OfShards({.operation = Call::kSum}, t, both);
}

absl::Status Workers::ReduceScatter(at::Tensor* t) {
  const auto add_up = [&](const at::Tensor& flat, Links& links, absl::Time deadline) {
    return AddUpOwn(flat, links, "ReduceScatter", deadline);
  };
  return OfShards({.operation = Call::kReduceScatter}, t, add_up);
}

absl::Status Workers::AllGather(at::Tensor* t) {
  const auto take = [&](const at::Tensor& flat, Links& links, absl::Time deadline) {
    return TakeOthers(flat, links, "AllGather", deadline);
  };
  return OfShards({.operation = Call::kAllGather}, t, take);
}

absl::Status Workers::OfShards(const Call& call, at::Tensor* t,
                               absl::FunctionRef<absl::Status(const at::Tensor&, Links&, absl::Time)> f) {
  return Run(t->device(), [&](absl::Time deadline) -> absl::Status {
    if (!at::isFloatingType(t->scalar_type()) && t->scalar_type() != at::kLong) {
      return absl::InvalidArgumentError(absl::StrCat(
          call.Name(), ": a tensor of floating point or int64 expected, not ", c10::toString(t->scalar_type())));
    }
    return InPlace(t, [&](const at::Tensor& flat, Links& links) -> absl::Status {
      Call mine = call;
      mine.type = static_cast<int64_t>(t->scalar_type());
      mine.by_host = flat.is_cpu();
      mine.elements = flat.numel();
      RETURN_IF_ERROR(Meet(mine, deadline));
      return f(flat, links, deadline);
    });
  });
}

std::vector<at::Tensor> Workers::Shards(const at::Tensor& flat) const {
  std::vector<at::Tensor> shards;
  for (int r = 0; r < size(); ++r) {
    const Shard shard = Shard::Of(flat.numel(), r, size());
    shards.push_back(flat.slice(0, shard.begin, shard.end));
  }
  return shards;
}

// Each rank adds up one shard, in the order of the ranks, and, for Sum, tells all others: as few bytes on the network
// as a ring, but one order for all elements, and each sum is taken once, so that all have its bits.
absl::Status Workers::AddUpOwn(const at::Tensor& flat, Links& links, std::string_view operation, absl::Time deadline) {
  const std::vector<at::Tensor> shards = Shards(flat);
  const at::Tensor& own = shards[rank()];
  std::vector<at::Tensor> theirs;
  for (int r = 0; r < size(); ++r) theirs.push_back(r == rank() ? own : at::empty({own.numel()}, own.options()));
  RETURN_IF_ERROR(Exchange(links, operation, shards, theirs, deadline));
  at::Tensor sum = theirs[0].clone();
  for (int r = 1; r < size(); ++r) sum.add_(theirs[r]);
  own.copy_(sum);
  return absl::OkStatus();
}

absl::Status Workers::TakeOthers(const at::Tensor& flat, Links& links, std::string_view operation,
                                 absl::Time deadline) {
  const std::vector<at::Tensor> shards = Shards(flat);
  return Exchange(links, operation, std::vector<at::Tensor>(size(), shards[rank()]), shards, deadline);
}

absl::StatusOr<std::vector<at::Tensor>> Workers::Gather(const at::Tensor& rows) {
  std::vector<at::Tensor> all(size());
  all[rank()] = rows;
  RETURN_IF_ERROR(Run(rows.device(), [&](absl::Time deadline) -> absl::Status {
    if (rows.dim() < 1) return absl::InvalidArgumentError("Gather: a tensor of at least one dimension expected");
    const at::Tensor own = rows.detach().contiguous();
    const at::Tensor sendable = LinksOf(own) != nullptr ? own : own.cpu();
    RETURN_IF_ERROR(
        ExchangeRows({.operation = Call::kGather}, std::vector<at::Tensor>(size(), sendable), deadline, &all));
    for (at::Tensor& one : all) one = one.to(rows.device());
    all[rank()] = own;
    return absl::OkStatus();
  }));
  return all;
}

absl::StatusOr<std::vector<at::Tensor>> Workers::AllToAll(const std::vector<at::Tensor>& rows) {
  std::vector<at::Tensor> all(size());
  all[rank()] = rows[rank()];
  RETURN_IF_ERROR(Run(rows[0].device(), [&](absl::Time deadline) -> absl::Status {
    std::vector<at::Tensor> to;
    for (const at::Tensor& one : rows) {
      if (one.dim() < 1) return absl::InvalidArgumentError("AllToAll: tensors of at least one dimension expected");
      if (one.sizes().slice(1) != rows[0].sizes().slice(1) || !one.options().type_equal(rows[0].options())) {
        return absl::InvalidArgumentError("AllToAll: rows for all ranks of one shape and type expected");
      }
      const at::Tensor own = one.detach().contiguous();
      to.push_back(LinksOf(own) != nullptr ? own : own.cpu());
    }
    RETURN_IF_ERROR(ExchangeRows({.operation = Call::kAllToAll}, to, deadline, &all));
    for (at::Tensor& one : all) one = one.to(rows[0].device());
    return absl::OkStatus();
  }));
  return all;
}

absl::Status Workers::ExchangeRows(const Call& call, const std::vector<at::Tensor>& to, absl::Time deadline,
                                   std::vector<at::Tensor>* all) {
  std::vector<int64_t> shape = to[rank()].sizes().vec();
  Call mine = call;
  mine.type = static_cast<int64_t>(to[0].scalar_type());
  mine.by_host = to[0].is_cpu();
  mine.elements = 1;
  for (size_t i = 1; i < shape.size(); ++i) mine.elements *= shape[i];
  std::vector<Call> told(size(), mine);
  for (int r = 0; r < size(); ++r) told[r].rows = to[r].size(0);
  ASSIGN_OR_RETURN(const std::vector<Call> calls, Meet(std::move(told), deadline));
  for (int r = 0; r < size(); ++r) {
    shape[0] = calls[r].rows;
    (*all)[r] = r == rank() ? to[r] : at::empty(shape, to[r].options());
  }
  return Exchange(*LinksOf(to[0]), call.Name(), to, *all, deadline);
}

absl::Status Workers::Broadcast(at::Tensor* t, int from) {
  return Run(t->device(), [&](absl::Time deadline) -> absl::Status {
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
      return Exchange(links, "Broadcast", to, received, deadline);
    });
  });
}

absl::Status Workers::Barrier() {
  return Run(at::kCPU, [&](absl::Time deadline) { return Meet(Call{.operation = Call::kBarrier}, deadline).status(); });
}

absl::StatusOr<std::vector<Workers::Call>> Workers::Meet(const Call& mine, absl::Time deadline) {
  return Meet(std::vector<Call>(size(), mine), deadline);
}

absl::StatusOr<std::vector<Workers::Call>> Workers::Meet(std::vector<Call> mine, absl::Time deadline) {
  std::vector<at::Tensor> told, theirs;
  const auto message = [] { return at::empty({sizeof(Call) / sizeof(int64_t)}, at::kLong); };
  for (Call& call : mine) {
    call.number = calls_;
    std::memcpy(told.emplace_back(message()).data_ptr<int64_t>(), &call, sizeof(Call));
    theirs.push_back(message());
  }
  ++calls_;
  const Call own = mine[rank()];
  RETURN_IF_ERROR(Exchange(*connections_.host, own.ToString(), told, theirs, deadline));
  std::vector<Call> calls = std::move(mine);
  for (int r = 0; r < size(); ++r) {
    if (r == rank()) continue;
    std::memcpy(static_cast<void*>(&calls[r]), theirs[r].data_ptr<int64_t>(), sizeof(Call));
    if (!own.Fits(calls[r])) {
      return absl::FailedPreconditionError(absl::StrCat("rank ", r, " is at another call than rank ", rank(), ": ",
                                                        calls[r].ToString(), "; here: ", own.ToString()));
    }
  }
  return calls;
}

absl::Status Workers::Exchange(Links& links, std::string_view operation, const std::vector<at::Tensor>& to,
                               const std::vector<at::Tensor>& from, absl::Time deadline) {
  for (int r = 0; r < size(); ++r) {
    if (r != rank() && to[r].defined()) traffic_.bytes += static_cast<int64_t>(to[r].nbytes());
  }
  return links.Exchange(operation, to, from, deadline);
}

Links* Workers::LinksOf(const at::Tensor& t) const {
  if (t.is_cpu()) return connections_.host.get();
  return t.device() == device_ ? connections_.device.get() : nullptr;
}

absl::Status Workers::Run(const at::Device& device, absl::FunctionRef<absl::Status(absl::Time)> f) {
  if (size() == 1) return absl::OkStatus();
  if (!broken_.ok()) return broken_;
  const c10::AutoGradMode no_gradient(false);
  absl::Status done;
  absl::Time start = absl::Now();
  const absl::Status caught = torch::CatchTorch([&] {
    // What is still being computed there has to be there first, and is no time of the network's.
    if (!device.is_cpu()) c10::impl::VirtualGuardImpl(device.type()).getStream(device).synchronize();
    start = absl::Now();
    done = f(start + timeout_);
  });
  traffic_.time += absl::Now() - start;
  ++traffic_.calls;
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
