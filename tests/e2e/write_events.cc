// Writes an event file, which events_test.py reads with TensorBoard: one event for each line "STEP TAG VALUE ..." of
// stdin, answered by a line with the file's name once it is written.
//
// usage: write_events FOLDER [RESUMED_AT_STEP]
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "trainer/events/event_writer.h"

using vickrey::trainer::EventWriter;

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) return 2;
  const auto writer = EventWriter::Create(argv[1], argc == 3 ? std::optional(std::atoll(argv[2])) : std::nullopt);
  if (!writer.ok()) {
    std::fprintf(stderr, "%s\n", std::string(writer.status().message()).c_str());
    return 1;
  }
  for (std::string text; std::getline(std::cin, text);) {
    std::istringstream line(text);
    int64_t step = 0;
    line >> step;
    std::vector<EventWriter::Scalar> scalars;
    for (std::string tag, value; line >> tag >> value;) scalars.push_back({tag, std::strtod(value.c_str(), nullptr)});
    if (!(*writer)->Write(step, scalars).ok()) return 1;
    std::cout << (*writer)->file().string() << std::endl;
  }
  return 0;
}
