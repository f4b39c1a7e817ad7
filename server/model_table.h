#ifndef SERVER_MODEL_TABLE_H_
#define SERVER_MODEL_TABLE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/shadow.h"
#include "vickrey/model/model.h"
#include "vickrey/v1/model.pb.h"
#include "vickrey/v1/model_service.pb.h"

namespace vickrey::server {

// Which versions there are of which names, their states, and the labels by which calls find them. It decides and holds,
// and does nothing else: reading files, freeing models and locking are the registry's.
//
// Not thread-safe; const methods may be called together.
class ModelTable {
 public:
  struct Version {
    vickrey::v1::ModelInfo::State state = vickrey::v1::ModelInfo::LOADING;
    std::string why;
    std::shared_ptr<const model::Model> model;  // of READY: a handle
    std::weak_ptr<const model::Model> life;     // of READY: gone when the model is freed
    std::shared_ptr<ShadowCounts> counts = std::make_shared<ShadowCounts>();
  };
  // What is known of a version, by itself: it is told of when the table is not looked at any more.
  struct Row {
    std::string name, version;
    Version entry;
    std::vector<std::string> labels;
    std::optional<double> share;
    std::string etag;

    vickrey::v1::ModelInfo Info() const;
  };
  struct Choice {
    std::shared_ptr<const model::Model> model;
    ShadowModel shadow;
  };

  // The version; LOADING where it was not there.
  Version& Add(const std::string& name, const std::string& version);
  // nullptr: it is not there.
  const Version* Find(const std::string& name, const std::string& version) const;
  // REQUIRES: it is there.
  Row RowOf(const std::string& name, const std::string& version) const;

  // Which version, and which shadow, a call gets. Its errors are those of Registry::Choose.
  absl::StatusOr<Choice> Choose(const vickrey::v1::ModelRef& ref, std::optional<std::string_view> auction_id) const;
  // Moves or removes a label; all versions of the name. Its errors are those of ModelService.SetModelLabel.
  absl::StatusOr<std::vector<Row>> SetLabel(const vickrey::v1::SetModelLabelRequest& request);
  // Takes a version out. NOT_FOUND; FAILED_PRECONDITION: it bears labels, or is LOADING.
  absl::StatusOr<Row> TakeOut(const vickrey::v1::DeleteModelRequest& request);

  // Calls `f` with name, version and Version, in order.
  template <typename F>
  void ForEach(F f) const {
    for (const auto& [name, of_name] : names_) {
      for (const auto& [version, entry] : of_name.versions) f(name, version, entry);
    }
  }
  // What is held, for people: versions of a name that is there, else names; the first few.
  std::string Held(const std::string& name) const;

 private:
  struct Label {
    std::string version;
    std::optional<double> share;  // of a canary
  };
  struct Name {
    std::map<std::string, Version> versions;
    std::map<std::string, Label> labels;
    uint64_t changes = 0;  // of the labels, counted over all names: one that comes back has another etag
  };

  std::map<std::string, Name> names_;
  uint64_t changes_ = 0;
};

// INVALID_ARGUMENT naming the field.
absl::Status CheckModelId(const char* field, const std::string& id);

}  // namespace vickrey::server

#endif  // SERVER_MODEL_TABLE_H_
