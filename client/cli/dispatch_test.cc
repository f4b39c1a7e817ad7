#include "client/cli/dispatch.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vickrey::client {
namespace {

using ::testing::HasSubstr;

TEST(Dispatch, FindsVerbsByTheirExactName) {
  EXPECT_EQ(FindVerb("serve")->program, "vickrey-server");
  EXPECT_EQ(FindVerb("eval")->program, "vickrey-eval");
  EXPECT_FALSE(FindVerb("").has_value());
  EXPECT_FALSE(FindVerb("ser").has_value());
  EXPECT_FALSE(FindVerb("../sh").has_value());
}

TEST(Dispatch, NamesAreUniqueAndFitTheHelp) {
  std::set<std::string_view> names;
  for (const Verb& verb : Verbs()) {
    EXPECT_TRUE(names.insert(verb.name).second) << verb.name;
    EXPECT_LT(verb.name.size(), 12u);
  }
}

TEST(Dispatch, HelpSaysWhatIsInstalled) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / ("dispatch_test-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "vickrey-log") << "#!/bin/sh\n";
  std::filesystem::permissions(folder / "vickrey-log", std::filesystem::perms::owner_all);
  const std::string help = HelpText(folder);
  EXPECT_THAT(help, HasSubstr("export from a log\n"));
  EXPECT_THAT(help, HasSubstr("score their welfare (not in this version)\n"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace vickrey::client
