// The groups are real processes on loopback: this program again, with the name of what to do as its argument.
#include "trainer/parallel/workers.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using Variables = std::map<std::string, std::string>;

// Those that a launcher sets, so that none of this process's own gets into a test.
constexpr const char* kVariables[] = {"WORLD_SIZE",
                                      "RANK",
                                      "LOCAL_RANK",
                                      "MASTER_ADDR",
                                      "MASTER_PORT",
                                      "TORCHELASTIC_USE_AGENT_STORE",
                                      "TORCHELASTIC_RESTART_COUNT",
                                      "GLOO_SOCKET_IFNAME"};

void SetVariables(const Variables& variables) {
  for (const char* name : kVariables) unsetenv(name);
  for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
}

int OpenSockets() {
  int sockets = 0;
  for (const auto& file : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;  // that of the iterator itself
    sockets += std::filesystem::read_symlink(file, gone).string().starts_with("socket:");
  }
  return sockets;
}

// A port of loopback that is free now.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const bool found = bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                     getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  close(fd);
  EXPECT_TRUE(found);
  return ntohs(address.sin_port);
}

// ---- What a worker does, and prints. Its last line is its status.

constexpr absl::Duration kTimeout = absl::Milliseconds(1500);  // of those that wait in vain

// A value of element i on `rank`: of many magnitudes, so that the order of a sum shows in its bits.
double Value(int rank, int64_t i) {
  base::RandomStream random(7, base::StreamId("workers_test"), 1000 * rank + i);
  return random.Normal() * std::exp2(20 * random.Uniform());
}

at::Tensor Values(int rank, int64_t n, at::ScalarType type) {
  at::Tensor values = at::empty({n}, at::kDouble);
  for (int64_t i = 0; i < n; ++i) values.data_ptr<double>()[i] = Value(rank, i);
  return values.to(type);
}

std::string Bits(const at::Tensor& t) {
  const at::Tensor flat = t.contiguous();
  return absl::BytesToHexString(
      std::string(static_cast<const char*>(flat.data_ptr()), flat.numel() * flat.element_size()));
}

constexpr std::pair<const char*, at::ScalarType> kTypes[] = {{"float", at::kFloat},
                                                             {"double", at::kDouble},
                                                             {"half", at::kHalf},
                                                             {"bfloat16", at::kBFloat16},
                                                             {"int64", at::kLong}};
constexpr int64_t kSizes[] = {0, 1, 2, 5, 1000};

absl::Status DoSum(Workers& workers) {
  for (const auto& [name, type] : kTypes) {
    for (int64_t n : kSizes) {
      at::Tensor t = Values(workers.rank(), n, type);
      const at::Tensor alias = t;
      RETURN_IF_ERROR(workers.Sum(&t));
      if (!alias.is_same(t)) return absl::InternalError("not in place");
      std::printf("%s %ld %s\n", name, n, Bits(t).c_str());
    }
  }
  // One whose elements are not in a row, and one of no dimension that has a gradient.
  at::Tensor columns = at::arange(6, at::kFloat).view({2, 3}).t();
  at::Tensor parameter = at::full({}, 2.5, at::kFloat).requires_grad_();
  RETURN_IF_ERROR(workers.Sum(&columns));
  RETURN_IF_ERROR(workers.Sum(&parameter));
  for (int i = 0; i < 6; ++i) std::printf("%g ", columns[i / 2][i % 2].item<float>());
  std::printf("%g\n", parameter.item<float>());
  at::Tensor byte = at::zeros({1}, at::kByte);
  return workers.Sum(&byte);
}

// Rank r has 3, 0, 4, 1, ... rows.
int64_t RowsOf(int rank) { return (3 + 2 * rank) % 5; }

absl::Status DoGather(Workers& workers) {
  const int64_t rows = RowsOf(workers.rank());
  const at::Tensor flat = at::arange(2 * rows, at::kFloat).add_(100 * workers.rank());
  // As columns: not in a row.
  ASSIGN_OR_RETURN(const std::vector<at::Tensor> all, workers.Gather(flat.view({2, rows}).t()));
  for (const at::Tensor& one : all) {
    std::printf("%ldx%ld:", one.size(0), one.size(1));
    for (int64_t i = 0; i < one.numel(); ++i) std::printf(" %g", one.reshape({-1})[i].item<float>());
    std::printf("\n");
  }
  ASSIGN_OR_RETURN(const std::vector<at::Tensor> none, workers.Gather(at::empty({0}, at::kLong)));
  for (const at::Tensor& one : none) std::printf("%ld\n", one.numel());
  return workers.Gather(at::full({}, 1)).status();
}

