// The training loop.
#ifndef TRAINER_FIT_H_
#define TRAINER_FIT_H_

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "trainer/data/grouping.h"
#include "trainer/data/labels.h"
#include "trainer/parallel/workers.h"
#include "vickrey/config/v1/train.pb.h"
#include "vickrey/torch/network.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::trainer {

struct FitOptions {
  std::string name;  // in reports: the model's, or teacher/FOLD
  uint64_t seed = 1;
  vickrey::config::v1::OptimizerConfig optimizer;
  vickrey::config::v1::LossConfig loss;  // finished, base_rate and scale set
  vickrey::config::v1::EvaluationConfig evaluation;
  vickrey::config::v1::CheckpointConfig checkpoint;
  vickrey::config::v1::ParallelConfig parallel;
  bool bfloat16 = false;      // matrix products, on CUDA
  std::filesystem::path run;  // the run's folder, where checkpoints, the best weights and events are kept
  std::string key;            // of the run: a checkpoint with another is none of it
};

// The epoch that was best on the validation set (the last one where that is empty), behind a rank loss's warm phase.
struct Fitted {
  std::filesystem::path weights;  // a file of tensors in the run's folder
  double multiplier = 1;          // of the calibration, by the validation set (MultiplierOf of evaluate.h)
  int epoch = 0;
  vickrey::v1::TrainSpeed speed;
};

// Trains `network`, which has the outputs of the loss, in place, from the run's last checkpoint on if there is one: on
// the CPU the weights come out the same to the bit however often it was interrupted. Steps over whole auctions, in an
// order that is a function of (seed, epoch, step); a fresh optimizer for the phase that begins after the loss's warm
// phase, each with its own schedule of the learning rate. Reports each epoch (EpochLine) on stderr.
//
// All processes of `workers` call it alike: each step's batch is shared among them, and the network is the same in all.
// A checkpoint is one of the whole, whatever parts of it processes have: another number of them, and another
// communication, can go on from it.
//
// CANCELLED when a signal came, with a checkpoint. INTERNAL naming step, batch and last checkpoint where the objective
// is no longer finite, or explodes.
absl::StatusOr<Fitted> Fit(const Selection& train, const Selection& validation, const Labels& labels,
                           const FitOptions& options, Workers* workers, torch::Network* network);

}  // namespace vickrey::trainer

#endif  // TRAINER_FIT_H_
