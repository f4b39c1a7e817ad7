#include "server/registry.h"

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "vickrey/base/status.h"
#include "vickrey/features/fingerprint.h"
#include "vickrey/features/schema.h"

namespace vickrey::server {
namespace {

using vickrey::v1::DeleteModelRequest;
using vickrey::v1::GetModelRequest;
using vickrey::v1::ListModelsRequest;
using vickrey::v1::ListModelsResponse;
using vickrey::v1::ModelInfo;
using vickrey::v1::ModelRef;
using vickrey::v1::SetModelLabelRequest;

constexpr char kStable[] = "stable", kCanary[] = "canary", kShadow[] = "shadow";
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

absl::Status CheckShare(const SetModelLabelRequest& request) {
  if (!request.has_share()) return absl::OkStatus();
  if (request.label() != kCanary || request.version().empty()) {
    return base::InvalidField("share", absl::StrCat("is of a version that becomes `", kCanary, "` only"));
  }
  if (request.share() > 0 && request.share() <= 1) return absl::OkStatus();
  return base::InvalidField("share", absl::StrCat(request.share(), " is out of range; it must be in (0, 1]"));
}

// Whether an auction is among the share of a name's auctions. A greater share has those of a smaller one too.
bool IsInShare(const std::string& name, std::string_view auction_id, double share) {
  constexpr double kAll = 18446744073709551616.0;  // 2^64
  return share >= 1 || static_cast<double>(features::Fingerprint(name, auction_id)) < share * kAll;
}

template <typename Map>
std::string KeysOf(const Map& map) {
  return absl::StrJoin(map, ", ", [](std::string* out, const auto& entry) { out->append(entry.first); });
}

}  // namespace

absl::StatusOr<ModelInfo> Registry::Register(const std::string& path) {
  ASSIGN_OR_RETURN(const std::filesystem::path folder, artifacts_.FolderOf(path));
  const std::pair<std::string, std::string> parts = absl::StrSplit(path, '/');
  const auto& [name, version] = parts;
  {
    const absl::MutexLock lock(&mu_);
    Name& of_name = names_[name];
    if (of_name.changes == 0) of_name.changes = ++changes_;
    Version& entry = of_name.versions[version];
    if (entry.state != ModelInfo::READY) {
      entry.state = ModelInfo::LOADING;
      entry.why.clear();
    }
  }
  const absl::Time begin = absl::Now();
  absl::StatusOr<LoadedModel> loaded;
  background_.Do([&] { loaded = model::Model::Load(folder); });
  if (loaded.ok() && ((*loaded)->name() != name || (*loaded)->version() != version)) {
    loaded = absl::FailedPreconditionError(
        absl::StrCat("path: ", path, " holds the artifact ", (*loaded)->ref(), "; the folder must be named as it is"));
  }
  auto info = Finish(name, version, std::move(loaded));
  if (observer_ != nullptr) observer_->OnLoad(absl::StrCat(name, "@", version), info.status(), absl::Now() - begin);
  return info;
}

absl::StatusOr<ModelInfo> Registry::Publish(Upload* upload) {
  const absl::Time begin = absl::Now();
  absl::StatusOr<LoadedModel> loaded;
  const absl::Cleanup free_it = [&] {
    if (loaded.ok() && *loaded != nullptr) background_.Do([&] { loaded->reset(); });
  };
  background_.Do([&] { loaded = upload->Load(); });
  RETURN_IF_ERROR(loaded);
  const std::string& name = upload->name();
  const std::string& version = upload->version();
  {
    const absl::ReaderMutexLock lock(&mu_);
    if (const auto found = names_.find(name); found != names_.end()) {
      const auto held = found->second.versions.find(version);
      if (held != found->second.versions.end() && held->second.state == ModelInfo::READY &&
          held->second.model->sha256() != (*loaded)->sha256()) {
        return absl::AlreadyExistsError(absl::StrCat("header.version: ", name, "@", version,
                                                     " is held with the digest ", held->second.model->sha256(),
                                                     "; what was sent is another artifact: ", (*loaded)->sha256()));
      }
    }
  }
  absl::StatusOr<bool> is_new = false;
  background_.Do([&] { is_new = upload->Publish(**loaded); });
  RETURN_IF_ERROR(is_new);
  // What was there before need not be as whole as its sums say.
  if (!*is_new) return Register(absl::StrCat(name, "/", version));
  auto info = Finish(name, version, std::move(loaded));
  if (observer_ != nullptr) observer_->OnLoad(absl::StrCat(name, "@", version), info.status(), absl::Now() - begin);
  return info;
}

Registry::LoadedModel Registry::Hold(LoadedModel model) {
  const model::Model* const raw = model.get();
  return {raw, [background = &background_, model = std::move(model)](const model::Model*) mutable {
            background->Run(
                [background, model = std::move(model)]() mutable { background->Do([&model] { model.reset(); }); });
          }};
}

absl::StatusOr<ModelInfo> Registry::Finish(const std::string& name, const std::string& version,
                                           absl::StatusOr<LoadedModel> loaded) {
  LoadedModel handle = loaded.ok() ? Hold(*loaded) : nullptr;
  std::weak_ptr<const model::Model> life = loaded.ok() ? *loaded : nullptr;
  if (loaded.ok()) *loaded = handle;  // so that nobody holds it but by handles
  Row row;
  {
    const absl::MutexLock lock(&mu_);
    Name& of_name = names_[name];
    if (of_name.changes == 0) of_name.changes = ++changes_;
    Version& entry = of_name.versions[version];
    if (entry.state == ModelInfo::READY) {  // it was there before, or another call was faster
      if (!loaded.ok() || handle->sha256() != entry.model->sha256()) {
        return absl::AlreadyExistsError(absl::StrCat(
            "path: ", name, "@", version, " is held with the digest ", entry.model->sha256(),
            "; what is on disk is another artifact: ", loaded.ok() ? handle->sha256() : loaded.status().message()));
      }
    } else if (!loaded.ok()) {
      entry.state = ModelInfo::FAILED;
      entry.why = std::string(loaded.status().message());
      return absl::FailedPreconditionError(absl::StrCat("path: ", entry.why));
    } else {
      entry.model = std::move(handle);
      entry.life = std::move(life);
      entry.state = ModelInfo::READY;
    }
    row = RowOf(name, version);
  }
  return InfoOf(row);
}

absl::StatusOr<ModelInfo> Registry::Delete(const DeleteModelRequest& request) {
  RETURN_IF_ERROR(CheckFolderName("name", request.name()));
  RETURN_IF_ERROR(CheckFolderName("version", request.version()));
  ModelInfo info;
  auto row = TakeOut(request);
  if (row.ok()) {
    info = InfoOf(*row);
    info.set_state(ModelInfo::UNLOADING);
    info.clear_why();
    const absl::MutexLock lock(&mu_);
    std::erase_if(unloading_, [](const auto& entry) { return entry.second.life.expired(); });
    if (row->entry.model != nullptr) {
      unloading_[{request.name(), request.version()}] = {.info = info, .life = row->entry.life};
    }
  } else if (absl::IsNotFound(row.status()) && request.delete_files() &&
             artifacts_.Has(request.name(), request.version())) {
    info.set_name(request.name());
    info.set_version(request.version());
    info.set_state(ModelInfo::UNLOADING);
  } else {
    return row.status();
  }
  if (!request.delete_files()) return info;
  absl::Status deleted;
  background_.Do([&] { deleted = artifacts_.Delete(request.name(), request.version()); });
  if (deleted.ok() || (absl::IsNotFound(deleted) && row.ok())) return info;
  return base::Annotate(deleted, row.ok() ? "the version is taken out, but its files are still there" : "");
}

absl::StatusOr<Registry::Row> Registry::TakeOut(const DeleteModelRequest& request) {
  const absl::MutexLock lock(&mu_);
  const auto name = names_.find(request.name());
  if (name == names_.end()) {
    return absl::NotFoundError(absl::StrCat("name: ", Quoted(request.name()), " is not held; held: ", KeysOf(names_)));
  }
  const auto version = name->second.versions.find(request.version());
  if (version == name->second.versions.end()) {
    return absl::NotFoundError(absl::StrCat("version: ", Quoted(request.version()), " of ", request.name(),
                                            " is not held; held: ", KeysOf(name->second.versions)));
  }
  Row row = RowOf(request.name(), request.version());
  const std::string ref = absl::StrCat("version: ", request.name(), "@", request.version());
  if (!row.labels.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(ref, " bears the labels ", absl::StrJoin(row.labels, ", "), "; move or remove them first"));
  }
  if (row.entry.state == ModelInfo::LOADING) {
    return absl::FailedPreconditionError(absl::StrCat(ref, " is LOADING; try again later"));
  }
  name->second.versions.erase(version);
  if (name->second.versions.empty()) names_.erase(name);  // it has no labels either
  return row;
}

