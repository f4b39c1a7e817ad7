#include "server/registry.h"

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "vickrey/base/status.h"

namespace vickrey::server {
namespace {

using vickrey::v1::DeleteModelRequest;
using vickrey::v1::GetModelRequest;
using vickrey::v1::ListModelsRequest;
using vickrey::v1::ListModelsResponse;
using vickrey::v1::ModelInfo;
using vickrey::v1::ModelRef;
using vickrey::v1::SetModelLabelRequest;

constexpr int kDefaultPage = 100, kMaxPage = 1000;

}  // namespace

absl::StatusOr<ModelInfo> Registry::Register(const std::string& path) {
  ASSIGN_OR_RETURN(const std::filesystem::path folder, artifacts_.FolderOf(path));
  const std::pair<std::string, std::string> parts = absl::StrSplit(path, '/');
  const auto& [name, version] = parts;
  {
    const absl::MutexLock lock(&mu_);
    ModelTable::Version& entry = table_.Add(name, version);
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
    const ModelTable::Version* const held = table_.Find(name, version);
    if (held != nullptr && held->state == ModelInfo::READY && held->model->sha256() != (*loaded)->sha256()) {
      return absl::AlreadyExistsError(absl::StrCat("header.version: ", name, "@", version, " is held with the digest ",
                                                   held->model->sha256(),
                                                   "; what was sent is another artifact: ", (*loaded)->sha256()));
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
  ModelTable::Row row;
  {
    const absl::MutexLock lock(&mu_);
    ModelTable::Version& entry = table_.Add(name, version);
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
    row = table_.RowOf(name, version);
  }
  return row.Info();
}

absl::StatusOr<ModelInfo> Registry::Delete(const DeleteModelRequest& request) {
  RETURN_IF_ERROR(CheckFolderName("name", request.name()));
  RETURN_IF_ERROR(CheckFolderName("version", request.version()));
  ModelInfo info;
  absl::StatusOr<ModelTable::Row> row;
  {
    const absl::MutexLock lock(&mu_);
    row = table_.TakeOut(request);
  }
  if (row.ok()) {
    info = row->Info();
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

absl::StatusOr<Registry::LoadedModel> Registry::Find(const ModelRef& ref) const {
  ASSIGN_OR_RETURN(Choice choice, Choose(ref, std::nullopt));
  return std::move(choice.model);
}

absl::StatusOr<Registry::Choice> Registry::Choose(const ModelRef& ref,
                                                  std::optional<std::string_view> auction_id) const {
  const absl::ReaderMutexLock lock(&mu_);
  return table_.Choose(ref, auction_id);
}

absl::StatusOr<std::vector<ModelInfo>> Registry::SetLabel(const SetModelLabelRequest& request) {
  absl::StatusOr<std::vector<ModelTable::Row>> rows;
  {
    const absl::MutexLock lock(&mu_);
    rows = table_.SetLabel(request);
  }
  RETURN_IF_ERROR(rows);
  std::vector<ModelInfo> infos;
  for (const ModelTable::Row& row : *rows) infos.push_back(row.Info());
  return infos;
}

absl::StatusOr<ModelInfo> Registry::Get(const GetModelRequest& request) const {
  RETURN_IF_ERROR(CheckModelId("name", request.name()));
  RETURN_IF_ERROR(CheckModelId("version", request.version()));
  ModelTable::Row row;
  {
    const absl::ReaderMutexLock lock(&mu_);
    if (table_.Find(request.name(), request.version()) == nullptr) {
      const auto unloading = unloading_.find({request.name(), request.version()});
      if (unloading != unloading_.end() && !unloading->second.life.expired()) return unloading->second.info;
      return absl::NotFoundError(
          absl::StrCat(request.name(), "@", request.version(), " is not held; held: ", table_.Held(request.name())));
    }
    row = table_.RowOf(request.name(), request.version());
  }
  return row.Info();
}

absl::StatusOr<ListModelsResponse> Registry::List(const ListModelsRequest& request) const {
  if (request.page_size() < 0 || request.page_size() > kMaxPage) {
    return base::InvalidField("page_size", absl::StrCat(request.page_size(), " is out of range; 1 to ", kMaxPage,
                                                        ", or 0 for ", kDefaultPage, ", are allowed"));
  }
  if (!request.name().empty()) RETURN_IF_ERROR(CheckModelId("name", request.name()));
  // A token is the last entry of the page before, which need not be there any more.
  std::pair<std::string, std::string> after;
  if (!request.page_token().empty()) {
    const std::vector<std::string> parts = absl::StrSplit(request.page_token(), '/');
    if (parts.size() != 2) {
      return base::InvalidField("page_token", absl::StrCat("'", absl::CHexEscape(request.page_token().substr(0, 60)),
                                                           "' is not a token of an answer"));
    }
    after = {parts[0], parts[1]};
  }
  const size_t page = request.page_size() == 0 ? kDefaultPage : request.page_size();
  std::map<std::pair<std::string, std::string>, std::pair<ModelTable::Row, ModelInfo>> rows;
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
    table_.ForEach([&](const std::string& name, const std::string& version, const auto&) {
      mu_.AssertReaderHeld();
      const std::pair ref(name, version);
      if (!is_asked(ref) || ++held > page + 1) return;
      rows[ref] = {table_.RowOf(name, version), ModelInfo()};  // one that came again hides the old one
    });
  }
  ListModelsResponse response;
  for (const auto& [ref, row] : rows) {
    more = static_cast<size_t>(response.models_size()) == page;
    if (more) break;
    *response.add_models() = row.first.name.empty() ? row.second : row.first.Info();
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
  table_.ForEach([&](const std::string& name, const std::string& version, const ModelTable::Version& entry) {
    states[absl::StrCat(name, "@", version)] = entry.state;
  });
  return states;
}

std::map<std::string, ShadowCounts::Sums> Registry::Shadows() const {
  std::map<std::string, ShadowCounts::Sums> shadows;
  const absl::ReaderMutexLock lock(&mu_);
  table_.ForEach([&](const std::string& name, const std::string& version, const ModelTable::Version& entry) {
    if (entry.counts->any()) shadows[absl::StrCat(name, "@", version)] = entry.counts->sums();
  });
  return shadows;
}

}  // namespace vickrey::server
