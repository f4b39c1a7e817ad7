#include "vickrey/base/file_lock.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "gtest/gtest.h"

namespace vickrey::base {
namespace {

TEST(FileLock, OneHoldsItAtATime) {
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / "file_lock_test/new/lock";
  std::filesystem::remove_all(file.parent_path());
  auto first = FileLock::Try(file);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_NE(*first, nullptr);
  EXPECT_EQ(*FileLock::Try(file), nullptr);
  std::thread holder([&] {
    usleep(100'000);
    first->reset();
  });
  EXPECT_NE(*FileLock::Wait(file), nullptr);
  holder.join();
}

TEST(FileLock, IsGivenUpByAProcessThatIsKilled) {
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / "file_lock_test/killed";
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = FileLock::Try(file);
    const char byte = lock.ok() && *lock != nullptr ? '1' : '0';
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, '1');
  EXPECT_EQ(*FileLock::Try(file), nullptr);
  kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_NE(*FileLock::Try(file), nullptr);
}

TEST(FileLock, WhereNoFileCanBe) { EXPECT_FALSE(FileLock::Try("/proc/none/lock").ok()); }

}  // namespace
}  // namespace vickrey::base
