// `vickrey market`: auctions of synthetic markets.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "vickrey/base/config.h"
#include "vickrey/base/shard.h"
#include "vickrey/base/time.h"
#include "vickrey/base/tool.h"
#include "vickrey/features/schema.h"
#include "vickrey/market/market.h"
#include "vickrey/metric/blocks.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

struct Flags {
  std::string scenario;
  int64_t auctions = 0;
  uint64_t seed = 1;
  std::string shard = "0/1";
  std::string params;
};

absl::Status List() {
  for (const market::ScenarioInfo& info : market::ListScenarios()) {
    vickrey::v1::ScenarioLine line;
    line.set_scenario(std::string(info.name));
    line.set_summary(std::string(info.summary));
    line.set_formula(std::string(info.formula));
    line.set_student(std::string(info.student));
    for (const std::string_view parameter : info.parameters) line.add_parameters(std::string(parameter));
    vickrey::config::v1::MarketConfig config;
    config.set_scenario(line.scenario());
    RETURN_IF_ERROR(base::FinishConfig("market", &config));
    ASSIGN_OR_RETURN(const auto scenario, market::MakeScenario(config, /*seed=*/1));
    line.set_schema(std::string(scenario->shape().schema));
    base::WriteLine(line);
  }
  return absl::OkStatus();
}

absl::StatusOr<vickrey::config::v1::MarketConfig> ConfigOf(const Flags& flags) {
  vickrey::config::v1::MarketConfig config;
  if (!flags.params.empty()) RETURN_IF_ERROR(base::LoadConfigFile(flags.params, &config));
  if (!flags.scenario.empty()) {
    if (!config.scenario().empty() && config.scenario() != flags.scenario) {
      return base::InvalidField("--scenario", absl::StrCat("'", flags.scenario, "' is not the scenario of ",
                                                           flags.params, ", '", config.scenario(), "'"));
    }
    config.set_scenario(flags.scenario);
  }
  return config;
}

absl::Status Schema(const Flags& flags) {
  ASSIGN_OR_RETURN(auto config, ConfigOf(flags));
  config.clear_mean_ctr();  // takes time to solve for, and the schema does not depend on it
  ASSIGN_OR_RETURN(const auto market, market::Market::Create(config, flags.seed));
  base::WriteLine(features::ForFile(market->schema()));
  return absl::OkStatus();
}

absl::Status Generate(const Flags& flags) {
  ASSIGN_OR_RETURN(const auto config, ConfigOf(flags));
  ASSIGN_OR_RETURN(const base::Shard shard, base::ParseShard(flags.shard));
  ASSIGN_OR_RETURN(const auto market, market::Market::Create(config, flags.seed));
  // Every event time must be one that a log takes.
  if (flags.auctions > 0 && flags.auctions - 1 > (base::kLastEventTime - market->config().start_time()) /
                                                     market->config().interval_micros()) {
    return base::InvalidField(
        "--auctions", absl::StrCat(flags.auctions, " reach past the year 9999; fewer, or a shorter interval_micros"));
  }
  const base::IndexRange range = base::RangeOf(shard, flags.auctions, metric::kBlockAuctions);
  market::SyntheticAuction auction;
  for (int64_t i = range.begin; i < range.end; ++i) {
    market->Generate(i, &auction);
    base::WriteLine(market->ToLine(auction));
    if (i % 1024 == 0) RETURN_IF_ERROR(base::FlushLines());  // a full disk ends it
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace vickrey::tools

int main(int argc, char** argv) {
  namespace tools = vickrey::tools;
  vickrey::base::Tool tool(
      "vickrey-market", "Generates auctions of synthetic markets, the true click probability of each candidate known");
  tools::Flags flags;
  tool.AddVerb("list", "The scenarios", "vickrey market list", &tools::List);
  CLI::App& generate = tool.AddVerb("generate", "Auctions of a scenario, as JSON lines",
                                    "vickrey market generate --scenario interaction --auctions 10 --seed 1",
                                    [&flags] { return tools::Generate(flags); });
  CLI::App& schema =
      tool.AddVerb("schema", "The fields of a scenario's features, for data.schema of a training",
                   "vickrey market schema --scenario thin_tower", [&flags] { return tools::Schema(flags); });
  for (CLI::App* verb : {&generate, &schema}) {
    verb->add_option("--scenario", flags.scenario, "See `vickrey market list`; may also stand in --params");
    verb->add_option("--params", flags.params, "A YAML or JSON file of MarketConfig")->check(CLI::ExistingFile);
  }
  generate.add_option("--auctions", flags.auctions, "How many")
      ->required()
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 50));
  generate.add_option("--seed", flags.seed, "Everything random follows from it");
  generate.add_option("--shard", flags.shard, "Only part i of n, i/n: the parts, in order, are the whole");
  return tool.Run(argc, argv);
}
