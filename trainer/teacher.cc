#include "trainer/teacher.h"

#include <ATen/ops/from_blob.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "trainer/evaluate.h"
#include "trainer/exchange.h"
#include "trainer/export.h"
#include "trainer/fit.h"
#include "trainer/run/run_folder.h"
#include "vickrey/base/config.h"
#include "vickrey/base/file_lock.h"
#include "vickrey/base/files.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/json.h"
#include "vickrey/base/mapped_file.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/random.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"
#include "vickrey/model/tensors.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::LossConfig;
using vickrey::config::v1::TrainConfig;

constexpr char kFile[] = "labels.safetensors";
constexpr char kTensor[] = "teacher";
constexpr char kWeights[] = "weights.safetensors";
constexpr int kKeyDigits = 12;
constexpr int64_t kPiece = 1 << 18;  // labels that are in memory at a time
constexpr absl::Duration kTell = absl::Milliseconds(200);
constexpr int kLabelFormat = 3;  // part of the key: raise it where labels come out otherwise than before

// What a fold's teacher minimises: the log loss of clicks.
LossConfig TeacherLoss() {
  LossConfig loss;
  loss.set_loss("logloss");
  base::FinishConfig("teacher", &loss).IgnoreError();  // nothing in it can be wrong
  return loss;
}

std::string KeyOf(const TrainConfig& config, const Dataset& data, const std::string& snapshot_id, const Setup& setup) {
  const bool zero1 = setup.workers->size() > 1 && config.parallel().communication() == "zero1";
  const std::string text =
      absl::StrCat(kLabelFormat, "\n", config.seed(), "\n", config.threads(), "\n", setup.workers->size(),
                   setup.device.is_cpu() ? "" : "cuda", zero1 ? "zero1" : "", "\n", config.precision(), "\n",
                   base::ToJson(config.teacher()), "\n", base::ToJson(config.data()), "\n",
                   base::ToJson(config.evaluation()), "\n", base::ToJson(data.schema()->proto()), "\n", snapshot_id);
  return base::Sha256Hex(text).substr(0, kKeyDigits);
}

// Mean squared error of labels against clicks where these are known.
class Brier {
 public:
  void Add(double label, float click) {
    if (std::isnan(click)) return;
    sum_ += (label - click) * (label - click);
    ++count_;
  }
  double Mean() const { return count_ > 0 ? sum_ / static_cast<double>(count_) : 0; }

 private:
  double sum_ = 0;
  int64_t count_ = 0;
};

// A float for each candidate, in a file without a name, so that a process that ends leaves nothing.
class Scratch {
 public:
  static absl::StatusOr<Scratch> Create(const std::filesystem::path& folder, int64_t candidates) {
    RETURN_IF_ERROR(base::MakeFolders(folder));
    std::string name = (folder / ".labels-XXXXXX").string();
    const int fd = mkstemp(name.data());
    if (fd < 0) return base::FileError("make", name);
    unlink(name.c_str());
    Scratch scratch(fd, name);
    if (ftruncate(fd, candidates * static_cast<int64_t>(sizeof(float))) != 0) return base::FileError("write", name);
    return scratch;
  }
  Scratch(Scratch&& other) noexcept : fd_(std::exchange(other.fd_, -1)), name_(std::move(other.name_)) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() {
    if (fd_ >= 0) close(fd_);
  }

  absl::Status Read(int64_t first, std::span<float> values) const {
    std::span<std::byte> left = std::as_writable_bytes(values);
    for (off_t offset = Offset(first); !left.empty();) {
      const ssize_t got = pread(fd_, left.data(), left.size(), offset);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return base::FileError("read", name_);
      if (got == 0) return absl::DataLossError(absl::StrCat(name_, " ends early"));
      left = left.subspan(static_cast<size_t>(got));
      offset += got;
    }
    return absl::OkStatus();
  }
  absl::Status Write(int64_t first, std::span<const float> values) const {
    return base::WriteAt(fd_, Offset(first), {reinterpret_cast<const char*>(values.data()), values.size_bytes()},
                         name_);
  }

