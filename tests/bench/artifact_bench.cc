// What a large model costs on its way to and from disk: seconds and memory, each in a process of its own.
//
// usage: artifact_bench FOLDER [MB=1024] [ARCHITECTURE=mlp|logistic|two_tower|dense] [RUNS=3]
//
// Writes FOLDER/artifact_bench/1, an artifact whose tables make up so many MB (of `dense`, an mlp without tables, its
// layers), loads it, and removes it. `cold` has the file dropped from the page cache first. The parts of a load are
// measured beside it, each on a file in the cache: the sum (SHA-256 of the mapped file), the check that all values are
// finite, and LoadArtifact, which does both. Resident memory is VmRSS of /proc/self/status, its peak VmHWM, both less
// what the process had before.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "vickrey/base/sha256.h"
#include "vickrey/model/artifact.h"
#include "vickrey/model/layout.h"
#include "vickrey/model/model.h"

namespace vickrey {
namespace {

constexpr char kName[] = "artifact_bench";  // of the model, which is removed at the end

constexpr int kFields = 16, kWidth = 16;
constexpr double kMb = 1 << 20;

struct Memory {
  double rss = 0, anonymous = 0, file = 0, peak = 0;  // MB
};

Memory MemoryNow() {
  Memory memory;
  std::ifstream in("/proc/self/status");
  for (std::string name, rest; in >> name && std::getline(in, rest);) {
    const double mb = std::strtod(rest.c_str(), nullptr) / 1024;
    if (name == "VmRSS:") memory.rss = mb;
    if (name == "RssAnon:") memory.anonymous = mb;
    if (name == "RssFile:") memory.file = mb;
    if (name == "VmHWM:") memory.peak = mb;
  }
  return memory;
}

template <typename T>
void Check(const T& result) {
  if (result.ok()) return;
  if constexpr (std::is_same_v<T, absl::Status>) {
    std::fprintf(stderr, "%s\n", result.ToString().c_str());
  } else {
    std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
  }
  _exit(1);
}

double Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void InAProcess(const std::function<void()>& work) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    work();
    std::fflush(stdout);
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) std::exit(1);
}

storage::v1::ModelFile FileOf(double mb, const std::string& architecture) {
  storage::v1::ModelFile file;
  file.set_name(kName);
  file.set_version("1");
  file.mutable_calibration()->set_multiplier(1);
  file.mutable_spec()->set_architecture(architecture == "dense" ? "mlp" : architecture);
  if (architecture == "dense") {
    const auto units = static_cast<int>(std::sqrt(mb * kMb / sizeof(float)));
    for (int layer = 0; layer < 2; ++layer) file.mutable_spec()->add_hidden(units);
    auto& field = *file.mutable_schema()->add_fields();
    field.set_name("x");
    field.set_side(v1::FeatureField::AD);
    field.set_kind(v1::FeatureField::DENSE);
    return file;
  }
  for (int layer = 0; architecture == "mlp" && layer < 2; ++layer) file.mutable_spec()->add_hidden(64);
  if (architecture == "two_tower") file.mutable_spec()->add_hidden(kWidth);
  const int width = architecture == "logistic" ? 1 : kWidth;
  for (int i = 0; i < kFields; ++i) {
    auto& field = *file.mutable_schema()->add_fields();
    field.set_name(absl::StrCat("f", i));
    field.set_side(i % 2 == 0 ? v1::FeatureField::CONTEXT : v1::FeatureField::AD);
    field.set_kind(v1::FeatureField::CATEGORICAL);
    field.set_buckets(static_cast<int64_t>(mb * kMb / sizeof(float) / width / kFields));
    field.set_embedding_width(width);
  }
  return file;
}

