#include "trainer/data/loader.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "trainer/loss/loss.h"
#include "vickrey/base/micros.h"
#include "vickrey/base/permutation.h"
#include "vickrey/base/status.h"
#include "vickrey/torch/exceptions.h"

namespace vickrey::trainer {

int64_t BatchPlan::SizeOf(int64_t step) const {
  const int64_t begin = step % steps_per_epoch() * batch_auctions;
  return std::min(batch_auctions, auctions - begin);
}

std::vector<int64_t> BatchPlan::PlacesOf(int64_t step, int64_t begin, int64_t end) const {
  const int64_t first = step % steps_per_epoch() * batch_auctions;
  const base::Permutation order(auctions, seed, base::StreamId("train.order"),
                                static_cast<uint64_t>(step / steps_per_epoch()));
  std::vector<int64_t> places;
  for (int64_t i = begin; i < end; ++i) places.push_back(order(first + i));
  return places;
}

Loader::Loader(Selection selection, Labels labels, const BatchPlan& plan, const Options& options)
    : selection_(std::move(selection)),
      labels_(std::move(labels)),
      plan_(plan),
      options_(options),
      next_load_(options.first_step),
      next_give_(options.first_step) {
  for (int k = 0; k < options_.threads; ++k) threads_.emplace_back([this] { Run(); });
}

Loader::~Loader() {
  {
    const absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

absl::StatusOr<std::unique_ptr<TrainBatch>> Loader::Next() {
  const absl::MutexLock lock(&mutex_);
  const absl::Time start = absl::Now();
  const auto there = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ready_.contains(next_give_); };
  mutex_.Await(absl::Condition(&there));
  seconds_waited_ += absl::ToDoubleSeconds(absl::Now() - start);
  return std::move(ready_.extract(next_give_++).mapped());
}

void Loader::Recycle(std::unique_ptr<TrainBatch> batch) {
  const absl::MutexLock lock(&mutex_);
  spare_.push_back(std::move(batch));
}

void Loader::Run() {
  for (;;) {
    std::unique_ptr<TrainBatch> batch;
    int64_t step = 0;
    {
      const absl::MutexLock lock(&mutex_);
      const auto work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stopped_ || next_load_ == options_.end_step || next_load_ < next_give_ + options_.depth;
      };
      mutex_.Await(absl::Condition(&work));
      if (stopped_ || next_load_ == options_.end_step) return;
      step = next_load_++;
      if (!spare_.empty()) {
        batch = std::move(spare_.back());
        spare_.pop_back();
      }
    }
    if (batch == nullptr) batch = std::make_unique<TrainBatch>();
    const absl::Status loaded = Load(step, batch.get());
    const absl::MutexLock lock(&mutex_);
    ready_.try_emplace(step, loaded.ok() ? absl::StatusOr<std::unique_ptr<TrainBatch>>(std::move(batch)) : loaded);
  }
}

absl::Status Loader::Load(int64_t step, TrainBatch* batch) const {
  batch->tensors.reset();
  batch->chunk.Clear();
  const int64_t size = plan_.SizeOf(step);
  const int64_t begin = size * options_.rank / options_.ranks, end = size * (options_.rank + 1) / options_.ranks;
  for (const int64_t place : plan_.PlacesOf(step, begin, end)) {
    int64_t number = 0;
    RETURN_IF_ERROR(selection_.Numbers(place, {&number, 1}));
    RETURN_IF_ERROR(selection_.dataset().Read(number, &batch->chunk));
  }
  batch->loss.offsets = batch->chunk.features.offsets;
  batch->loss.bids.clear();
  for (const int64_t micros : batch->chunk.bids_micros)
    batch->loss.bids.push_back(static_cast<double>(micros) / base::kMicro);
  RETURN_IF_ERROR(labels_.Of(batch->chunk, &batch->loss.labels));
  RETURN_IF_ERROR(CheckBatch(batch->loss));
  return torch::CatchTorch([&] { options_.prepare(batch); });
}

}  // namespace vickrey::trainer