 private:
  Scratch(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  static off_t Offset(int64_t first) { return first * static_cast<off_t>(sizeof(float)); }

  int fd_;
  std::string name_;
};

class Teacher {
 public:
  Teacher(const TrainConfig& config, const Grouping& data, std::string snapshot_id, const Setup& setup)
      : config_(config), data_(data), dataset_(data.dataset()), snapshot_id_(std::move(snapshot_id)), setup_(setup) {
    report_.set_name(absl::StrCat("teacher-", KeyOf(config, dataset_, snapshot_id_, setup)));
    report_.set_folds(data.folds());
    folder_ = setup.root / "labels" / report_.name() / snapshot_id_;
    report_.set_labels((folder_ / kFile).string());
  }

  absl::StatusOr<TeacherLabels> Label() {
    // One job at a time: the others find what it has made.
    std::unique_ptr<base::FileLock> lock;
    RETURN_IF_ERROR(WhileOthersWait("take the lock of the teacher", [&]() -> absl::Status {
      const std::filesystem::path file = setup_.root / "runs" / report_.name() / "lock";
      ASSIGN_OR_RETURN(lock, base::FileLock::Wait(file, [this] { return Tell(State::kUnderWay).status(); }));
      RemoveLeftovers();
      return absl::OkStatus();
    }));
    std::vector<double> there = {HasLabels() ? 1.0 : 0.0};
    RETURN_IF_ERROR(TakeFromMain(&there, setup_.workers));
    if (there[0] > 0) {
      report_.set_reused(true);
    } else {
      ASSIGN_OR_RETURN(const std::string digests, Train());
      RETURN_IF_ERROR(WhileOthersWait("write the teacher's labels", [&] { return LabelAll(digests); }));
    }
    return Read();
  }

 private:
  bool HasLabels() const {
    std::error_code error;
    return std::filesystem::exists(folder_ / kFile, error);
  }

  // What publishers that were killed left; the lock is held.
  void RemoveLeftovers() const {
    base::RemoveUnpublished(folder_.parent_path(), folder_.filename().string());
    base::RemoveUnpublished(setup_.root / report_.name());
  }

  // How far rank 0 is with what the others wait for: it tells them now and then, so that they know it alive. All hear
  // where one of them was interrupted, and end alike.
  enum class State { kUnderWay = 0, kDone = 1, kFailed = 2 };

  absl::StatusOr<State> Tell(State own) {
    const absl::Status interrupt = base::CheckInterrupt();
    double numbers[] = {setup_.is_main() ? static_cast<double>(own) : 0, interrupt.ok() ? 0.0 : 1.0};
    at::Tensor shared = at::from_blob(numbers, {2}, at::kDouble);
    RETURN_IF_ERROR(setup_.workers->Sum(&shared));
    last_told_ = absl::Now();
    end_told_ = numbers[1] > 0 || numbers[0] != 0;
    RETURN_IF_ERROR(interrupt);
    if (numbers[1] > 0) return absl::CancelledError("interrupted: another process of this job got a signal");
    return static_cast<State>(static_cast<int>(numbers[0]));
  }

  absl::Status TellNowAndThen() {
    return absl::Now() - last_told_ > kTell ? Tell(State::kUnderWay).status() : absl::OkStatus();
  }

  // Rank 0 does `f`, which tells now and then; its error where it fails.
  absl::Status WhileOthersWait(const std::string& what, absl::FunctionRef<absl::Status()> f) {
    if (setup_.is_main()) {
      last_told_ = absl::Now();
      end_told_ = false;
      const absl::Status done = f();
      if (end_told_) return done;  // they have left
      const absl::Status told = Tell(done.ok() ? State::kDone : State::kFailed).status();
      return done.ok() ? told : done;
    }
    for (;;) {
      ASSIGN_OR_RETURN(const State state, Tell(State::kUnderWay));
      if (state == State::kDone) return absl::OkStatus();
      if (state == State::kFailed) return absl::UnavailableError(absl::StrCat("rank 0 could not ", what));
    }
  }

