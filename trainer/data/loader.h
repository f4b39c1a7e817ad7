#ifndef TRAINER_DATA_LOADER_H_
#define TRAINER_DATA_LOADER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "trainer/data/grouping.h"
#include "trainer/data/labels.h"
#include "trainer/loss/batch.h"
#include "vickrey/torch/batch_tensors.h"

namespace vickrey::trainer {

// Which auctions of a selection a step trains on: a pure function of (seed, epoch, step), each computed by itself. An
// epoch is an order of all auctions, cut into batches.
struct BatchPlan {
  int64_t auctions = 0;
  int64_t batch_auctions = 1;
  uint64_t seed = 1;

  int64_t steps_per_epoch() const { return (auctions + batch_auctions - 1) / batch_auctions; }
  // How many auctions step `step` (from 0, over all epochs) trains on.
  int64_t SizeOf(int64_t step) const;
  // Places in the selection of a part of them: [begin, end) of 0 .. SizeOf(step).
  std::vector<int64_t> PlacesOf(int64_t step, int64_t begin, int64_t end) const;
};

// What a step reads.
struct TrainBatch {
  std::unique_ptr<torch::BatchTensors> tensors;  // of the chunk, as a network reads it; by whoever prepares it
  Chunk chunk;
  LossBatch loss;
};

// Reads the batches of a run of steps ahead of their use, in threads of its own, a bounded number of them.
//
// Next and Recycle are called by one thread.
class Loader {
 public:
  struct Options {
    int64_t first_step = 0, end_step = 0;  // [first, end)
    int rank = 0, ranks = 1;               // of the batch only this rank's part
    int depth = 4;                         // batches that are read and not yet asked for, at most
    int threads = 1;
    // What is done with a batch in a loader's thread, before it is ready. Thread-safe; may throw as LibTorch does.
    std::function<void(TrainBatch*)> prepare = [](TrainBatch*) {};
  };
  Loader(Selection selection, Labels labels, const BatchPlan& plan, const Options& options);
  // Stops the threads.
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // The next step's batch, waiting for it. INVALID_ARGUMENT naming the auction and the field where a bid or a label is
  // none that can be trained on. REQUIRES: there is a next step.
  absl::StatusOr<std::unique_ptr<TrainBatch>> Next();
  // Gives a batch back, whose memory serves again.
  void Recycle(std::unique_ptr<TrainBatch> batch);
  // Spent waiting in Next, in all.
  double seconds_waited() const { return seconds_waited_; }

 private:
  void Run();
  absl::Status Load(int64_t step, TrainBatch* batch) const;

  const Selection selection_;
  const Labels labels_;
  const BatchPlan plan_;
  const Options options_;
  double seconds_waited_ = 0;

  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t next_load_ ABSL_GUARDED_BY(mutex_);  // the step that a thread reads next
  int64_t next_give_ ABSL_GUARDED_BY(mutex_);  // the step that Next gives next
  std::map<int64_t, absl::StatusOr<std::unique_ptr<TrainBatch>>> ready_ ABSL_GUARDED_BY(mutex_);  // by step
  std::vector<std::unique_ptr<TrainBatch>> spare_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;  // last: they use all of the above
};

}  // namespace vickrey::trainer

#endif  // TRAINER_DATA_LOADER_H_
