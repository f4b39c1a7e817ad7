#include "vickrey/base/files.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vickrey::base {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FilesTest : public testing::Test {
 protected:
  FilesTest() : folder_(fs::path(testing::TempDir()) / ("files_test-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~FilesTest() override { fs::remove_all(folder_); }

  // The names in the test's folder, sorted.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  const fs::path folder_;
};

TEST_F(FilesTest, ReadsWhatWasWritten) {
  const std::string contents("a\0b\n", 4);
  ASSERT_TRUE(WriteFileAtomically(folder_ / "f", "old").ok());
  ASSERT_TRUE(WriteFileAtomically(folder_ / "f", contents).ok());
  EXPECT_EQ(ReadFile(folder_ / "f").value(), contents);
  EXPECT_THAT(Names(), ElementsAre("f"));
}

TEST_F(FilesTest, ErrorsNameTheFileAndTheReason) {
  const auto missing = ReadFile(folder_ / "none").status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_THAT(std::string(missing.message()), HasSubstr("none: No such file"));
  EXPECT_TRUE(absl::IsNotFound(WriteFileAtomically(folder_ / "no" / "f", "x")));
  EXPECT_TRUE(absl::IsUnavailable(ReadFile(folder_).status()));
  ASSERT_TRUE(WriteFileAtomically(folder_ / "f", "12345").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(ReadFile(folder_ / "f", 4).status()));
}

TEST_F(FilesTest, AFileIsWrittenAsideAndPublished) {
  ASSERT_TRUE(WriteFileAtomically(folder_ / "f", "old").ok());
  {
    const auto abandoned = FilePublisher::Create(folder_ / "f").value();
    ASSERT_EQ(write(abandoned->fd(), "new", 3), 3);
    EXPECT_EQ(Names().size(), 2u);
  }
  EXPECT_THAT(Names(), ElementsAre("f"));
  const auto publisher = FilePublisher::Create(folder_ / "f").value();
  ASSERT_EQ(write(publisher->fd(), "new", 3), 3);
  EXPECT_EQ(ReadFile(folder_ / "f").value(), "old");
  ASSERT_TRUE(publisher->Publish().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(publisher->Publish()));
  EXPECT_EQ(ReadFile(folder_ / "f").value(), "new");
  EXPECT_THAT(Names(), ElementsAre("f"));
  EXPECT_TRUE(absl::IsNotFound(FilePublisher::Create(folder_ / "no" / "f").status()));
}

TEST_F(FilesTest, AFailedReplacementLeavesNothingBehind) {
  fs::create_directory(folder_ / "d");
  EXPECT_FALSE(WriteFileAtomically(folder_ / "d", "x").ok());
  EXPECT_THAT(Names(), ElementsAre("d"));
}

TEST_F(FilesTest, AFolderBecomesVisibleWhole) {
  auto publisher = FolderPublisher::Create(folder_ / "m" / "1").value();
  fs::create_directory(publisher->path() / "sub");
  std::ofstream(publisher->path() / "sub" / "f") << "x";
  EXPECT_FALSE(fs::exists(folder_ / "m" / "1"));
  ASSERT_TRUE(publisher->Publish().ok());
  EXPECT_EQ(ReadFile(folder_ / "m" / "1" / "sub" / "f").value(), "x");
  EXPECT_TRUE(absl::IsFailedPrecondition(publisher->Publish()));
  publisher.reset();
  EXPECT_TRUE(fs::exists(folder_ / "m" / "1" / "sub" / "f"));
}

TEST_F(FilesTest, LinksInAFolderAreLeftAlone) {
  auto publisher = FolderPublisher::Create(folder_ / "m").value();
  fs::create_symlink("loop", publisher->path() / "loop");
  EXPECT_TRUE(publisher->Publish().ok());
}

TEST_F(FilesTest, AnUnpublishedFolderIsRemoved) {
  auto publisher = FolderPublisher::Create(folder_ / "m/").value();
  std::ofstream(publisher->path() / "f") << "x";
  publisher.reset();
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(FilesTest, WhatIsPublishedIsNeverReplaced) {
  auto first = FolderPublisher::Create(folder_ / "m").value();
  auto second = FolderPublisher::Create(folder_ / "m").value();
  std::ofstream(first->path() / "f") << "first";
  ASSERT_TRUE(first->Publish().ok());
  EXPECT_TRUE(absl::IsAlreadyExists(second->Publish()));
  EXPECT_TRUE(absl::IsAlreadyExists(FolderPublisher::Create(folder_ / "m").status()));
  second.reset();
  EXPECT_EQ(ReadFile(folder_ / "m" / "f").value(), "first");
  EXPECT_THAT(Names(), ElementsAre("m"));
}

TEST_F(FilesTest, TargetsThatNameNoFolderAreRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(FolderPublisher::Create("").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(FolderPublisher::Create("..").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(FolderPublisher::Create("/").status()));
}

// A reader never sees part of a folder, whenever the writer dies.
TEST_F(FilesTest, WhatAKilledPublisherLeftIsRemoved) {
  const auto make = [&](const std::string& name) { std::ofstream(folder_ / name) << "x"; };
  std::filesystem::create_directories(folder_ / ".7.tmp-abcdef" / "below");
  for (const char* name : {".model.tmp-Xy3456", ".tmp-abcdef", ".7.tmp-abcde", "7.tmp-abcdef", "7", ".70.tmp-abcdef"}) {
    make(name);
  }
  RemoveUnpublished(folder_, "7");
  EXPECT_THAT(Names(), testing::UnorderedElementsAre(".model.tmp-Xy3456", ".tmp-abcdef", ".7.tmp-abcde", "7.tmp-abcdef",
                                                     "7", ".70.tmp-abcdef"));
  RemoveUnpublished(folder_);
  EXPECT_THAT(Names(), testing::UnorderedElementsAre(".7.tmp-abcde", "7.tmp-abcdef", "7"));
  RemoveUnpublished(folder_ / "missing");
}

TEST_F(FilesTest, AKilledWriterShowsNothing) {
  for (int round = 0; round < 5; ++round) {
    const fs::path target = folder_ / std::to_string(round);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto publisher = FolderPublisher::Create(target).value();
      for (int i = 0; i < 100; ++i) std::ofstream(publisher->path() / std::to_string(i)) << i;
      if (round % 2 == 0) kill(getpid(), SIGKILL);
      const bool ok = publisher->Publish().ok();
      kill(getpid(), SIGKILL);
      _exit(ok);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    if (round % 2 == 0) {
      EXPECT_FALSE(fs::exists(target));
    } else {
      EXPECT_EQ(std::distance(fs::directory_iterator(target), {}), 100);
    }
  }
}

}  // namespace
}  // namespace vickrey::base
