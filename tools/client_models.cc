#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/client.h"
#include "client/connect.h"
#include "tools/client.h"
#include "vickrey/model/model.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::ModelInfo;

struct ModelsFlags {
  std::string artifact, address, path, name, label, version, etag;
  std::optional<double> share;
  bool files = false, json = false;
};

// Lines of JSON; on a terminal, where they were not asked for, a table.
absl::Status WriteModels(const std::vector<ModelInfo>& models, bool json) {
  if (json || isatty(STDOUT_FILENO) == 0) {
    for (const ModelInfo& info : models) base::WriteLine(info);
    return absl::OkStatus();
  }
  std::vector<std::array<std::string, 5>> rows = {{"MODEL", "STATE", "LABELS", "SHA256", "WHY"}};
  for (const ModelInfo& info : models) {
    std::string labels = absl::StrJoin(info.labels(), ",");
    if (info.has_canary_share()) absl::StrAppend(&labels, " (canary ", 100 * info.canary_share(), " %)");
    rows.push_back({absl::StrCat(info.name(), "@", info.version()), ModelInfo::State_Name(info.state()),
                    std::move(labels), info.sha256().substr(0, 12), info.why()});
  }
  std::array<size_t, 5> width = {};
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i)
      absl::StrAppend(&line, row[i], std::string(width[i] + 2 - row[i].size(), ' '));
    std::cout << absl::StripTrailingAsciiWhitespace(line) << '\n';
  }
  return std::cout.flush() ? absl::OkStatus() : absl::UnavailableError("cannot write to stdout");
}

absl::Status Verify(const ModelsFlags& flags) {
  ASSIGN_OR_RETURN(const auto model, model::Model::Load(flags.artifact));
  base::WriteLine(model->Info());
  return absl::OkStatus();
}

absl::Status Show(const ModelsFlags& flags) {
  ASSIGN_OR_RETURN(const auto model, model::Model::Load(flags.artifact));
  base::WriteLine(model->file());
  return absl::OkStatus();
}

absl::Status Register(const ModelsFlags& flags) {
  ASSIGN_OR_RETURN(const auto client, client::Connect(flags.address));
  ASSIGN_OR_RETURN(const ModelInfo info, client->RegisterModel(flags.path));
  return WriteModels({info}, flags.json);
}

absl::Status List(const ModelsFlags& flags) {
  ASSIGN_OR_RETURN(const auto client, client::Connect(flags.address));
  ASSIGN_OR_RETURN(const auto models, client->ListModels(flags.name));
  return WriteModels(models, flags.json);
}

absl::Status Get(const ModelsFlags& flags) {
  ASSIGN_OR_RETURN(const auto client, client::Connect(flags.address));
  ASSIGN_OR_RETURN(const ModelInfo info, client->GetModel(flags.name, flags.version));
  base::WriteLine(info);
  return absl::OkStatus();
}

absl::Status Upload(const ModelsFlags& flags) {
  ASSIGN_OR_RETURN(const auto client, client::Connect(flags.address));
  ASSIGN_OR_RETURN(const auto model, model::Model::Load(flags.artifact));  // what is damaged need not be sent
  ASSIGN_OR_RETURN(ModelInfo info, client->UploadModel(flags.artifact, model->name(), model->version()));
  if (!flags.label.empty()) {
    vickrey::v1::SetModelLabelRequest request;
    request.set_name(info.name());
    request.set_version(info.version());
    request.set_label(flags.label);
    RETURN_IF_ERROR(client->SetModelLabel(request));
    ASSIGN_OR_RETURN(info, client->GetModel(info.name(), info.version()));
  }
  return WriteModels({info}, flags.json);
}

absl::Status Delete(const ModelsFlags& flags) {
  vickrey::v1::DeleteModelRequest request;
  request.set_name(flags.name);
  request.set_version(flags.version);
  request.set_delete_files(flags.files);
  ASSIGN_OR_RETURN(const auto client, client::Connect(flags.address));
  ASSIGN_OR_RETURN(const ModelInfo info, client->DeleteModel(request));
  return WriteModels({info}, flags.json);
}

absl::Status Label(const ModelsFlags& flags) {
  vickrey::v1::SetModelLabelRequest request;
  request.set_name(flags.name);
  request.set_label(flags.label);
  request.set_version(flags.version);
  request.set_etag(flags.etag);
  if (flags.share.has_value()) request.set_share(*flags.share);
  ASSIGN_OR_RETURN(const auto client, client::Connect(flags.address));
  ASSIGN_OR_RETURN(const auto models, client->SetModelLabel(request));
  return WriteModels(models, flags.json);
}

}  // namespace

