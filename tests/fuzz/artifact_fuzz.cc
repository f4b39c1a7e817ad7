// model::LoadArtifact and model::Model::Load, behind the sums. Two bytes say how long model.json is; it comes next, the
// rest is weights.safetensors. With the sums that go with them they are a folder in memory. It is refused, or it
// predicts an auction whose features are all missing, and a changed byte of either file is DATA_LOSS.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "tests/fuzz/fuzzing.h"
#include "vickrey/base/sha256.h"
#include "vickrey/model/artifact.h"
#include "vickrey/model/model.h"

namespace vickrey::fuzz {
namespace {

namespace fs = std::filesystem;

// A folder of this process, removed at its end.
class Folder {
 public:
  Folder() {
    std::error_code error;
    const fs::path below = fs::is_directory("/dev/shm", error) ? fs::path("/dev/shm") : fs::temp_directory_path();
    std::string made = (below / "artifact_fuzz-XXXXXX").string();
    Require(mkdtemp(made.data()) != nullptr, "a folder can be made");
    path_ = made;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  // A new file each time: the one before may be mapped.
  void Write(const char* name, std::string_view bytes) const {
    std::error_code ignored;
    fs::remove(path_ / name, ignored);
    std::ofstream file(path_ / name, std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    Require(file.flush().good(), "a file can be written");
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void RequirePredicts(const model::Model& model) {
  vickrey::v1::Auction auction;
  auction.add_candidates();
  auction.add_candidates();
  const auto prediction = model.Predict(auction, "");
  Require(prediction.ok(), "a model that was warmed up predicts");
  Require(prediction->logits.size() == 2 && prediction->pctr.size() == 2, "a prediction is of every candidate");
  for (const double pctr : prediction->pctr) Require(pctr >= 0 && pctr <= 1, "a probability is one");
  Require(prediction->logits[0] == prediction->logits[1], "equal candidates have equal logits");
}

}  // namespace
}  // namespace vickrey::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vickrey::fuzz;
  static const Folder folder;
  Input input(data, size);
  const std::string_view model = input.Take(input.Number());
  const std::string_view weights = input.rest();
  folder.Write("model.json", model);
  folder.Write("weights.safetensors", weights);
  folder.Write("SHA256SUMS", vickrey::base::Sha256Hex(model) + "  model.json\n" + vickrey::base::Sha256Hex(weights) +
                                 "  weights.safetensors\n");
  const auto loaded = vickrey::model::Model::Load(folder.path());
  if (loaded.ok()) RequirePredicts(**loaded);
  const absl::Status& status = loaded.status();
  Require(
      status.ok() || absl::IsDataLoss(status) || absl::IsUnimplemented(status) || absl::IsFailedPrecondition(status),
      "an artifact is good, damaged, of a later version or fails its warm-up");
  for (const auto& [name, bytes] : {std::pair("model.json", model), std::pair("weights.safetensors", weights)}) {
    if (!loaded.ok() || bytes.empty()) continue;
    std::string changed(bytes);
    changed[size * 31 % bytes.size()] ^= 1;
    folder.Write(name, changed);
    Require(absl::IsDataLoss(vickrey::model::LoadArtifact(folder.path()).status()), "damage is seen");
    folder.Write(name, bytes);
  }
  return 0;
}
