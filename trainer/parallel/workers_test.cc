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
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "trainer/parallel/group_testing.h"
#include "trainer/parallel/shard.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

int OpenSockets() {
  int sockets = 0;
  for (const auto& file : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;  // that of the iterator itself
    sockets += std::filesystem::read_symlink(file, gone).string().starts_with("socket:");
  }
  return sockets;
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

// What the two halves of a sum leave, each element for itself: of the others' shards, and of this rank's.
absl::Status DoShards(Workers& workers) {
  for (const auto& [name, type] : kTypes) {
    for (int64_t n : kSizes) {
      const Shard shard = Shard::Of(n, workers.rank(), workers.size());
      const at::Tensor before = Values(workers.rank(), n, type);
      at::Tensor t = before.clone();
      RETURN_IF_ERROR(workers.ReduceScatter(&t));
      for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, shard.begin}, {shard.end, n}}) {
        if (!t.slice(0, begin, end).equal(before.slice(0, begin, end))) {
          return absl::InternalError("ReduceScatter has changed another rank's shard");
        }
      }
      // Not what they were, that AllGather brings them.
      t.slice(0, 0, shard.begin).zero_();
      t.slice(0, shard.end, n).zero_();
      RETURN_IF_ERROR(workers.AllGather(&t));
      std::printf("%s %ld %s\n", name, n, Bits(t).c_str());
    }
  }
  at::Tensor byte = at::zeros({1}, at::kByte);
  return workers.ReduceScatter(&byte);
}

// What calls count as sent, one number a line.
absl::Status DoTraffic(Workers& workers) {
  at::Tensor t = at::zeros({10});
  const at::Tensor rows = at::zeros({workers.rank(), 2});
  std::vector<at::Tensor> for_rank;
  for (int r = 0; r < workers.size(); ++r) for_rank.push_back(at::zeros({r, 2}));
  const std::function<absl::Status()> calls[] = {[&] { return workers.Barrier(); },
                                                 [&] { return workers.Sum(&t); },
                                                 [&] { return workers.ReduceScatter(&t); },
                                                 [&] { return workers.AllGather(&t); },
                                                 [&] { return workers.Broadcast(&t, 1); },
                                                 [&] { return workers.Gather(rows).status(); },
                                                 [&] { return workers.AllToAll(for_rank).status(); }};
  for (const auto& call : calls) {
    const Workers::Traffic before = workers.traffic();
    RETURN_IF_ERROR(call());
    std::printf("%ld\n", workers.traffic().bytes - before.bytes);
  }
  const absl::Duration before = workers.traffic().time;
  if (workers.rank() == 1) absl::SleepFor(absl::Milliseconds(400));
  RETURN_IF_ERROR(workers.Barrier());
  const absl::Duration waited = workers.traffic().time - before;
  std::printf("%s\n", waited > absl::Milliseconds(300) ? "waited" : "did not wait");
  return absl::OkStatus();
}

// Rank r has 10 r + s, as often as r + s says, for rank s.
absl::Status DoAllToAll(Workers& workers) {
  std::vector<at::Tensor> rows;
  for (int to = 0; to < workers.size(); ++to) {
    // As columns: not in a row.
    rows.push_back(at::full({2, workers.rank() + to}, 10 * workers.rank() + to, at::kLong).t());
  }
  ASSIGN_OR_RETURN(const std::vector<at::Tensor> all, workers.AllToAll(rows));
  for (const at::Tensor& one : all) {
    std::printf("%ldx%ld:", one.size(0), one.size(1));
    for (int64_t i = 0; i < one.numel(); ++i) std::printf(" %ld", one.reshape({-1})[i].item<int64_t>());
    std::printf("\n");
  }
  rows[0] = at::zeros({1, 3}, at::kLong);
  return workers.AllToAll(rows).status();
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
    {"shards", DoShards},   {"traffic", DoTraffic},     {"all to all", DoAllToAll},
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
    EXPECT_TRUE((*workers)->ReduceScatter(&t).ok());
    EXPECT_TRUE((*workers)->AllGather(&t).ok());
    EXPECT_TRUE(t.equal(at::full({2}, 3.0)));
    EXPECT_TRUE((*(*workers)->AllToAll({t}))[0].is_same(t));
    EXPECT_EQ((*workers)->traffic().bytes, 0);
    EXPECT_EQ((*workers)->traffic().time, absl::ZeroDuration());
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

TEST_F(WorkersTest, TheHalvesOfASumMakeItsBits) {
  for (int size : {2, 3}) {
    const std::vector<std::string> outputs = RunGroup("shards", size);
    for (const std::string& output : outputs) EXPECT_EQ(output, outputs[0]) << size;
    const std::string sums = RunGroup("sum", size)[0];
    const std::string error =
        "INVALID_ARGUMENT: ReduceScatter: a tensor of floating point or int64 expected, not Byte\n";
    ASSERT_THAT(outputs[0], EndsWith(error));
    EXPECT_THAT(sums, StartsWith(outputs[0].substr(0, outputs[0].size() - error.size())));
  }
}

TEST(Shards, MakeTheWholeAndDifferByOneElement) {
  for (int64_t n : {0, 1, 2, 5, 1000}) {
    for (int ranks : {1, 2, 3, 7}) {
      int64_t next = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Shard shard = Shard::Of(n, rank, ranks);
        EXPECT_EQ(shard.begin, next);
        EXPECT_GE(shard.size(), n / ranks);
        EXPECT_LE(shard.size(), (n + ranks - 1) / ranks);
        next = shard.end;
      }
      EXPECT_EQ(next, n);
    }
  }
}

TEST_F(WorkersTest, CountsWhatItSendsAndHowLongItWaits) {
  // Of three, of 40 bytes, with seven numbers of eight bytes for each call to each of the two others. Shards are of 3,
  // 3 and 4 floats.
  constexpr int64_t kMeeting = 2 * 7 * 8;
  const std::vector<std::string> outputs = RunGroup("traffic", 3);
  for (int rank = 0; rank < 3; ++rank) {
    const int64_t own = rank == 2 ? 16 : 12;
    const int64_t rows = 8 * rank, for_others = 8 * (0 + 1 + 2 - rank);
    std::string expected;
    for (const int64_t bytes :
         {int64_t{0}, (40 - own) + 2 * own, 40 - own, 2 * own, rank == 1 ? int64_t{2 * 40} : 0, 2 * rows, for_others}) {
      absl::StrAppend(&expected, kMeeting + bytes, "\n");
    }
    EXPECT_EQ(outputs[rank], absl::StrCat(expected, rank == 1 ? "did not wait" : "waited", "\nOK\n")) << rank;
  }
}

TEST_F(WorkersTest, HandsRowsToEachRank) {
  const std::vector<std::string> outputs = RunGroup("all to all", 3);
  const std::string error = "INVALID_ARGUMENT: AllToAll: rows for all ranks of one shape and type expected\n";
  EXPECT_EQ(outputs[0], "0x2:\n1x2: 10 10\n2x2: 20 20 20 20\n" + error);
  EXPECT_EQ(outputs[1], "1x2: 1 1\n2x2: 11 11 11 11\n3x2: 21 21 21 21 21 21\n" + error);
  EXPECT_EQ(outputs[2], "2x2: 2 2 2 2\n3x2: 12 12 12 12 12 12\n4x2: 22 22 22 22 22 22 22 22\n" + error);
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
  std::vector<std::unique_ptr<Process> > group;
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
