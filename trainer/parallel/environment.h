// What a launcher (torchrun, a Slurm script, a Kubernetes operator) tells a process of the group that it started.
#ifndef TRAINER_PARALLEL_ENVIRONMENT_H_
#define TRAINER_PARALLEL_ENVIRONMENT_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace vickrey::trainer {

struct Environment {
  int size = 1;               // WORLD_SIZE. Default: 1, and then nothing else is read but LOCAL_RANK
  int rank = 0;               // RANK, below size
  int local_rank = 0;         // LOCAL_RANK, among the processes of this host. Default: 0
  std::string address;        // MASTER_ADDR, where the store is that the processes find each other by
  uint16_t port = 0;          // MASTER_PORT
  bool agent_store = false;   // TORCHELASTIC_USE_AGENT_STORE: torchrun has the store; else rank 0 opens it
  int64_t restart_count = 0;  // TORCHELASTIC_RESTART_COUNT: which start of the group this is, with the same store

  // INVALID_ARGUMENT, with the variable and its value, where one is missing or not what is allowed. One that is empty
  // counts as missing.
  static absl::StatusOr<Environment> Read();
};

}  // namespace vickrey::trainer

#endif  // TRAINER_PARALLEL_ENVIRONMENT_H_