  std::filesystem::path ArtifactOf(int fold) const { return setup_.root / report_.name() / absl::StrCat(fold + 1); }

  std::filesystem::path RunOf(int fold) const { return setup_.root / "runs" / report_.name() / absl::StrCat(fold + 1); }

  absl::StatusOr<model::Artifact> ReadFold(int fold) const {
    auto artifact = model::LoadArtifact(ArtifactOf(fold));
    if (artifact.ok()) return artifact;
    return absl::DataLossError(
        absl::StrCat("a network of the teacher cannot be used: ", std::string(artifact.status().message()), "; delete ",
                     ArtifactOf(fold).string(), ", and it is trained again"));
  }

  // Trains those networks that are not there yet; their digests.
  absl::StatusOr<std::string> Train() {
    std::string digests;
    for (int fold = 0; fold < data_.folds(); ++fold) {
      std::error_code error;
      std::vector<double> there = {std::filesystem::exists(ArtifactOf(fold), error) ? 1.0 : 0.0};
      RETURN_IF_ERROR(TakeFromMain(&there, setup_.workers));
      if (there[0] == 0) RETURN_IF_ERROR(TrainFold(fold));
      if (!setup_.is_main()) continue;
      // Also of one that was killed when its artifact was written and this was not done yet.
      RETURN_IF_ERROR(CleanRun(RunOf(fold)));
      ASSIGN_OR_RETURN(const model::Artifact artifact, ReadFold(fold));
      absl::StrAppend(&digests, artifact.sha256, "\n");
    }
    return digests;
  }

  // Trains on the other folds.
  absl::Status TrainFold(int fold) {
    const Selection train = data_.TrainWithout(fold);
    if (train.auctions() == 0) {
      return base::InvalidField("teacher.cross_fit", absl::StrCat("fold ", fold + 1, " of ", data_.folds(),
                                                                  " has nothing to train on: too few auctions"));
    }
    FitOptions options{.name = absl::StrCat("teacher/", fold + 1),
                       .seed = config_.seed(),
                       .optimizer = config_.teacher().optimizer(),
                       .loss = TeacherLoss(),
                       .evaluation = config_.evaluation(),
                       .checkpoint = config_.checkpoint(),
                       .parallel = config_.parallel(),
                       .bfloat16 = config_.precision() == "bfloat16",
                       .run = RunOf(fold),
                       .key = absl::StrCat(report_.name(), "/", fold + 1)};
    options.evaluation.set_metric("logloss");
    ASSIGN_OR_RETURN(const auto network,
                     NewNetwork(config_.teacher().model(), *dataset_.schema(), train.totals().ClickRate(),
                                config_.seed() + static_cast<uint64_t>(fold), {.device = setup_.device}));
    ASSIGN_OR_RETURN(const Fitted fitted,
                     Fit(train, data_.Validation(), Labels::Clicks(), options, setup_.workers, network.get()));
    if (!setup_.is_main()) return absl::OkStatus();
    Export out{.name = report_.name(),
               .version = absl::StrCat(fold + 1),
               .model = config_.teacher().model(),
               .config = &config_,
               .multiplier = fitted.multiplier};
    out.provenance.set_snapshot_id(snapshot_id_);
    out.provenance.set_loss("logloss");
    out.provenance.set_labels("click");
    out.provenance.set_seed(config_.seed());
    return WriteModel(setup_.root, dataset_, fitted.weights, std::move(out)).status();
  }

