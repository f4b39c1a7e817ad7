#include "server/model_table.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "vickrey/base/quoted.h"
#include "vickrey/base/status.h"
#include "vickrey/features/fingerprint.h"
#include "vickrey/features/schema.h"

namespace vickrey::server {
namespace {

using vickrey::v1::DeleteModelRequest;
using vickrey::v1::ModelInfo;
using vickrey::v1::ModelRef;
using vickrey::v1::SetModelLabelRequest;

constexpr char kStable[] = "stable", kCanary[] = "canary", kShadow[] = "shadow";
constexpr size_t kMaxLabelBytes = 64;

absl::Status CheckLabel(const char* field, const std::string& label) {
  const bool good = !label.empty() && label.size() <= kMaxLabelBytes &&
                    label.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos;
  if (good) return absl::OkStatus();
  return base::InvalidField(field, absl::StrCat(base::Quoted(label), " is not 1 to 64 characters of [a-z0-9_-]"));
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

// For people: the first few.
template <typename Map>
std::string KeysOf(const Map& map) {
  constexpr size_t kMost = 10;
  std::string keys;
  size_t i = 0;
  for (const auto& [key, unused] : map) {
    if (i++ == kMost) return absl::StrCat(keys, " and ", map.size() - kMost, " more");
    absl::StrAppend(&keys, keys.empty() ? "" : ", ", key);
  }
  return keys;
}

}  // namespace

absl::Status CheckModelId(const char* field, const std::string& id) {
  if (features::IsId(id)) return absl::OkStatus();
  return base::InvalidField(field, absl::StrCat(base::Quoted(id), " is not 1 to 128 characters of [A-Za-z0-9._:-]"));
}

ModelTable::Version& ModelTable::Add(const std::string& name, const std::string& version) {
  Name& of_name = names_[name];
  if (of_name.changes == 0) of_name.changes = ++changes_;
  return of_name.versions[version];
}

const ModelTable::Version* ModelTable::Find(const std::string& name, const std::string& version) const {
  const auto of_name = names_.find(name);
  if (of_name == names_.end()) return nullptr;
  const auto found = of_name->second.versions.find(version);
  return found == of_name->second.versions.end() ? nullptr : &found->second;
}

std::string ModelTable::Held(const std::string& name) const {
  const auto of_name = names_.find(name);
  return of_name == names_.end() ? KeysOf(names_) : KeysOf(of_name->second.versions);
}

ModelTable::Row ModelTable::RowOf(const std::string& name, const std::string& version) const {
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

absl::StatusOr<ModelTable::Choice> ModelTable::Choose(const ModelRef& ref,
                                                      std::optional<std::string_view> auction_id) const {
  RETURN_IF_ERROR(CheckModelId("model.name", ref.name()));
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
    return absl::NotFoundError(absl::StrCat("model.version: ", base::Quoted(version), " of ", ref.name(),
                                            " is not held; held: ", KeysOf(versions)));
  }
  if (found->second.state != ModelInfo::READY) {
    return absl::UnavailableError(absl::StrCat(ref.name(), "@", version, " is ",
                                               ModelInfo::State_Name(found->second.state), " ", found->second.why));
  }
  choice.model = found->second.model;
  return choice;
}

absl::StatusOr<std::vector<ModelTable::Row>> ModelTable::SetLabel(const SetModelLabelRequest& request) {
  RETURN_IF_ERROR(CheckModelId("name", request.name()));
  RETURN_IF_ERROR(CheckLabel("label", request.label()));
  RETURN_IF_ERROR(CheckShare(request));
  const auto found = names_.find(request.name());
  if (found == names_.end()) {
    return absl::NotFoundError(absl::StrCat("name: '", request.name(), "' is not held; held: ", KeysOf(names_)));
  }
  Name& name = found->second;
  if (!request.etag().empty() && request.etag() != absl::StrCat(name.changes)) {
    return absl::AbortedError(absl::StrCat("etag: ", base::Quoted(request.etag()), " is not current, which is '",
                                           name.changes, "': the labels were changed meanwhile; read them again"));
  }
  if (request.version().empty()) {
    name.labels.erase(request.label());
  } else {
    const auto version = name.versions.find(request.version());
    if (version == name.versions.end()) {
      return absl::NotFoundError(absl::StrCat("version: ", base::Quoted(request.version()), " of ", request.name(),
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
  std::vector<Row> rows;
  for (const auto& [version, entry] : name.versions) rows.push_back(RowOf(request.name(), version));
  return rows;
}

absl::StatusOr<ModelTable::Row> ModelTable::TakeOut(const DeleteModelRequest& request) {
  const auto name = names_.find(request.name());
  if (name == names_.end()) {
    return absl::NotFoundError(
        absl::StrCat("name: ", base::Quoted(request.name()), " is not held; held: ", KeysOf(names_)));
  }
  const auto version = name->second.versions.find(request.version());
  if (version == name->second.versions.end()) {
    return absl::NotFoundError(absl::StrCat("version: ", base::Quoted(request.version()), " of ", request.name(),
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

ModelInfo ModelTable::Row::Info() const {
  ModelInfo info = entry.model == nullptr ? ModelInfo() : entry.model->Info();
  info.set_name(name);
  info.set_version(version);
  info.set_state(entry.state);
  info.set_why(entry.why);
  info.mutable_labels()->Add(labels.begin(), labels.end());
  info.set_etag(etag);
  if (share.has_value()) info.set_canary_share(*share);
  if (entry.counts->any()) *info.mutable_shadow() = entry.counts->Read();
  return info;
}

}  // namespace vickrey::server
