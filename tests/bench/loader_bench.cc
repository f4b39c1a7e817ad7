// Batches of a dataset, without a network: what the loader of `vickrey train` can deliver.
//
//   loader_bench FOLDER [BATCH_AUCTIONS [THREADS]]     FOLDER: a dataset, OUT/datasets/KEY of a training job
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "trainer/data/loader.h"

int main(int argc, char** argv) {
  using vickrey::trainer::BatchPlan;
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s FOLDER [BATCH_AUCTIONS]\n", argv[0]);
    return 2;
  }
  const auto dataset = vickrey::trainer::Dataset::Open(argv[1]);
  if (!dataset.ok()) {
    std::fprintf(stderr, "%s\n", std::string(dataset.status().message()).c_str());
    return 2;
  }
  const auto grouping = vickrey::trainer::Grouping::Make(*dataset, 1, 1);
  if (!grouping.ok()) return 3;
  const BatchPlan plan = {.auctions = grouping->Train().auctions(),
                          .batch_auctions = argc > 2 ? std::atoi(argv[2]) : 512};
  const int64_t steps = std::max<int64_t>(200, plan.steps_per_epoch());
  vickrey::trainer::Loader loader(grouping->Train(), vickrey::trainer::Labels::Clicks(), plan,
                                  {.end_step = steps, .threads = argc > 3 ? std::atoi(argv[3]) : 1});
  const auto start = std::chrono::steady_clock::now();
  int64_t candidates = 0;
  for (int64_t step = 0; step < steps; ++step) {
    auto batch = loader.Next();
    if (!batch.ok()) return 3;
    candidates += (*batch)->chunk.candidates();
    loader.Recycle(*std::move(batch));
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("{\"steps\":%lld,\"ms_a_step\":%.4g,\"candidates_per_second\":%.4g}\n", static_cast<long long>(steps),
              1e3 * seconds / static_cast<double>(steps), static_cast<double>(candidates) / seconds);
  return 0;
}