  // Labels everything by all networks, one after the other.
  absl::Status LabelAll(const std::string& digests) {
    report_.set_sha256(base::Sha256Hex(digests));
    ASSIGN_OR_RETURN(const Scratch scratch, Scratch::Create(folder_.parent_path(), dataset_.candidates()));
    base::Progress progress("label", "auctions", dataset_.auctions() * data_.folds());
    for (int fold = 0; fold < data_.folds(); ++fold) {
      ASSIGN_OR_RETURN(const model::Artifact artifact, ReadFold(fold));
      ASSIGN_OR_RETURN(const auto network, ReadNetwork(config_.teacher().model(), *dataset_.schema(),
                                                       ArtifactOf(fold) / kWeights, setup_.device));
      const double multiplier = artifact.file.calibration().multiplier();
      const auto add = [&](const Selection& selection, Role role) {
        return ForEachScored(Sample(selection, 0), *network,
                             [&](const Chunk& chunk, const std::vector<float>& logits) -> absl::Status {
                               RETURN_IF_ERROR(base::CheckInterrupt());
                               progress.Update(done_ += chunk.auctions());
                               RETURN_IF_ERROR(TellNowAndThen());
                               return AddLabels(chunk, ProbabilitiesOf(logits, multiplier), role, scratch);
                             });
      };
      RETURN_IF_ERROR(add(data_.Fold(fold), Role::kHeldOut));
      RETURN_IF_ERROR(add(data_.TrainWithout(fold), Role::kTrainedOn));
      RETURN_IF_ERROR(add(data_.Validation(), Role::kMean));
      RETURN_IF_ERROR(add(data_.Test(), Role::kMean));
    }
    progress.Finish();
    report_.set_brier_in_sample(in_sample_.Mean());
    report_.set_brier_held_out(held_out_.Mean());
    return Write(scratch);
  }

  // What a network says of an auction is its label, is not, or goes into the mean.
  enum class Role { kHeldOut, kTrainedOn, kMean };

  absl::Status AddLabels(const Chunk& chunk, const std::vector<double>& probabilities, Role role,
                         const Scratch& scratch) {
    if (role != Role::kMean) {
      Brier& brier = role == Role::kHeldOut ? held_out_ : in_sample_;
      for (size_t i = 0; i < probabilities.size(); ++i) brier.Add(probabilities[i], chunk.clicks[i]);
    }
    if (role == Role::kTrainedOn) return absl::OkStatus();
    std::vector<float> labels;
    for (int64_t a = 0; a < chunk.auctions(); ++a) {
      const int64_t begin = chunk.features.offsets[a], n = chunk.features.offsets[a + 1] - begin;
      labels.assign(static_cast<size_t>(n), 0);
      if (role == Role::kMean) RETURN_IF_ERROR(scratch.Read(chunk.first_candidates[a], labels));
      const double share = role == Role::kMean ? 1.0 / data_.folds() : 1.0;
      // Rounded shares of 1 may come to more than 1.
      for (int64_t i = 0; i < n; ++i) {
        labels[i] = std::min(1.F, labels[i] + static_cast<float>(probabilities[begin + i] * share));
      }
      RETURN_IF_ERROR(scratch.Write(chunk.first_candidates[a], labels));
    }
    return absl::OkStatus();
  }

  // Calls f(values) on all labels, in pieces.
  template <typename F>
  absl::Status ForEachPiece(const Scratch& scratch, F f) {
    std::vector<float> piece;
    for (int64_t first = 0; first < dataset_.candidates(); first += kPiece) {
      piece.resize(static_cast<size_t>(std::min(kPiece, dataset_.candidates() - first)));
      RETURN_IF_ERROR(TellNowAndThen());
      RETURN_IF_ERROR(scratch.Read(first, piece));
      RETURN_IF_ERROR(f(std::string_view(reinterpret_cast<const char*>(piece.data()), piece.size() * sizeof(float))));
    }
    return absl::OkStatus();
  }