absl::Status DoBroadcast(Workers& workers) {
  for (int from = 0; from < workers.size(); ++from) {
    at::Tensor t = Values(workers.rank(), 5, at::kFloat);
    RETURN_IF_ERROR(workers.Broadcast(&t, from));
    std::printf("%s\n", Bits(t).c_str());
  }
  at::Tensor t = at::zeros({1});
  return workers.Broadcast(&t, workers.size());
}

absl::Status DoBarrier(Workers& workers) {
  const absl::Time start = absl::Now();
  if (workers.rank() == 1) absl::SleepFor(absl::Milliseconds(400));
  RETURN_IF_ERROR(workers.Barrier());
  std::printf("%s\n", absl::Now() - start > absl::Milliseconds(300) ? "waited" : "did not wait");
  return absl::OkStatus();
}

absl::Status DoNothing(Workers& /*workers*/) { return absl::OkStatus(); }

// The last rank is gone, in this way, before the second sum.
absl::Status LoseLast(Workers& workers, int signal) {
  at::Tensor t = at::zeros({10});
  RETURN_IF_ERROR(workers.Sum(&t));
  if (workers.rank() == workers.size() - 1) kill(getpid(), signal);
  const absl::Status lost = workers.Sum(&t);
  const absl::Time start = absl::Now();
  const absl::Status again = workers.Barrier();
  std::printf("%s\n", again == lost && absl::Now() - start < absl::Milliseconds(100) ? "same again" : "another error");
  return lost;
}
absl::Status DoKilled(Workers& workers) { return LoseLast(workers, SIGKILL); }
absl::Status DoStopped(Workers& workers) { return LoseLast(workers, SIGSTOP); }

absl::Status DoDifferent(Workers& workers) {
  if (workers.rank() == 0) return workers.Barrier();
  at::Tensor t = at::zeros({3});
  return workers.Sum(&t);
}
absl::Status DoDifferentLengths(Workers& workers) {
  at::Tensor t = at::zeros({3 + workers.rank()});
  return workers.Sum(&t);
}

constexpr std::pair<const char*, absl::Status (*)(Workers&)> kTasks[] = {
    {"sum", DoSum},         {"gather", DoGather},       {"broadcast", DoBroadcast},
    {"barrier", DoBarrier}, {"nothing", DoNothing},     {"killed", DoKilled},
    {"stopped", DoStopped}, {"different", DoDifferent}, {"different lengths", DoDifferentLengths}};

int Work(std::string_view task) {
  const absl::Time start = absl::Now();
  absl::Status status = absl::NotFoundError("no such task");
  for (const auto& [name, work] : kTasks) {
    if (task != name) continue;
    const auto workers = Workers::FromEnvironment({.timeout = kTimeout});
    status = workers.ok() ? work(**workers) : workers.status();
  }  // they are destroyed here
  const bool in_time = absl::Now() - start < kTimeout + absl::Seconds(1);
  std::printf("%s%s\n", status.ToString().c_str(), in_time ? "" : " TOO LATE");
  return 0;
}

// ---- Processes.

