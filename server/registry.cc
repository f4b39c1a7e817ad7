#include "server/registry.h"

#include <algorithm>
#include <system_error>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "vickrey/base/status.h"
#include "vickrey/features/schema.h"

namespace vickrey::server {
namespace {

using vickrey::v1::ListModelsRequest;
using vickrey::v1::ListModelsResponse;
using vickrey::v1::ModelInfo;
using vickrey::v1::ModelRef;
using vickrey::v1::SetModelLabelRequest;

constexpr char kDefaultLabel[] = "stable";
constexpr int kDefaultPage = 100, kMaxPage = 1000;
constexpr size_t kMaxLabelBytes = 64;

std::string Quoted(const std::string& text) { return absl::StrCat("'", absl::CHexEscape(text.substr(0, 60)), "'"); }

absl::Status CheckId(const char* field, const std::string& id) {
  if (features::IsId(id)) return absl::OkStatus();
  return base::InvalidField(field, absl::StrCat(Quoted(id), " is not 1 to 128 characters of [A-Za-z0-9._:-]"));
}

absl::Status CheckLabel(const char* field, const std::string& label) {
  const bool good = !label.empty() && label.size() <= kMaxLabelBytes &&
                    label.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos;
  if (good) return absl::OkStatus();
  return base::InvalidField(field, absl::StrCat(Quoted(label), " is not 1 to 64 characters of [a-z0-9_-]"));
}

template <typename Map>
std::string KeysOf(const Map& map) {
  return absl::StrJoin(map, ", ", [](std::string* out, const auto& entry) { out->append(entry.first); });
}

}  // namespace

// NAME/VERSION, where that leads to a folder under the root, links followed.
absl::StatusOr<std::filesystem::path> Registry::FolderOf(const std::string& path) const {
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  if (parts.size() != 2 || !model::IsFolderName(parts[0]) || !model::IsFolderName(parts[1])) {
    return base::InvalidField("path",
                              absl::StrCat(Quoted(path), " is not NAME/VERSION, a folder under the artifact root"));
  }
  std::error_code error;
  const std::filesystem::path root = std::filesystem::canonical(root_, error);
  if (error) return absl::NotFoundError(absl::StrCat("the artifact root ", root_.string(), " is not there"));
  const std::filesystem::path folder = std::filesystem::canonical(root / parts[0] / parts[1], error);
  if (error) return absl::NotFoundError(absl::StrCat("path: there is no ", path, " under the artifact root"));
  const auto [end, rest] = std::mismatch(root.begin(), root.end(), folder.begin(), folder.end());
  if (end != root.end()) {
    return base::InvalidField("path", absl::StrCat(Quoted(path), " leads out of the artifact root"));
  }
  for (const auto& file : std::filesystem::directory_iterator(folder, error)) {
    if (file.is_symlink(error)) {
      return base::InvalidField("path", absl::StrCat(Quoted(path), " holds a link, ", file.path().filename().string(),
                                                     ", which may lead out of the artifact root"));
    }
  }
  return folder;
}

absl::StatusOr<ModelInfo> Registry::Register(const std::string& path) {
  ASSIGN_OR_RETURN(const std::filesystem::path folder, FolderOf(path));
  const std::pair<std::string, std::string> parts = absl::StrSplit(path, '/');
  const auto& [name, version] = parts;
  {
    const absl::MutexLock lock(&mu_);
    Version& entry = names_[name].versions[version];
    if (entry.state != ModelInfo::READY) {
      entry.state = ModelInfo::LOADING;
      entry.why.clear();
    }
  }
  const absl::Time begin = absl::Now();
  auto loaded = model::Model::Load(folder);
  if (loaded.ok() && ((*loaded)->name() != name || (*loaded)->version() != version)) {
    loaded = absl::FailedPreconditionError(
        absl::StrCat("path: ", path, " holds the artifact ", (*loaded)->ref(), "; the folder must be named as it is"));
  }
  auto info = Finish(name, version, std::move(loaded));
  if (observer_ != nullptr) observer_->OnLoad(absl::StrCat(name, "@", version), info.status(), absl::Now() - begin);
  return info;
}

absl::StatusOr<ModelInfo> Registry::Finish(const std::string& name, const std::string& version,
                                           absl::StatusOr<std::shared_ptr<const model::Model>> loaded) {
  const absl::MutexLock lock(&mu_);
  Version& entry = names_[name].versions[version];
  if (entry.state == ModelInfo::READY) {  // it was there before, or another call was faster
    if (loaded.ok() && (*loaded)->sha256() == entry.model->sha256()) return InfoOf(name, version);
    return absl::AlreadyExistsError(absl::StrCat(
        "path: ", name, "@", version, " is held with the digest ", entry.model->sha256(),
        "; what is on disk is another artifact: ", loaded.ok() ? (*loaded)->sha256() : loaded.status().message()));
  }
  if (!loaded.ok()) {
    entry.state = ModelInfo::FAILED;
    entry.why = std::string(loaded.status().message());
    return absl::FailedPreconditionError(absl::StrCat("path: ", entry.why));
  }
  entry.model = *std::move(loaded);
  entry.state = ModelInfo::READY;
  return InfoOf(name, version);
}

absl::StatusOr<std::shared_ptr<const model::Model>> Registry::Find(const ModelRef& ref) const {
  RETURN_IF_ERROR(CheckId("model.name", ref.name()));
  const absl::ReaderMutexLock lock(&mu_);
  const auto name = names_.find(ref.name());
  if (name == names_.end()) {
    return absl::NotFoundError(absl::StrCat("model.name: '", ref.name(), "' is not held; held: ", KeysOf(names_)));
  }
  std::string version = ref.version();
  if (!ref.has_version()) {
    const std::string label = ref.has_label() ? ref.label() : kDefaultLabel;
    const auto found = name->second.labels.find(label);
    if (found == name->second.labels.end()) {
      return absl::NotFoundError(absl::StrCat("model.label: '", absl::CHexEscape(label.substr(0, 64)),
                                              "' is not a label of ", ref.name(),
                                              "; its labels: ", KeysOf(name->second.labels)));
    }
    version = found->second;
  }
  const auto found = name->second.versions.find(version);
  if (found == name->second.versions.end()) {
    return absl::NotFoundError(absl::StrCat("model.version: ", Quoted(version), " of ", ref.name(),
                                            " is not held; held: ", KeysOf(name->second.versions)));
  }
  if (found->second.state != ModelInfo::READY) {
    return absl::UnavailableError(absl::StrCat(ref.name(), "@", version, " is ",
                                               ModelInfo::State_Name(found->second.state), " ", found->second.why));
  }
  return found->second.model;
}

absl::StatusOr<std::vector<ModelInfo>> Registry::SetLabel(const SetModelLabelRequest& request) {
  RETURN_IF_ERROR(CheckId("name", request.name()));
  RETURN_IF_ERROR(CheckLabel("label", request.label()));
  const absl::MutexLock lock(&mu_);
  const auto found = names_.find(request.name());
  if (found == names_.end()) {
    return absl::NotFoundError(absl::StrCat("name: '", request.name(), "' is not held; held: ", KeysOf(names_)));
  }
  Name& name = found->second;
  if (!request.etag().empty() && request.etag() != absl::StrCat(name.changes)) {
    return absl::AbortedError(absl::StrCat("etag: ", Quoted(request.etag()), " is not current, which is '",
                                           name.changes, "': the labels were changed meanwhile; read them again"));
  }
  if (request.version().empty()) {
    name.labels.erase(request.label());
  } else {
    const auto version = name.versions.find(request.version());
    if (version == name.versions.end()) {
      return absl::NotFoundError(absl::StrCat("version: ", Quoted(request.version()), " of ", request.name(),
                                              " is not held; held: ", KeysOf(name.versions)));
    }
    if (version->second.state != ModelInfo::READY) {
      return absl::FailedPreconditionError(absl::StrCat("version: ", request.name(), "@", request.version(), " is ",
                                                        ModelInfo::State_Name(version->second.state), " ",
                                                        version->second.why));
    }
    name.labels[request.label()] = request.version();
  }
  ++name.changes;
  std::vector<ModelInfo> infos;
  for (const auto& [version, entry] : name.versions) infos.push_back(InfoOf(request.name(), version));
  return infos;
}

absl::StatusOr<ListModelsResponse> Registry::List(const ListModelsRequest& request) const {
  if (request.page_size() < 0 || request.page_size() > kMaxPage) {
    return base::InvalidField("page_size", absl::StrCat(request.page_size(), " is out of range; 1 to ", kMaxPage,
                                                        ", or 0 for ", kDefaultPage, ", are allowed"));
  }
  if (!request.name().empty()) RETURN_IF_ERROR(CheckId("name", request.name()));
  // A token is the last entry of the page before, which need not be there any more.
  std::pair<std::string, std::string> after;
  if (!request.page_token().empty()) {
    const std::vector<std::string> parts = absl::StrSplit(request.page_token(), '/');
    if (parts.size() != 2) {
      return base::InvalidField("page_token",
                                absl::StrCat(Quoted(request.page_token()), " is not a token of an answer"));
    }
    after = {parts[0], parts[1]};
  }
  const size_t page = request.page_size() == 0 ? kDefaultPage : request.page_size();
  ListModelsResponse response;
  const absl::ReaderMutexLock lock(&mu_);
  for (const auto& [name, entry] : names_) {
    if (!request.name().empty() && name != request.name()) continue;
    for (const auto& [version, unused] : entry.versions) {
      if (std::pair(name, version) <= after) continue;
      if (static_cast<size_t>(response.models_size()) == page) {
        const ModelInfo& last = response.models(response.models_size() - 1);
        response.set_next_page_token(absl::StrCat(last.name(), "/", last.version()));
        return response;
      }
      *response.add_models() = InfoOf(name, version);
    }
  }
  return response;
}

std::map<std::string, ModelInfo::State> Registry::States() const {
  std::map<std::string, ModelInfo::State> states;
  const absl::ReaderMutexLock lock(&mu_);
  for (const auto& [name, entry] : names_) {
    for (const auto& [version, held] : entry.versions) states[absl::StrCat(name, "@", version)] = held.state;
  }
  return states;
}

ModelInfo Registry::InfoOf(const std::string& name, const std::string& version) const {
  const Name& of_name = names_.at(name);
  const Version& entry = of_name.versions.at(version);
  ModelInfo info = entry.model == nullptr ? ModelInfo() : entry.model->Info();
  info.set_name(name);
  info.set_version(version);
  info.set_state(entry.state);
  info.set_why(entry.why);
  for (const auto& [label, of] : of_name.labels) {
    if (of == version) info.add_labels(label);
  }
  info.set_etag(absl::StrCat(of_name.changes));
  return info;
}

}  // namespace vickrey::server