  absl::Status Write(const Scratch& scratch) {
    base::Sha256 digest;
    RETURN_IF_ERROR(ForEachPiece(scratch, [&](std::string_view bytes) {
      digest.Update(bytes);
      return absl::OkStatus();
    }));
    const std::map<std::string, std::string> metadata = {
        {"sha256", report_.sha256()},
        {"brier_in_sample", absl::StrFormat("%.17g", report_.brier_in_sample())},
        {"brier_held_out", absl::StrFormat("%.17g", report_.brier_held_out())},
        {"labels_sha256", absl::BytesToHexString(digest.Digest())}};
    const auto publisher = base::FolderPublisher::Create(folder_);
    if (absl::IsAlreadyExists(publisher.status())) {
      return absl::FailedPreconditionError(
          absl::StrCat(folder_.string(), " is there without its file ", kFile, "; delete it"));
    }
    RETURN_IF_ERROR(publisher);
    ASSIGN_OR_RETURN(const auto file, base::FilePublisher::Create((*publisher)->path() / kFile));
    RETURN_IF_ERROR(file->Write(model::TensorHeader({{kTensor, {dataset_.candidates()}}}, metadata)));
    RETURN_IF_ERROR(ForEachPiece(scratch, [&](std::string_view bytes) { return file->Write(bytes); }));
    RETURN_IF_ERROR(file->Publish());
    return (*publisher)->Publish();
  }

  absl::StatusOr<TeacherLabels> Read() {
    const std::filesystem::path path = folder_ / kFile;
    ASSIGN_OR_RETURN(const auto mapped, base::MappedFile::Open(path, size_t{1} << 42));
    const auto damaged = [&](const std::string& what) {
      return absl::DataLossError(absl::StrCat(path.string(), ": ", what, "; delete it"));
    };
    const auto file = model::ParseTensors(mapped->bytes());
    if (!file.ok()) return damaged(std::string(file.status().message()));
    const auto found = file->tensors.find(kTensor);
    if (found == file->tensors.end() || static_cast<int64_t>(found->second.values.size()) != dataset_.candidates()) {
      return damaged(absl::StrCat("does not hold ", dataset_.candidates(), " labels"));
    }
    const std::span<const float> values = found->second.values;
    for (const float label : values) {
      if (!(label >= 0 && label <= 1)) return damaged("holds a label outside [0, 1]");
    }
    std::map<std::string, std::string> metadata = file->metadata;
    const auto* const bytes = reinterpret_cast<const char*>(values.data());
    if (metadata["labels_sha256"] != base::Sha256Hex({bytes, values.size_bytes()})) {
      return damaged("was changed since it was written");
    }
    report_.set_sha256(metadata["sha256"]);
    double brier = 0;
    if (absl::SimpleAtod(metadata["brier_in_sample"], &brier)) report_.set_brier_in_sample(brier);
    if (absl::SimpleAtod(metadata["brier_held_out"], &brier)) report_.set_brier_held_out(brier);
    const int64_t offset = bytes - mapped->bytes().data();
    mapped->Release(mapped->bytes());
    ASSIGN_OR_RETURN(std::shared_ptr<const base::RandomAccessFile> labels, base::RandomAccessFile::Open(path));
    return TeacherLabels{.labels = Labels::OfFile(std::move(labels), offset), .report = std::move(report_)};
  }

  const TrainConfig& config_;
  const Grouping& data_;
  const Dataset& dataset_;
  const std::string snapshot_id_;
  const Setup& setup_;
  std::filesystem::path folder_;
  vickrey::v1::TeacherReport report_;
  Brier in_sample_, held_out_;
  int64_t done_ = 0;
  absl::Time last_told_;
  bool end_told_ = false;
};

}  // namespace

absl::StatusOr<TeacherLabels> LabelByTeacher(const TrainConfig& config, const Grouping& data,
                                             const std::string& snapshot_id, const Setup& setup) {
  RETURN_IF_ERROR(base::Annotate(Labels::Clicks().CheckAny(data.Train()), "teacher"));
  return Teacher(config, data, snapshot_id, setup).Label();
}

}  // namespace vickrey::trainer