void AddModels(base::Tool& tool) {
  const auto flags = std::make_shared<ModelsFlags>();
  CLI::App& app = tool.AddVerb("models", "Artifacts, and the models that a server holds",
                               "vickrey models verify /tmp/models/ctr/1", [] { return absl::OkStatus(); });
  app.require_subcommand(1);
  // `arguments`: of the example.
  const auto add = [&](const char* name, const char* summary, const std::string& arguments,
                       absl::Status (*run)(const ModelsFlags&)) -> CLI::App& {
    return tool.AddVerb(app, name, summary, absl::StrCat("vickrey models ", name, " ", arguments),
                        [flags, run] { return run(*flags); });
  };
  const auto add_remote = [&](const char* name, const char* summary, const std::string& arguments,
                              absl::Status (*run)(const ModelsFlags&)) -> CLI::App& {
    CLI::App& verb =
        add(name, summary, absl::StrCat(arguments, arguments.empty() ? "" : " ", "--address 127.0.0.1:50051"), run);
    verb.add_option("--address", flags->address, "The server's HOST:PORT")->required();
    return verb;
  };
  add("verify", "Check an artifact as a server would, and say what it is", "/tmp/models/ctr/1", &Verify)
      .add_option("DIR", flags->artifact, "NAME/VERSION")
      ->required();
  add("show", "All that an artifact says of itself", "/tmp/models/ctr/1", &Show)
      .add_option("DIR", flags->artifact, "NAME/VERSION")
      ->required();
  CLI::App& enter =
      add_remote("register", "Have a server load a version from under its artifact root", "ctr/1", &Register);
  enter.add_option("PATH", flags->path, "NAME/VERSION, relative to the artifact root")->required();
  CLI::App& upload = add_remote("upload", "Send an artifact to a server, which checks it and takes it in",
                                "/tmp/models/ctr/1", &Upload);
  upload.add_option("DIR", flags->artifact, "NAME/VERSION")->required();
  upload.add_option("--label", flags->label, "Then have it bear this label")->default_str("none");
  CLI::App& list = add_remote("list", "The versions that a server holds", "", &List);
  list.add_option("--name", flags->name, "Only of this name")->default_str("all");
  for (const auto& [name, summary, run] : {std::tuple("get", "One version that a server holds", &Get),
                                           std::tuple("delete", "Take a version out of a server", &Delete)}) {
    CLI::App& verb = add_remote(name, summary, "ctr 1", run);
    verb.add_option("NAME", flags->name, "The model")->required();
    verb.add_option("VERSION", flags->version, "Which version")->required();
    if (run != &Delete) continue;
    verb.add_flag("--files", flags->files, "Delete its files under the artifact root too");
    verb.add_flag("--json", flags->json, "JSON on a terminal too");
  }
  CLI::App& label = add_remote("label", "Move a label to a version, or remove it", "ctr canary 2 --share 0.05", &Label);
  label.add_option("NAME", flags->name, "The model")->required();
  label.add_option("LABEL", flags->label, "Such as stable, canary, shadow")->required();
  label.add_option("VERSION", flags->version, "Which version shall bear it; none: remove it");
  label.add_option("--etag", flags->etag, "Only if the labels are as they were when this was read")->default_str("any");
  label
      .add_option("--share", flags->share,
                  "For canary: the share of the auctions which ask for the name alone that it gets, in (0, 1]")
      ->default_str("none");
  for (CLI::App* const verb : {&enter, &upload, &list, &label})
    verb->add_flag("--json", flags->json, "JSON on a terminal too");
  AddPromote(tool, app);
}

void AddHealth(base::Tool& tool) {
  const auto address = std::make_shared<std::string>();
  CLI::App& app =
      tool.AddVerb("health", "Whether a server takes calls: exit 0 if it does, 1 if not, 3 if there is none",
                   "vickrey health --address 127.0.0.1:50051", [address]() -> absl::Status {
                     ASSIGN_OR_RETURN(const auto client, client::Connect(*address));
                     ASSIGN_OR_RETURN(const bool serving, client->IsServing());
                     vickrey::v1::HealthLine line;
                     line.set_address(*address);
                     line.set_status(serving ? "SERVING" : "NOT_SERVING");
                     base::WriteLine(line);
                     return serving ? absl::OkStatus() : base::CheckFailed();
                   });
  app.add_option("--address", *address, "The server's HOST:PORT")->required();
}

}  // namespace vickrey::tools
