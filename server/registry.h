#ifndef SERVER_REGISTRY_H_
#define SERVER_REGISTRY_H_

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/artifact_root.h"
#include "server/background.h"
#include "server/model_table.h"
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
//   or Publish      |           |
//                   |           +--> UNLOADING   by Delete: no new call finds it; with its last call it is freed
//                   +------> FAILED    `why` says what was wrong; registering again tries again
//
// A call holds its model by a counted handle from Find to its answer, so that labels can move, and versions be
// replaced, under live calls. Who lets go of the last one does not free the model: that is left to `background`.
// Labels live in memory: they are gone with the process.
//
// Thread-safe. Register, Publish and Delete take as long as files take, and are for jobs of `background`; nothing else
// waits for them: the lock is held for changes of the maps only.
class Registry {
 public:
  // Artifacts are read only from under `root`. `background` must outlive the registry, which must outlive the handles;
  // `observer` may be null, and must outlive it too.
  Registry(std::filesystem::path root, Background* background, ModelObserver* observer = nullptr)
      : artifacts_(std::move(root)), background_(*background), observer_(observer) {}

  // Loads NAME/VERSION, checks and warms it. Its errors are those of ModelService.RegisterModel.
  absl::StatusOr<vickrey::v1::ModelInfo> Register(const std::string& path);

  // Puts an upload that is complete where Register would read it, and registers it. Its errors are those of
  // ModelService.UploadModel; nothing is changed then.
  absl::StatusOr<vickrey::v1::ModelInfo> Publish(Upload* upload);

  // Takes a version out. Its errors are those of ModelService.DeleteModel.
  absl::StatusOr<vickrey::v1::ModelInfo> Delete(const vickrey::v1::DeleteModelRequest& request);

  // The model that a call asks for. INVALID_ARGUMENT naming the field; NOT_FOUND: no such name, version or label;
  // UNAVAILABLE: the version is not READY.
  absl::StatusOr<std::shared_ptr<const model::Model>> Find(const vickrey::v1::ModelRef& ref) const;

  // The same for an auction, where a name alone may lead to its `canary`, and its `shadow` is asked too.
  using Choice = ModelTable::Choice;
  absl::StatusOr<Choice> Choose(const vickrey::v1::ModelRef& ref, std::optional<std::string_view> auction_id) const;

  // Moves or removes a label. Its errors are those of ModelService.SetModelLabel.
  absl::StatusOr<std::vector<vickrey::v1::ModelInfo>> SetLabel(const vickrey::v1::SetModelLabelRequest& request);

  // Its errors are those of ModelService.GetModel.
  absl::StatusOr<vickrey::v1::ModelInfo> Get(const vickrey::v1::GetModelRequest& request) const;

  // A page of versions, sorted by name and version. Its errors are those of ModelService.ListModels.
  absl::StatusOr<vickrey::v1::ListModelsResponse> List(const vickrey::v1::ListModelsRequest& request) const;

  // Every version, NAME@VERSION, with its state.
  std::map<std::string, vickrey::v1::ModelInfo::State> States() const;
  // What the shadows among them have come to; those that were asked.
  std::map<std::string, ShadowCounts::Sums> Shadows() const;
  const ArtifactRoot& artifacts() const { return artifacts_; }

 private:
  using LoadedModel = std::shared_ptr<const model::Model>;

  // A version that was taken out; there until it is freed.
  struct Unloading {
    vickrey::v1::ModelInfo info;
    std::weak_ptr<const model::Model> life;
  };

  // A handle whose last holder has the model freed by `background_`.
  LoadedModel Hold(LoadedModel model);
  absl::StatusOr<vickrey::v1::ModelInfo> Finish(const std::string& name, const std::string& version,
                                                absl::StatusOr<LoadedModel> loaded);

  const ArtifactRoot artifacts_;
  Background& background_;
  ModelObserver* const observer_;
  mutable absl::Mutex mu_;
  ModelTable table_ ABSL_GUARDED_BY(mu_);
  std::map<std::pair<std::string, std::string>, Unloading> unloading_ ABSL_GUARDED_BY(mu_);
};

}  // namespace vickrey::server

#endif  // SERVER_REGISTRY_H_
