#include "trainer/parallel/group_testing.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace vickrey::trainer {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);  // until a process that has not ended counts as one that hangs

constexpr const char* kVariables[] = {"WORLD_SIZE",
                                      "RANK",
                                      "LOCAL_RANK",
                                      "MASTER_ADDR",
                                      "MASTER_PORT",
                                      "TORCHELASTIC_USE_AGENT_STORE",
                                      "TORCHELASTIC_RESTART_COUNT",
                                      "GLOO_SOCKET_IFNAME"};

}  // namespace

void SetVariables(const Variables& variables) {
  for (const char* name : kVariables) unsetenv(name);
  for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
}

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

Process::Process(const std::string& task, const Variables& variables) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  pid_ = fork();
  if (pid_ == 0) {
    SetVariables(variables);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execl("/proc/self/exe", "worker", task.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  output_ = ends[0];
}

Process::~Process() {
  if (pid_ > 0) Kill();
  close(output_);
}

void Process::Kill() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

std::string Process::Finish() {
  std::string text;
  const absl::Time deadline = absl::Now() + kPatience;
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

Variables Launched(int rank, int size, int port) {
  return {{"WORLD_SIZE", std::to_string(size)},
          {"RANK", std::to_string(rank)},
          {"MASTER_ADDR", "127.0.0.1"},
          {"MASTER_PORT", std::to_string(port)}};
}

std::vector<std::unique_ptr<Process>> Launch(const std::string& task, int size, int started) {
  const int port = FreePort();
  std::vector<std::unique_ptr<Process>> group;
  for (int rank = 0; rank < started; ++rank) {
    group.push_back(std::make_unique<Process>(task, Launched(rank, size, port)));
  }
  return group;
}

std::vector<std::string> RunGroup(const std::string& task, int size) {
  std::vector<std::string> outputs;
  for (const auto& process : Launch(task, size, size)) outputs.push_back(process->Finish());
  return outputs;
}

}  // namespace vickrey::trainer
