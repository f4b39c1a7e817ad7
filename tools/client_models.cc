#include <memory>
#include <string>

#include "client/client.h"
#include "tools/client.h"
#include "vickrey/model/model.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::ModelInfo;

struct Flags {
  std::string artifact, address, path, name, label, version, etag;
};

absl::Status Verify(const Flags& flags) {
  ASSIGN_OR_RETURN(const auto model, model::Model::Load(flags.artifact));
  base::WriteLine(model->Info());
  return absl::OkStatus();
}

absl::Status Show(const Flags& flags) {
  ASSIGN_OR_RETURN(const auto model, model::Model::Load(flags.artifact));
  base::WriteLine(model->file());
  return absl::OkStatus();
}

absl::Status Register(const Flags& flags) {
  ASSIGN_OR_RETURN(const ModelInfo info, client::Client(flags.address).RegisterModel(flags.path));
  base::WriteLine(info);
  return absl::OkStatus();
}

absl::Status List(const Flags& flags) {
  ASSIGN_OR_RETURN(const auto models, client::Client(flags.address).ListModels(flags.name));
  for (const ModelInfo& info : models) base::WriteLine(info);
  return absl::OkStatus();
}

absl::Status Label(const Flags& flags) {
  vickrey::v1::SetModelLabelRequest request;
  request.set_name(flags.name);
  request.set_label(flags.label);
  request.set_version(flags.version);
  request.set_etag(flags.etag);
  ASSIGN_OR_RETURN(const auto models, client::Client(flags.address).SetModelLabel(request));
  for (const ModelInfo& info : models) base::WriteLine(info);
  return absl::OkStatus();
}

}  // namespace

void AddModels(base::Tool& tool) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& app = tool.AddVerb("models", "Artifacts, and the models that a server holds",
                               "vickrey models verify /tmp/models/ctr/1", [] { return absl::OkStatus(); });
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* summary, absl::Status (*run)(const Flags&)) -> CLI::App& {
    return tool.AddVerb(app, name, summary, [flags, run] { return run(*flags); });
  };
  const auto add_remote = [&](const char* name, const char* summary, absl::Status (*run)(const Flags&)) -> CLI::App& {
    CLI::App& verb = add(name, summary, run);
    verb.add_option("--address", flags->address, "The server's HOST:PORT")->required();
    return verb;
  };
  add("verify", "Check an artifact as a server would, and say what it is", &Verify)
      .add_option("DIR", flags->artifact, "NAME/VERSION")
      ->required();
  add("show", "All that an artifact says of itself", &Show)
      .add_option("DIR", flags->artifact, "NAME/VERSION")
      ->required();
  add_remote("register", "Have a server load a version from under its artifact root", &Register)
      .add_option("PATH", flags->path, "NAME/VERSION, relative to the artifact root")
      ->required();
  add_remote("list", "The versions that a server holds", &List)
      .add_option("--name", flags->name, "Only of this name")
      ->default_str("all");
  CLI::App& label = add_remote("label", "Move a label to a version, or remove it", &Label);
  label.add_option("NAME", flags->name, "The model")->required();
  label.add_option("LABEL", flags->label, "Such as stable, canary, shadow")->required();
  label.add_option("VERSION", flags->version, "Which version shall bear it; none: remove it");
  label.add_option("--etag", flags->etag, "Only if the labels are as they were when this was read")->default_str("any");
}

void AddHealth(base::Tool& tool) {
  const auto address = std::make_shared<std::string>();
  CLI::App& app =
      tool.AddVerb("health", "Whether a server takes calls: exit 0 if it does, 1 if not, 3 if there is none",
                   "vickrey health --address 127.0.0.1:50051", [address]() -> absl::Status {
                     ASSIGN_OR_RETURN(const bool serving, client::Client(*address).IsServing());
                     vickrey::v1::HealthLine line;
                     line.set_address(*address);
                     line.set_status(serving ? "SERVING" : "NOT_SERVING");
                     base::WriteLine(line);
                     return serving ? absl::OkStatus() : base::CheckFailed();
                   });
  app.add_option("--address", *address, "The server's HOST:PORT")->required();
}

}  // namespace vickrey::tools
