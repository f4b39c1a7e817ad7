#include "server/telemetry/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

#include "server/telemetry/series.h"
#include "vickrey/base/build_info.h"

namespace vickrey::server {
namespace {

// When this machine started, in seconds since 1970.
std::optional<double> BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string key; file >> key; file.ignore(1 << 20, '\n')) {
    double time = 0;
    if (key == "btime" && file >> time) return time;
  }
  return std::nullopt;
}

void Gauge(const char* name, const char* help, double value, std::vector<prometheus::MetricFamily>* families) {
  GaugeFamily(name, help).Add({}, value).MoveTo(families);
}

// proc(5): field n of /proc/self/stat counts from 1; those up to the program's name, which may hold anything, are cut.
void CollectStat(std::vector<prometheus::MetricFamily>* families) {
  std::ifstream file("/proc/self/stat");
  std::string line;
  if (!std::getline(file, line) || line.rfind(')') == std::string::npos) return;
  std::istringstream rest(line.substr(line.rfind(')') + 1));
  std::vector<std::string> fields(3);
  for (std::string field; rest >> field;) fields.push_back(field);
  if (fields.size() < 25) return;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  CounterFamily("process_cpu_seconds_total", "Seconds of user and system time.")
      .Add({}, (std::stod(fields[14]) + std::stod(fields[15])) / ticks)
      .MoveTo(families);
  if (const auto boot = BootTime(); boot.has_value()) {
    Gauge("process_start_time_seconds", "When the process started, in seconds since 1970-01-01 UTC.",
          *boot + std::stod(fields[22]) / ticks, families);
  }
  Gauge("process_threads", "Threads.", std::stod(fields[20]), families);
  Gauge("process_virtual_memory_bytes", "Virtual memory.", std::stod(fields[23]), families);
  Gauge("process_resident_memory_bytes", "Resident memory.",
        std::stod(fields[24]) * static_cast<double>(sysconf(_SC_PAGESIZE)), families);
}

}  // namespace

void CollectProcess(std::vector<prometheus::MetricFamily>* families) {
  CollectStat(families);
  std::error_code error;
  int64_t open = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end; it.increment(error)) {
    ++open;
  }
  if (!error) Gauge("process_open_fds", "Open file descriptors.", static_cast<double>(open - 1), families);
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    Gauge("process_max_fds", "The most file descriptors that may be open.", static_cast<double>(limit.rlim_cur),
          families);
  }
  const base::BuildInfo build = base::GetBuildInfo();
  GaugeFamily("vickrey_build_info", "1; the labels say what the build is made of.")
      .Add({{"version", build.version}, {"commit", build.commit}, {"compiler", build.compiler}, {"build", build.build}},
           1)
      .MoveTo(families);
}

}  // namespace vickrey::server
