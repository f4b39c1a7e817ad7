#include "trainer/events/event_writer.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/files.h"

namespace vickrey::trainer {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using vickrey::storage::v1::Event;
using Scalar = EventWriter::Scalar;

// That stock TensorBoard reads the files, checksums included, is seen in tests/e2e/events_test.py. Here the checksums
// are skipped.
std::vector<Event> EventsOf(const fs::path& file) {
  const std::string bytes = base::ReadFile(file).value();
  std::vector<Event> events;
  for (size_t at = 0; at < bytes.size();) {
    uint64_t length = 0;
    for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<unsigned char>(bytes.at(at + i));
    EXPECT_TRUE(events.emplace_back().ParseFromString(bytes.substr(at + 12, length)));
    at += 12 + length + 4;
    EXPECT_LE(at, bytes.size());
  }
  return events;
}

class EventWriterTest : public testing::Test {
 protected:
  EventWriterTest() : folder_(fs::path(testing::TempDir()) / ("event_writer_test-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
  }
  ~EventWriterTest() override { fs::remove_all(folder_); }

  // The names in the folder in the order in which TensorBoard reads them.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  const fs::path folder_;
};

TEST_F(EventWriterTest, WritesWhatTensorBoardExpects) {
  const auto writer = EventWriter::Create(folder_ / "a/b").value();
  EXPECT_THAT(writer->file().filename().string(),
              MatchesRegex("events\\.out\\.tfevents\\.[0-9]{10}\\..+\\.[0-9]+\\.0"));
  const std::vector<Scalar> scalars = {{"loss/train", 0.1}, {"größe", 0}};
  ASSERT_TRUE(writer->Write(3, scalars).ok());
  ASSERT_TRUE(writer->Write(5'000'000'000, std::span(scalars).first(1)).ok());
  const std::vector<Event> events = EventsOf(writer->file());  // while it is open
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0].file_version(), "brain.Event:2");
  EXPECT_EQ(events[1].session_log().status(), storage::v1::SessionLog::START);
  EXPECT_EQ(events[1].step(), 0);
  EXPECT_EQ(events[2].step(), 3);
  ASSERT_EQ(events[2].summary().value_size(), 2);
  EXPECT_EQ(events[2].summary().value(0).tag(), "loss/train");
  EXPECT_EQ(events[2].summary().value(0).simple_value(), 0.1f);
  EXPECT_EQ(events[2].summary().value(1).tag(), "größe");
  EXPECT_TRUE(events[2].summary().value(1).has_simple_value());
  EXPECT_EQ(events[3].step(), 5'000'000'000);
  const double now = static_cast<double>(time(nullptr));
  for (const Event& event : events) EXPECT_NEAR(event.wall_time(), now, 60);
}

TEST_F(EventWriterTest, AResumedRunStartsAfterTheStepThatItHas) {
  EXPECT_EQ(EventsOf(EventWriter::Create(folder_, 120).value()->file()).at(1).step(), 121);
  EXPECT_EQ(EventsOf(EventWriter::Create(folder_, 0).value()->file()).at(1).step(), 1);
}

TEST_F(EventWriterTest, ALaterFileComesLater) {
  std::vector<std::string> made;
  const auto create = [&] { made.push_back(EventWriter::Create(folder_).value()->file().filename()); };
  create();
  create();                                                           // within the second
  made.push_back("events.out.tfevents.4000000000.zebra.99999.7.v2");  // by a clock that was ahead
  std::ofstream(folder_ / made.back()) << "x";
  create();
  EXPECT_EQ(made.back().substr(0, 31), "events.out.tfevents.4000000001.");
  EXPECT_EQ(Names(), made);
}

TEST_F(EventWriterTest, OtherFilesDoNotMatter) {
  fs::create_directory(folder_);
  for (const char* name : {"events.out.tfevents.", "events.out.tfevents.x", "9999999999"})
    std::ofstream(folder_ / name);
  EXPECT_EQ(EventWriter::Create(folder_).value()->file().filename().string().substr(20, 1), "1");
}

TEST_F(EventWriterTest, ATagThatIsNotTextIsRefusedWhole) {
  const auto writer = EventWriter::Create(folder_).value();
  const std::vector<Scalar> scalars = {{"good", 1}, {"bad\xff", 2}};
  EXPECT_TRUE(absl::IsInvalidArgument(writer->Write(1, scalars)));
  EXPECT_EQ(EventsOf(writer->file()).size(), 2u);
}

TEST_F(EventWriterTest, ErrorsNameTheFile) {
  std::ofstream(folder_) << "a file";
  EXPECT_THAT(std::string(EventWriter::Create(folder_).status().message()), HasSubstr(folder_.string()));
  // A folder in which nobody can make a file.
  EXPECT_THAT(std::string(EventWriter::Create("/proc/self").status().message()), HasSubstr("/proc/self/events.out"));
}

TEST_F(EventWriterTest, NoFileIsMadeTwice) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this] {
      for (int k = 0; k < 10; ++k) EXPECT_TRUE(EventWriter::Create(folder_).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Names().size(), 80u);
}

// A limit of the size of files, at which the kernel writes a part, stands in for a full disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_;
};

TEST_F(EventWriterTest, AfterAFailureTheFileIsAsItWasAndGoesOn) {
  const auto writer = EventWriter::Create(folder_).value();
  const std::vector<Scalar> scalars = {{"tag", 1}};
  ASSERT_TRUE(writer->Write(1, scalars).ok());
  const uintmax_t size = fs::file_size(writer->file());
  {
    const FullDisk full(size + 20);
    const absl::Status failed = writer->Write(2, scalars);
    EXPECT_TRUE(absl::IsUnavailable(failed)) << failed;
    EXPECT_THAT(std::string(failed.message()), HasSubstr(writer->file().string()));
    EXPECT_EQ(fs::file_size(writer->file()), size);
  }
  ASSERT_TRUE(writer->Write(3, scalars).ok());
  const std::vector<Event> events = EventsOf(writer->file());
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[3].step(), 3);
}

TEST_F(EventWriterTest, AFileThatCannotBeBegunIsNotThere) {
  {
    const FullDisk full(50);  // within the second record
    EXPECT_FALSE(EventWriter::Create(folder_).ok());
  }
  EXPECT_THAT(Names(), IsEmpty());
}

}  // namespace
}  // namespace vickrey::trainer