void Write(const std::filesystem::path& root, const storage::v1::ModelFile& file) {
  const auto schema = features::Schema::Create(file.schema());
  Check(schema);
  const auto layout = model::MakeLayout(file.spec(), **schema);
  Check(layout);
  model::TensorFile weights;
  for (const auto& spec : layout->tensors) {
    auto& tensor = weights.tensors[spec.name] = {.shape = spec.shape};
    tensor.values.resize(model::CountOf(spec.shape));
    for (size_t i = 0; i < tensor.values.size(); ++i) tensor.values[i] = static_cast<float>(i * 7 % 1001) / 1e4f;
  }
  const Memory before = MemoryNow();
  const double seconds = Seconds([&] { Check(model::WriteArtifact(root, file, model::ViewOf(weights))); });
  std::printf("%-22s %7.2f s   %+6.0f MB beside the weights at most\n", "write and sync", seconds,
              MemoryNow().peak - before.rss);
}

void DropFromCache(const std::filesystem::path& file) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fsync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0) std::perror("drop from cache");
  close(fd);
}

void Measure(const char* what, double mb, const std::function<std::shared_ptr<const void>()>& load) {
  InAProcess([&] {
    const Memory before = MemoryNow();
    std::shared_ptr<const void> loaded;
    const double seconds = Seconds([&] { loaded = load(); });
    const Memory after = MemoryNow();
    std::printf("%-22s %7.2f s %8.2f GB/s   resident %5.2f x weights (anonymous %5.2f, file %5.2f), peak %5.2f x\n",
                what, seconds, mb / 1024 / seconds, (after.rss - before.rss) / mb,
                (after.anonymous - before.anonymous) / mb, (after.file - before.file) / mb,
                (after.peak - before.rss) / mb);
  });
}

int Run(const std::filesystem::path& root, double mb, const std::string& architecture, int runs) {
  const std::filesystem::path folder = root / kName / "1", weights = folder / "weights.safetensors";
  InAProcess([&] { Write(root, FileOf(mb, architecture)); });
  const double size = static_cast<double>(std::filesystem::file_size(weights)) / kMb;
  std::printf("%-22s %7.0f MB, %s\n", "weights", size, architecture.c_str());
  const auto load = [&]() -> std::shared_ptr<const void> {
    auto loaded = model::Model::Load(folder);
    Check(loaded);
    return *loaded;
  };
  for (int run = 0; run < runs; ++run) {
    DropFromCache(weights);
    Measure("Model::Load, cold", size, load);
    Measure("Model::Load, warm", size, load);
    Measure("LoadArtifact, warm", size, [&]() -> std::shared_ptr<const void> {
      auto artifact = model::LoadArtifact(folder);
      Check(artifact);
      return std::make_shared<model::Artifact>(*std::move(artifact));
    });
    Measure("SHA-256, mapped", size, [&]() -> std::shared_ptr<const void> {
      auto mapped = base::MappedFile::Open(weights, size_t{1} << 40);
      Check(mapped);
      base::Sha256Hex((*mapped)->bytes());
      return *mapped;
    });
    InAProcess([&] {
      const auto artifact = model::LoadArtifact(folder);
      Check(artifact);
      const double seconds = Seconds([&] { Check(model::CheckTensors(artifact->layout, artifact->weights)); });
      std::printf("%-22s %7.2f s %8.2f GB/s\n", "all values finite", seconds, size / 1024 / seconds);
    });
  }
  std::filesystem::remove_all(root / kName);
  return 0;
}

}  // namespace
}  // namespace vickrey

int main(int argc, char** argv) {
  double mb = 1024;
  int runs = 3;
  if (argc < 2 || argc > 5 || (argc > 2 && !absl::SimpleAtod(argv[2], &mb)) ||
      (argc > 4 && !absl::SimpleAtoi(argv[4], &runs))) {
    std::fprintf(stderr, "usage: artifact_bench FOLDER [MB=1024] [ARCHITECTURE=mlp] [RUNS=3]\n");
    return 2;
  }
  return vickrey::Run(argv[1], mb, argc > 3 ? argv[3] : "mlp", runs);
}
