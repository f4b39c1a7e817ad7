#ifndef TRAINER_PARALLEL_WORKERS_H_
#define TRAINER_PARALLEL_WORKERS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "trainer/parallel/environment.h"
#include "trainer/parallel/links.h"

namespace vickrey::trainer {

// A group of processes that train one model together, seen from one of them. Not thread-safe. Owns its connections to
// the peers; destruction closes them and waits for nobody.
//
//   1. torchrun, a Slurm script or Kubernetes starts `size` processes, each with its rank in the environment;
//   2. FromEnvironment meets the others and connects to each;
//   3. all call the same methods in the same order, with tensors of the same type and (but for the rows of Gather and
//      AllToAll) the same shape. Each call waits until all have come to it;
//   4. the first error ends it: every later call returns that error again, and the peers get one of their own. Start
//      the group anew, from a checkpoint.
//
// Every result is the same on all ranks, bit for bit, and in every run with that number of processes: sums are taken in
// the order of the ranks. A group of one has no peers and no connections; its calls do nothing.
//
// Calls return INVALID_ARGUMENT for a tensor that cannot be used; FAILED_PRECONDITION, naming the rank, where another
// rank called something else; UNAVAILABLE, naming operation and rank, where a peer has ended, or has not come within
// the timeout: then it is stopped, slow, or its host is gone. After an error the content of tensors is undefined.
//
// Tensors in memory travel by gloo; those on a CUDA device by NCCL where it was built in, else through memory. Nothing
// is encrypted or authenticated, as with all of c10d: the network has to be trusted.
class Workers {
 public:
  struct Options {
    // Whose tensors besides those in memory are used. A CUDA device without index is that of LOCAL_RANK. Default: none.
    at::Device device = at::kCPU;
    // How long the start, and then each call, waits for peers that are not there: longer than the slowest step,
    // evaluation or checkpoint of one rank that the others wait for, else a slow peer passes for a dead one.
    absl::Duration timeout = absl::Minutes(2);
  };

  // By WORLD_SIZE, RANK, MASTER_ADDR, MASTER_PORT, LOCAL_RANK, and of torchrun TORCHELASTIC_USE_AGENT_STORE and
  // TORCHELASTIC_RESTART_COUNT; a group of one where WORLD_SIZE is unset or 1. Peers connect to the address of this
  // host on the network towards MASTER_ADDR, or to that of the interface GLOO_SOCKET_IFNAME. INVALID_ARGUMENT, naming
  // the variable, where one is not what is allowed; UNAVAILABLE where the store or a peer is not reached in time;
  // UNIMPLEMENTED for a group of more than one where LibTorch is without gloo.
  static absl::StatusOr<std::unique_ptr<Workers>> FromEnvironment(const Options& options);

  int rank() const { return environment_.rank; }
  int size() const { return environment_.size; }
  int local_rank() const { return environment_.local_rank; }
  const at::Device& device() const { return device_; }  // that of Options, with its index

  // Replaces *t by the sum over all ranks, in place. Of floating point or int64. It is ReduceScatter and AllGather: of
  // B bytes each of R ranks sends about 2 B (R - 1) / R.
  absl::Status Sum(at::Tensor* t);

  // Replaces the elements of *t that are this rank's shard (Shard::Of) by their sum over all ranks, in place; the
  // others are left as they are. As Sum, to the bit. Each rank sends about B (R - 1) / R bytes. (That of c10d's gloo
  // adds up everything everywhere, which is twice that, in an order of its own; so these are sends and receives, as all
  // calls.)
  absl::Status ReduceScatter(at::Tensor* t);

  // Replaces the elements of *t that are another rank's shard by those which that rank has, in place. Each rank sends
  // about B (R - 1) / R bytes.
  absl::Status AllGather(at::Tensor* t);

  // The rows of each rank, by rank. rows: (any number of rows, the same further dimensions everywhere). The entry of
  // this rank is `rows` itself where that is contiguous.
  absl::StatusOr<std::vector<at::Tensor>> Gather(const at::Tensor& rows);

  // What each rank has for this one, by rank. rows: for each rank (any number of rows, the same further dimensions for
  // all and everywhere), on one device. The entry of this rank is rows[rank()] itself where that is contiguous.
  // REQUIRES: size() entries.
  absl::StatusOr<std::vector<at::Tensor>> AllToAll(const std::vector<at::Tensor>& rows);

  // Replaces *t by that of rank `from`, in place.
  absl::Status Broadcast(at::Tensor* t, int from = 0);

  // Waits until all ranks have come here.
  absl::Status Barrier();

  // What all calls so far came to, of this rank.
  struct Traffic {
    int64_t calls = 0;
    int64_t bytes = 0;    // sent to other ranks, with the few by which they meet, without what the network adds
    absl::Duration time;  // in the calls: for the others to come, for the network, and for adding up
  };
  const Traffic& traffic() const { return traffic_; }

 private:
  struct Call;  // which call this is and with what: what the ranks tell each other first

  Workers(Environment environment, const at::Device& device, absl::Duration timeout, Connections connections);

  // Waits until all ranks have made this call, mine[r] being what rank r is told of it; theirs, by rank.
  absl::StatusOr<std::vector<Call>> Meet(std::vector<Call> mine, absl::Time deadline);
  absl::StatusOr<std::vector<Call>> Meet(const Call& mine, absl::Time deadline);
  // Links::Exchange, counted.
  absl::Status Exchange(Links& links, std::string_view operation, const std::vector<at::Tensor>& to,
                        const std::vector<at::Tensor>& from, absl::Time deadline);
  // The links for a tensor's device; null where it has to go through memory.
  Links* LinksOf(const at::Tensor& t) const;
  // Does `f`, of the deadline, for a tensor on this device, unless there was an error before, and remembers whether
  // there is one now.
  absl::Status Run(const at::Device& device, absl::FunctionRef<absl::Status(absl::Time)> f);
  // Has `f`, of the elements in a row where the links can use them and of these links, change *t in place.
  absl::Status InPlace(at::Tensor* t, absl::FunctionRef<absl::Status(const at::Tensor&, Links&)> f) const;
  // Has `f` change the elements of *t in place, once all have come to this call.
  absl::Status OfShards(const Call& call, at::Tensor* t,
                        absl::FunctionRef<absl::Status(const at::Tensor&, Links&, absl::Time)> f);
  // The elements of each rank's shard of `flat`, as views.
  std::vector<at::Tensor> Shards(const at::Tensor& flat) const;
  // Replaces the shard of this rank by its sum; the others by those of their ranks.
  absl::Status AddUpOwn(const at::Tensor& flat, Links& links, std::string_view operation, absl::Time deadline);
  absl::Status TakeOthers(const at::Tensor& flat, Links& links, std::string_view operation, absl::Time deadline);
  // Meets by `call`, then sends to[r] to each rank, and receives what has its number of rows in `all`, where the entry
  // of this rank is to[rank()]. All of `to` on the host or on device().
  absl::Status ExchangeRows(const Call& call, const std::vector<at::Tensor>& to, absl::Time deadline,
                            std::vector<at::Tensor>* all);

  const Environment environment_;
  const at::Device device_;
  const absl::Duration timeout_;
  const Connections connections_;
  int64_t calls_ = 0;
  Traffic traffic_;
  absl::Status broken_;
};

}  // namespace vickrey::trainer

#endif  // TRAINER_PARALLEL_WORKERS_H_