class Process {
 public:
  Process(const char* task, const Variables& variables) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    pid_ = fork();
    if (pid_ == 0) {
      SetVariables(variables);
      dup2(ends[1], STDOUT_FILENO);
      close(ends[0]);
      close(ends[1]);
      execl("/proc/self/exe", "workers_test", task, nullptr);
      _exit(127);
    }
    close(ends[1]);
    output_ = ends[0];
  }
  ~Process() {
    if (pid_ > 0) Kill();
    close(output_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Kill() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  // What it printed, once it has ended by itself with exit code 0.
  std::string Finish() {
    std::string text;
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (true) {
      pollfd ready = {.fd = output_, .events = POLLIN, .revents = 0};
      char buffer[4096];
      if (poll(&ready, 1, static_cast<int>(absl::ToInt64Milliseconds(deadline - absl::Now()))) <= 0) {
        return text + "(does not end)";
      }
      const ssize_t n = read(output_, buffer, sizeof buffer);
      if (n <= 0) break;
      text.append(buffer, n);
    }
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return text;
    return absl::StrCat(text, "(wait status ", status, ")");
  }

 private:
  pid_t pid_;
  int output_;
};

Variables Launched(int rank, int size, int port) {
  return {{"WORLD_SIZE", std::to_string(size)},
          {"RANK", std::to_string(rank)},
          {"MASTER_ADDR", "127.0.0.1"},
          {"MASTER_PORT", std::to_string(port)}};
}

// `started` processes of a group of `size`.
std::vector<std::unique_ptr<Process>> Launch(const char* task, int size, int started) {
  const int port = FreePort();
  std::vector<std::unique_ptr<Process>> group;
  for (int rank = 0; rank < started; ++rank) {
    group.push_back(std::make_unique<Process>(task, Launched(rank, size, port)));
  }
  return group;
}

std::vector<std::string> RunGroup(const char* task, int size) {
  std::vector<std::string> outputs;
  for (const auto& process : Launch(task, size, size)) outputs.push_back(process->Finish());
  return outputs;
}

// ---- The tests.

class WorkersTest : public ::testing::Test {
 protected:
  WorkersTest() { SetVariables({}); }
};

TEST_F(WorkersTest, AGroupOfOneDoesNothing) {
  const int sockets = OpenSockets();
  for (const Variables& variables : {Variables{}, Variables{{"WORLD_SIZE", "1"}, {"LOCAL_RANK", "3"}}}) {
    SetVariables(variables);
    auto workers = Workers::FromEnvironment({});
    ASSERT_TRUE(workers.ok()) << workers.status();
    EXPECT_EQ((*workers)->rank(), 0);
    EXPECT_EQ((*workers)->size(), 1);
    EXPECT_EQ((*workers)->local_rank(), variables.empty() ? 0 : 3);
    at::Tensor t = at::full({2}, 3.0);
    EXPECT_TRUE((*workers)->Sum(&t).ok());
    EXPECT_TRUE((*workers)->Broadcast(&t).ok());
    EXPECT_TRUE((*workers)->Barrier().ok());
    EXPECT_TRUE(t.equal(at::full({2}, 3.0)));
    const auto rows = (*workers)->Gather(t);
    ASSERT_TRUE(rows.ok());
    ASSERT_EQ(rows->size(), 1);
    EXPECT_TRUE((*rows)[0].is_same(t));
    EXPECT_EQ(OpenSockets(), sockets);
  }
}

TEST_F(WorkersTest, TheDeviceOfLocalRank) {
  SetVariables({{"LOCAL_RANK", "3"}});
  EXPECT_EQ((*Workers::FromEnvironment({.device = at::kCUDA}))->device(), at::Device(at::kCUDA, 3));
  EXPECT_EQ((*Workers::FromEnvironment({.device = at::Device(at::kCUDA, 1)}))->device(), at::Device(at::kCUDA, 1));
  EXPECT_EQ((*Workers::FromEnvironment({}))->device(), at::Device(at::kCPU));
}

TEST_F(WorkersTest, WhatTheEnvironmentMustBe) {
  struct Case {
    const char* variable;
    const char* value;  // nullptr: not set
    const char* message;
  };
  constexpr Case kCases[] = {
      {"WORLD_SIZE", "0", "from 1 to 4096"},
      {"WORLD_SIZE", "4097", "from 1 to 4096"},
      {"WORLD_SIZE", "two", "'two'"},
      {"RANK", nullptr, "not set"},
      {"RANK", "", "not set"},
      {"RANK", "2", "from 0 to 1 expected in the environment, not '2'"},
      {"RANK", "-1", "'-1'"},
      {"LOCAL_RANK", "1.5", "'1.5'"},
      {"MASTER_ADDR", nullptr, "not set"},
      {"MASTER_PORT", nullptr, "not set"},
      {"MASTER_PORT", "0", "from 1 to 65535"},
      {"MASTER_PORT", "65536", "from 1 to 65535"},
      {"MASTER_PORT", "http", "'http'"},
      {"TORCHELASTIC_USE_AGENT_STORE", "yes", "True or False expected in the environment, not 'yes'"},
      {"TORCHELASTIC_RESTART_COUNT", "-1", "'-1'"},
  };
  for (const Case& bad : kCases) {
    Variables variables = Launched(0, 2, 29500);
    variables.erase(bad.variable);
    if (bad.value != nullptr) variables[bad.variable] = bad.value;
    SetVariables(variables);
    const absl::Status status = Workers::FromEnvironment({}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), AllOf(StartsWith(bad.variable), HasSubstr(bad.message)));
    EXPECT_EQ(base::FieldOf(status), bad.variable);
  }
  SetVariables({});
  EXPECT_EQ(base::FieldOf(Workers::FromEnvironment({.timeout = absl::ZeroDuration()}).status()), "timeout");
}

