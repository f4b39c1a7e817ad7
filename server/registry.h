#ifndef SERVER_REGISTRY_H_
#define SERVER_REGISTRY_H_

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "vickrey/model/model.h"
#include "vickrey/v1/model.pb.h"
#include "vickrey/v1/model_service.pb.h"

namespace vickrey::server {

// Is told of every attempt to load a model from its files. Thread-safe.
class ModelObserver {
 public:
  virtual ~ModelObserver() = default;
  // `ref`: NAME@VERSION.
  virtual void OnLoad(const std::string& ref, const absl::Status& status, absl::Duration took) = 0;
};

// The models that a server holds. A version's life:
//
//   Register --> LOADING --> READY     takes calls
//                   |
//                   +------> FAILED    `why` says what was wrong; registering again tries again
//
// A call holds its model by a counted handle from Find to its answer, so that labels can move, and versions be
// replaced, under live calls. Labels live in memory: they are gone with the process.
//
// Thread-safe. Register takes as long as reading and checking the files takes; nothing else waits for it.
class Registry {
 public:
  // Artifacts are read only from under `root`. `observer` may be null; it must outlive this.
  explicit Registry(std::filesystem::path root, ModelObserver* observer = nullptr)
      : root_(std::move(root)), observer_(observer) {}

  // Loads NAME/VERSION, checks and warms it. Its errors are those of ModelService.RegisterModel.
  absl::StatusOr<vickrey::v1::ModelInfo> Register(const std::string& path);

  // The model that a call asks for. INVALID_ARGUMENT naming the field; NOT_FOUND: no such name, version or label;
  // UNAVAILABLE: the version is not READY.
  absl::StatusOr<std::shared_ptr<const model::Model>> Find(const vickrey::v1::ModelRef& ref) const;

  // Moves or removes a label. Its errors are those of ModelService.SetModelLabel.
  absl::StatusOr<std::vector<vickrey::v1::ModelInfo>> SetLabel(const vickrey::v1::SetModelLabelRequest& request);

  // A page of versions, sorted by name and version. Its errors are those of ModelService.ListModels.
  absl::StatusOr<vickrey::v1::ListModelsResponse> List(const vickrey::v1::ListModelsRequest& request) const;

  // Every version, NAME@VERSION, with its state.
  std::map<std::string, vickrey::v1::ModelInfo::State> States() const;

 private:
  struct Version {
    vickrey::v1::ModelInfo::State state = vickrey::v1::ModelInfo::LOADING;
    std::string why;
    std::shared_ptr<const model::Model> model;  // of READY
  };
  struct Name {
    std::map<std::string, Version> versions;
    std::map<std::string, std::string> labels;  // label -> version
    uint64_t changes = 0;                       // of the labels
  };

  absl::StatusOr<std::filesystem::path> FolderOf(const std::string& path) const;
  absl::StatusOr<vickrey::v1::ModelInfo> Finish(const std::string& name, const std::string& version,
                                                absl::StatusOr<std::shared_ptr<const model::Model>> loaded);
  vickrey::v1::ModelInfo InfoOf(const std::string& name, const std::string& version) const
      ABSL_SHARED_LOCKS_REQUIRED(mu_);

  const std::filesystem::path root_;
  ModelObserver* const observer_;
  mutable absl::Mutex mu_;
  std::map<std::string, Name> names_ ABSL_GUARDED_BY(mu_);
};

}  // namespace vickrey::server

#endif  // SERVER_REGISTRY_H_