absl::StatusOr<Registry::LoadedModel> Registry::Find(const ModelRef& ref) const {
  ASSIGN_OR_RETURN(Choice choice, Choose(ref, std::nullopt));
  return std::move(choice.model);
}

absl::StatusOr<Registry::Choice> Registry::Choose(const ModelRef& ref,
                                                  std::optional<std::string_view> auction_id) const {
  RETURN_IF_ERROR(CheckId("model.name", ref.name()));
  const absl::ReaderMutexLock lock(&mu_);
  const auto name = names_.find(ref.name());
  if (name == names_.end()) {
    return absl::NotFoundError(absl::StrCat("model.name: '", ref.name(), "' is not held; held: ", KeysOf(names_)));
  }
  const auto& [versions, labels, unused] = name->second;
  std::string version = ref.version();
  Choice choice;
  if (!ref.has_version()) {
    const std::string label = ref.has_label() ? ref.label() : kStable;
    const auto found = labels.find(label);
    if (found == labels.end()) {
      return absl::NotFoundError(absl::StrCat("model.label: '", absl::CHexEscape(label.substr(0, 64)),
                                              "' is not a label of ", ref.name(), "; its labels: ", KeysOf(labels)));
    }
    version = found->second.version;
    if (!ref.has_label() && auction_id.has_value()) {
      const auto canary = labels.find(kCanary);
      if (canary != labels.end() && canary->second.share.has_value() &&
          IsInShare(ref.name(), *auction_id, *canary->second.share)) {
        version = canary->second.version;
      }
      if (const auto shadow = labels.find(kShadow); shadow != labels.end() && shadow->second.version != version) {
        const Version& entry = versions.at(shadow->second.version);
        choice.shadow = {.model = entry.model, .counts = entry.counts};
      }
    }
  }
  const auto found = versions.find(version);
  if (found == versions.end()) {
    return absl::NotFoundError(
        absl::StrCat("model.version: ", Quoted(version), " of ", ref.name(), " is not held; held: ", KeysOf(versions)));
  }
  if (found->second.state != ModelInfo::READY) {
    return absl::UnavailableError(absl::StrCat(ref.name(), "@", version, " is ",
                                               ModelInfo::State_Name(found->second.state), " ", found->second.why));
  }
  choice.model = found->second.model;
  return choice;
}