#ifdef VICKREY_WITHOUT_GLOO
TEST_F(WorkersTest, NoGroupWithoutGloo) {
  SetVariables(Launched(0, 2, 29500));
  const absl::Status status = Workers::FromEnvironment({}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("WORLD_SIZE is 2"));
}
#else

// Sums in the order of the ranks, taken one by one.
template <typename T>
std::string BitsOfSum(int size, int64_t n) {
  std::vector<T> sums(n);
  for (int64_t i = 0; i < n; ++i) {
    for (int rank = 0; rank < size; ++rank) {
      const T value = static_cast<T>(Value(rank, i));
      sums[i] = rank == 0 ? value : sums[i] + value;
    }
  }
  return absl::BytesToHexString(std::string(reinterpret_cast<const char*>(sums.data()), n * sizeof(T)));
}

TEST_F(WorkersTest, SumsHaveTheSameBitsEverywhere) {
  for (int size : {2, 3}) {
    const std::vector<std::string> outputs = RunGroup("sum", size);
    for (const std::string& output : outputs) EXPECT_EQ(output, outputs[0]) << size;
    for (int64_t n : kSizes) {
      EXPECT_THAT(outputs[0], HasSubstr(absl::StrCat("float ", n, " ", BitsOfSum<float>(size, n), "\n")));
      EXPECT_THAT(outputs[0], HasSubstr(absl::StrCat("double ", n, " ", BitsOfSum<double>(size, n), "\n")));
      EXPECT_THAT(outputs[0], HasSubstr(absl::StrCat("int64 ", n, " ", BitsOfSum<int64_t>(size, n), "\n")));
      EXPECT_THAT(outputs[0], HasSubstr(absl::StrCat("\nhalf ", n, " ")));
      EXPECT_THAT(outputs[0], HasSubstr(absl::StrCat("\nbfloat16 ", n, " ")));
    }
    // arange(6) as two columns of three, times the number of ranks, and 2.5 times it.
    EXPECT_THAT(outputs[0], HasSubstr(size == 2 ? "\n0 6 2 8 4 10 5\n" : "\n0 9 3 12 6 15 7.5\n"));
    EXPECT_THAT(outputs[0], HasSubstr("INVALID_ARGUMENT: Sum: a tensor of floating point or int64 expected, not Byte"));
  }
}

TEST_F(WorkersTest, GathersUnequalLengths) {
  // Columns (0 1 2) and (3 4 5); nothing; ...; with 100 times the rank.
  const std::string error = "INVALID_ARGUMENT: Gather: a tensor of at least one dimension expected\n";
  EXPECT_THAT(RunGroup("gather", 4),
              ::testing::Each("3x2: 0 3 1 4 2 5\n0x2:\n2x2: 200 202 201 203\n4x2: 300 304 301 305 302 306 303 307\n"
                              "0\n0\n0\n0\n" +
                              error));
}

TEST_F(WorkersTest, BroadcastsFromEachRank) {
  std::string expected;
  for (int rank = 0; rank < 3; ++rank) absl::StrAppend(&expected, Bits(Values(rank, 5, at::kFloat)), "\n");
  EXPECT_THAT(RunGroup("broadcast", 3),
              ::testing::Each(expected + "INVALID_ARGUMENT: Broadcast: there is no rank 3 of 3\n"));
}

TEST_F(WorkersTest, ABarrierWaitsForAll) { EXPECT_THAT(RunGroup("barrier", 3), ::testing::Each("waited\nOK\n")); }

