// Groups of real processes on loopback, for tests: a test program again, with what to do as its argument. Its main() is
//
//   return argc > 1 ? Work(argv[1]) : RUN_ALL_TESTS();
//
// where Work does it as one of the group, prints what came of it, and returns 0.
#ifndef TRAINER_PARALLEL_GROUP_TESTING_H_
#define TRAINER_PARALLEL_GROUP_TESTING_H_

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace vickrey::trainer {

using Variables = std::map<std::string, std::string>;

// Sets those that a launcher sets, and takes away all others of them, so that none of this process's own gets into a
// test.
void SetVariables(const Variables& variables);

// A port of loopback that is free now.
int FreePort();

// One process, which is killed where it has not ended before.
class Process {
 public:
  Process(const std::string& task, const Variables& variables);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Kill();
  // What it printed, once it has ended by itself with exit code 0; else with what became of it behind.
  std::string Finish();

 private:
  pid_t pid_;
  int output_;
};

// What a launcher tells a process.
Variables Launched(int rank, int size, int port);

// `started` processes of a group of `size`.
std::vector<std::unique_ptr<Process>> Launch(const std::string& task, int size, int started);

// What each of a group printed, by rank.
std::vector<std::string> RunGroup(const std::string& task, int size);

}  // namespace vickrey::trainer

#endif  // TRAINER_PARALLEL_GROUP_TESTING_H_
