// The yardstick of imports: reads a tab-separated file by lines and splits them, and prints rows and seconds. `views`
// makes no copies, `texts` a std::string of each value, as a general CSV reader does.
//
//   split_lines views|texts FILE
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"

namespace {

template <typename Value>
size_t Split(std::ifstream& in, size_t* rows) {
  std::string line;
  size_t values = 0;
  for (; std::getline(in, line); ++*rows) {
    const std::vector<Value> split = absl::StrSplit(line, '\t');
    values += split.size();
  }
  return values;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: split_lines views|texts FILE\n");
    return 2;
  }
  std::ifstream in(argv[2]);
  if (!in) {
    std::fprintf(stderr, "cannot open %s\n", argv[2]);
    return 2;
  }
  const auto start = std::chrono::steady_clock::now();
  size_t rows = 0;
  const size_t values =
      std::string_view(argv[1]) == "views" ? Split<absl::string_view>(in, &rows) : Split<std::string>(in, &rows);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("{\"rows\":%zu,\"values\":%zu,\"seconds\":%.6f}\n", rows, values, seconds.count());
  return 0;
}