TEST_F(WorkersTest, AKilledPeer) {
  const auto group = Launch("killed", 3, 3);
  for (int rank : {0, 1}) {
    EXPECT_THAT(group[rank]->Finish(),
                AllOf(StartsWith("same again\nUNAVAILABLE: "), HasSubstr("Sum"), HasSubstr("rank 2"),
                      Not(HasSubstr("TOO LATE")), Not(HasSubstr("Timed out"))))
        << rank;
  }
}

TEST_F(WorkersTest, AStoppedPeer) {
  const auto group = Launch("stopped", 3, 3);
  for (int rank : {0, 1}) {
    EXPECT_THAT(group[rank]->Finish(), AllOf(StartsWith("same again\nUNAVAILABLE: "), HasSubstr("Sum"),
                                             HasSubstr("rank 2"), Not(HasSubstr("TOO LATE"))))
        << rank;
  }
}

TEST_F(WorkersTest, AMissingPeer) {
  for (const auto& process : Launch("nothing", 3, 2)) {
    EXPECT_THAT(process->Finish(),
                AllOf(StartsWith("UNAVAILABLE: start: "), HasSubstr("rank 2 of 3"), Not(HasSubstr("TOO LATE"))));
  }
}

TEST_F(WorkersTest, AMissingStore) {
  const int port = FreePort();
  Process alone("nothing", Launched(1, 2, port));
  EXPECT_THAT(alone.Finish(),
              AllOf(StartsWith("UNAVAILABLE: start: "), HasSubstr(absl::StrCat("127.0.0.1:", port, ", which rank 0")),
                    Not(HasSubstr("TOO LATE"))));
}

TEST_F(WorkersTest, AStoreThatDoesNotAnswer) {
  // Connections are taken up by the kernel, as those to a process that is stopped.
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int port = FreePort();
  address.sin_port = htons(port);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(fd, 8), 0);
  Process alone("nothing", Launched(1, 2, port));
  EXPECT_THAT(alone.Finish(),
              AllOf(StartsWith("UNAVAILABLE: start: "), HasSubstr(absl::StrCat("127.0.0.1:", port, ", which rank 0")),
                    Not(HasSubstr("TOO LATE"))));
  close(fd);
}

TEST_F(WorkersTest, AnInterfaceThatDoesNotExist) {
  Variables variables = Launched(0, 2, FreePort());
  variables["GLOO_SOCKET_IFNAME"] = "nonesuch0";
  Process process("nothing", variables);
  EXPECT_THAT(process.Finish(), StartsWith("INVALID_ARGUMENT: GLOO_SOCKET_IFNAME: 'nonesuch0' cannot be used"));
}

TEST_F(WorkersTest, AnInterfaceByName) {
  const int port = FreePort();
  std::vector<std::unique_ptr<Process>> group;
  for (int rank = 0; rank < 2; ++rank) {
    Variables variables = Launched(rank, 2, port);
    variables["GLOO_SOCKET_IFNAME"] = "lo";
    group.push_back(std::make_unique<Process>("nothing", variables));
  }
  for (const auto& process : group) EXPECT_EQ(process->Finish(), "OK\n");
}

TEST_F(WorkersTest, RanksAtDifferentCalls) {
  std::vector<std::string> outputs = RunGroup("different", 2);
  EXPECT_EQ(
      outputs[0],
      "FAILED_PRECONDITION: rank 1 is at another call than rank 0: call 1, Sum of 3 Float; here: call 1, Barrier\n");
  EXPECT_EQ(
      outputs[1],
      "FAILED_PRECONDITION: rank 0 is at another call than rank 1: call 1, Barrier; here: call 1, Sum of 3 Float\n");
  outputs = RunGroup("different lengths", 2);
  EXPECT_THAT(outputs[0], HasSubstr("Sum of 4 Float; here: call 1, Sum of 3 Float"));
}

#endif  // VICKREY_WITHOUT_GLOO

}  // namespace
}  // namespace vickrey::trainer

int main(int argc, char** argv) {
  ::testing::InitGoogleMock(&argc, argv);
  return argc > 1 ? vickrey::trainer::Work(argv[1]) : RUN_ALL_TESTS();
}
