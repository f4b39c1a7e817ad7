#include "client/cli/dispatch.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace vickrey::client {
namespace {

constexpr std::array kVerbs = std::to_array<Verb>({
    {"serve", "vickrey-server", "host models; run auctions; keep the impression log"},
    {"train", "vickrey-train", "train a model on a snapshot of a log"},
    {"simulate", "vickrey-sim", "play auctions against models and score their welfare"},
    {"traffic", "vickrey-traffic", "have a server decide a market's auctions, and report their clicks"},
    {"report", "vickrey-report", "make a page to read and print of a summary or a study"},
    {"study", "vickrey-study", "compare losses over markets and seeds; tune them with one budget"},
    {"predict", "vickrey-client", "ask a server or an artifact for click probabilities", true},
    {"auction", "vickrey-client", "have a server run auctions", true},
    {"models", "vickrey-client", "register, list, label, verify models", true},
    {"health", "vickrey-client", "ask whether a server takes calls", true},
    {"load", "vickrey-load", "put a server under load and measure its answers"},
    {"log", "vickrey-log", "append to, read, import into, export from a log"},
    {"market", "vickrey-market", "generate auctions of a synthetic market"},
    {"features", "vickrey-features", "fingerprint and encode features"},
    {"eval", "vickrey-eval", "run auctions and compute losses and metrics on JSON lines"},
    {"cost", "vickrey-cost", "measure what the steps of a training cost on this machine"},
    {"arithmetic", "vickrey-arithmetic", "train a digit transformer on generated arithmetic, with number-token losses"},
    {"forecast", "vickrey-forecast", "train forecasts of a price series on a window of a walk-forward"},
    {"price", "vickrey-price", "forecast market prices of impressions and bid by them"},
});

}  // namespace

std::span<const Verb> Verbs() { return kVerbs; }

std::optional<Verb> FindVerb(std::string_view name) {
  const auto found = std::find_if(kVerbs.begin(), kVerbs.end(), [&](const Verb& verb) { return verb.name == name; });
  if (found == kVerbs.end()) return std::nullopt;
  return *found;
}

std::string HelpText(const std::filesystem::path& folder) {
  std::string text =
      "usage: vickrey VERB [ARGS]      vickrey VERB --help      vickrey --version [--json]\n"
      "\n";
  for (const Verb& verb : kVerbs) {
    const bool installed = access((folder / verb.program).c_str(), X_OK) == 0;
    absl::StrAppend(&text, "  ", std::string(verb.name), std::string(12 - verb.name.size(), ' '),
                    std::string(verb.summary), installed ? "" : " (not in this version)", "\n");
  }
  absl::StrAppend(&text,
                  "\nExit codes: 0 good, 1 a check failed, 2 usage or bad input, 3 environment, 4 interrupted.\n");
  return text;
}

}  // namespace vickrey::client
