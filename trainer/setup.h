#ifndef TRAINER_SETUP_H_
#define TRAINER_SETUP_H_

#include <ATen/core/Tensor.h>

#include <filesystem>

#include "trainer/parallel/workers.h"

namespace vickrey::trainer {

// Where and with whom a job trains.
struct Setup {
  std::filesystem::path root;  // of artifacts, datasets, labels and runs
  at::Device device = at::kCPU;
  Workers* workers = nullptr;  // not owned

  bool is_main() const { return workers->rank() == 0; }
};

}  // namespace vickrey::trainer

#endif  // TRAINER_SETUP_H_
