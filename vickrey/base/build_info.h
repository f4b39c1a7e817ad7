#ifndef VICKREY_BASE_BUILD_INFO_H_
#define VICKREY_BASE_BUILD_INFO_H_

#include <string>
#include <utility>
#include <vector>

namespace vickrey::base {

// What this build is made of. Filled in by cmake/BuildInfo.cmake.
struct BuildInfo {
  std::string version;   // of Vickrey
  std::string commit;    // with "+changes" where files differed from it; empty: unknown
  std::string compiler;  // "GNU 12.2.0"
  std::string build;     // "Release", "Debug with address,undefined"
  std::string libtorch;  // "2.13.0+cpu (wheel)": the one record of which LibTorch the build found; empty: none
  std::vector<std::pair<std::string, std::string>> libraries;  // name, version; names of at most 9 characters
};

BuildInfo GetBuildInfo();

}  // namespace vickrey::base

#endif  // VICKREY_BASE_BUILD_INFO_H_
