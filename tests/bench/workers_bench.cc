// How long a group of training processes takes to meet, add up a gradient and gather rows.
//
// usage: workers_bench        two processes on loopback; under a launcher (WORLD_SIZE is set), those that it starts
//
// Prints, on rank 0, the median and the shortest time of each call in milliseconds.
#include <ATen/ops/ones.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "trainer/parallel/workers.h"
#include "vickrey/base/status.h"

namespace {

using vickrey::trainer::Workers;

absl::Status Measure(Workers& workers, const char* name, int repeats, const std::function<absl::Status()>& call) {
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) {
    RETURN_IF_ERROR(workers.Barrier());
    const absl::Time start = absl::Now();
    RETURN_IF_ERROR(call());
    times.push_back(absl::ToDoubleMilliseconds(absl::Now() - start));
  }
  std::sort(times.begin(), times.end());
  if (workers.rank() == 0) std::printf("%-28s %8.3f %8.3f\n", name, times[times.size() / 2], times[0]);
  return absl::OkStatus();
}

absl::Status Run() {
  const absl::Time start = absl::Now();
  ASSIGN_OR_RETURN(const auto workers, Workers::FromEnvironment({}));
  const double met = absl::ToDoubleMilliseconds(absl::Now() - start);
  if (workers->rank() == 0) {
    std::printf("%d processes                  median      min  [ms]\n%-28s %8.3f\n", workers->size(), "start", met);
  }
  RETURN_IF_ERROR(Measure(*workers, "Barrier", 500, [&] { return workers->Barrier(); }));
  for (const auto& [name, numbers] : {std::pair<const char*, int64_t>{"Sum of 1 float", 1},
                                      {"Sum of 1.3 MB of floats", 325'000},
                                      {"Sum of 64 MB of floats", 16'000'000}}) {
    at::Tensor gradient = at::ones({numbers});
    RETURN_IF_ERROR(Measure(*workers, name, numbers > 1'000'000 ? 20 : 200, [&] { return workers->Sum(&gradient); }));
  }
  at::Tensor gradient = at::ones({16'000'000});
  RETURN_IF_ERROR(Measure(*workers, "ReduceScatter of 64 MB", 20, [&] { return workers->ReduceScatter(&gradient); }));
  RETURN_IF_ERROR(Measure(*workers, "AllGather of 64 MB", 20, [&] { return workers->AllGather(&gradient); }));
  const at::Tensor rows = at::ones({100'000, 16});
  RETURN_IF_ERROR(Measure(*workers, "Gather of 100k x 16 floats", 100, [&] { return workers->Gather(rows).status(); }));
  at::Tensor table = at::ones({100'000, 16});
  return Measure(*workers, "Broadcast of 100k x 16", 100, [&] { return workers->Broadcast(&table); });
}

}  // namespace

int main() {
  if (std::getenv("WORLD_SIZE") == nullptr) {
    setenv("WORLD_SIZE", "2", 1);
    setenv("MASTER_ADDR", "127.0.0.1", 1);
    setenv("MASTER_PORT", std::to_string(20000 + getpid() % 10000).c_str(), 1);
    setenv("OMP_NUM_THREADS", "1", 0);  // as torchrun: more threads than cores wait for each other
    for (const char* rank : {"0", "1"}) {
      setenv("RANK", rank, 1);
      if (fork() == 0) {
        execl("/proc/self/exe", "workers_bench", nullptr);
        _exit(127);
      }
    }
    int first = 0, second = 0;
    wait(&first);
    wait(&second);
    return first == 0 && second == 0 ? 0 : 1;
  }
  const absl::Status status = Run();
  if (!status.ok()) std::fprintf(stderr, "workers_bench: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