absl::StatusOr<std::vector<ModelInfo>> Registry::SetLabel(const SetModelLabelRequest& request) {
  RETURN_IF_ERROR(CheckId("name", request.name()));
  RETURN_IF_ERROR(CheckLabel("label", request.label()));
  RETURN_IF_ERROR(CheckShare(request));
  std::vector<Row> rows;
  {
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
      Label& label = name.labels[request.label()];
      label.version = request.version();
      label.share = request.has_share() ? std::optional(request.share()) : std::nullopt;
    }
    name.changes = ++changes_;
    for (const auto& [version, entry] : name.versions) rows.push_back(RowOf(request.name(), version));
  }
  std::vector<ModelInfo> infos;
  for (const Row& row : rows) infos.push_back(InfoOf(row));
  return infos;
}

absl::StatusOr<ModelInfo> Registry::Get(const GetModelRequest& request) const {
  RETURN_IF_ERROR(CheckId("name", request.name()));
  RETURN_IF_ERROR(CheckId("version", request.version()));
  Row row;
  {
    const absl::ReaderMutexLock lock(&mu_);
    const auto name = names_.find(request.name());
    if (name == names_.end() || !name->second.versions.contains(request.version())) {
      const auto unloading = unloading_.find({request.name(), request.version()});
      if (unloading != unloading_.end() && !unloading->second.life.expired()) return unloading->second.info;
      return absl::NotFoundError(absl::StrCat(request.name(), "@", request.version(), " is not held; held: ",
                                              name == names_.end() ? KeysOf(names_) : KeysOf(name->second.versions)));
    }
    row = RowOf(request.name(), request.version());
  }
  return InfoOf(row);
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
  std::map<std::pair<std::string, std::string>, std::pair<Row, ModelInfo>> rows;
  bool more = false;
  size_t held = 0;
  {
    const absl::ReaderMutexLock lock(&mu_);
    const auto is_asked = [&](const std::pair<std::string, std::string>& ref) {
      return (request.name().empty() || ref.first == request.name()) && ref > after;
    };
    for (const auto& [ref, entry] : unloading_) {
      if (is_asked(ref) && !entry.life.expired()) rows[ref].second = entry.info;
    }
    for (const auto& [name, of_name] : names_) {
      for (const auto& [version, unused] : of_name.versions) {
        const std::pair ref(name, version);
        if (!is_asked(ref) || ++held > page + 1) continue;
        rows[ref] = {RowOf(name, version), ModelInfo()};  // one that came again hides the old one
      }
    }
  }
  ListModelsResponse response;
  for (const auto& [ref, row] : rows) {
    more = static_cast<size_t>(response.models_size()) == page;
    if (more) break;
    *response.add_models() = row.first.name.empty() ? row.second : InfoOf(row.first);
  }
  if (more) {
    const ModelInfo& last = response.models(response.models_size() - 1);
    response.set_next_page_token(absl::StrCat(last.name(), "/", last.version()));
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

Registry::Row Registry::RowOf(const std::string& name, const std::string& version) const {
  const Name& of_name = names_.at(name);
  Row row = {
      .name = name, .version = version, .entry = of_name.versions.at(version), .etag = absl::StrCat(of_name.changes)};
  for (const auto& [label, of] : of_name.labels) {
    if (of.version != version) continue;
    row.labels.push_back(label);
    if (of.share.has_value()) row.share = of.share;
  }
  return row;
}

ModelInfo Registry::InfoOf(const Row& row) {
  ModelInfo info = row.entry.model == nullptr ? ModelInfo() : row.entry.model->Info();
  info.set_name(row.name);
  info.set_version(row.version);
  info.set_state(row.entry.state);
  info.set_why(row.entry.why);
  info.mutable_labels()->Add(row.labels.begin(), row.labels.end());
  info.set_etag(row.etag);
  if (row.share.has_value()) info.set_canary_share(*row.share);
  if (row.entry.counts->any()) *info.mutable_shadow() = row.entry.counts->Read();
  return info;
}

}  // namespace vickrey::server
