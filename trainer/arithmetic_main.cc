// `vickrey arithmetic`: a small digit transformer on generated arithmetic, with and without a number-token loss.
#include <ATen/Parallel.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trainer/arithmetic/config.h"
#include "trainer/arithmetic/digit_transformer.h"
#include "trainer/arithmetic/fit.h"
#include "trainer/arithmetic/judge.h"
#include "trainer/arithmetic/problems.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/tool.h"
#include "vickrey/torch/exceptions.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::trainer::arithmetic {
namespace {

using vickrey::config::v1::ArithmeticConfig;

constexpr Split kSplits[] = {Split::kTrain, Split::kInterpolation, Split::kExtrapolation, Split::kLonger};

struct Flags {
  std::string config;
  std::vector<std::string> settings;
  std::optional<uint64_t> seed;
  bool answers = false, plan = false;
};

// How many problems of each split would be judged, and nothing trained.
void WritePlan(const ArithmeticConfig& config, const Problems& problems) {
  for (const Split split : kSplits) {
    vickrey::v1::ArithmeticSplitLine line;
    line.set_split(std::string(NameOf(split)));
    line.set_problems(static_cast<int64_t>(problems.Sample(split, config.judged()).size()));
    base::WriteLine(line);
  }
}

void WriteAnswers(const Problems& problems, Split split, const std::vector<Problem>& asked,
                  const std::vector<std::string>& answers) {
  for (size_t i = 0; i < asked.size(); ++i) {
    vickrey::v1::ArithmeticAnswerLine line;
    line.set_split(std::string(NameOf(split)));
    line.set_question(problems.Question(asked[i]));
    line.set_answer(answers[i]);
    line.set_right(problems.Answer(asked[i]));
    if (const auto number = problems.NumberOf(answers[i]); number.has_value()) line.set_number(*number);
    line.set_right_number(problems.AnswerOf(asked[i]));
    base::WriteLine(line);
  }
}

absl::Status Run(const Flags& flags) {
  ASSIGN_OR_RETURN(const ArithmeticConfig config, LoadArithmeticConfig(flags.config, flags.settings, flags.seed));
  ASSIGN_OR_RETURN(const Problems problems, Problems::Create(config));
  if (flags.plan) {
    WritePlan(config, problems);
    return absl::OkStatus();
  }
  at::set_num_threads(config.threads());
  ASSIGN_OR_RETURN(DigitTransformer network,
                   torch::CatchTorch([&] { return DigitTransformer(NetworkOf(config, problems)); }));
  ASSIGN_OR_RETURN(const double objective, Fit(config, problems, &network));
  vickrey::v1::ArithmeticSummaryLine last;
  auto& summary = *last.mutable_summary();
  for (const Split split : kSplits) {
    const std::vector<Problem> asked = problems.Sample(split, config.judged());
    ASSIGN_OR_RETURN(const std::vector<std::string> answers, AnswersOf(problems, asked, network));
    if (flags.answers) WriteAnswers(problems, split, asked, answers);
    const auto line = Judge(problems, split, asked, answers);
    base::WriteLine(line);
    *summary.add_splits() = line;
  }
  summary.set_task(config.task());
  summary.set_loss(config.loss());
  if (config.has_lambda()) summary.set_lambda(config.lambda());
  summary.set_seed(config.seed());
  summary.set_digits(config.digits());
  summary.set_largest(config.largest());
  summary.set_steps(config.steps());
  summary.set_parameters(network.parameters().numel());
  summary.set_objective(objective);
  base::WriteLine(last);
  return absl::OkStatus();
}

}  // namespace
}  // namespace vickrey::trainer::arithmetic

int main(int argc, char** argv) {
  vickrey::base::NoteInterrupts();
  namespace arithmetic = vickrey::trainer::arithmetic;
  vickrey::base::Tool tool("vickrey-arithmetic",
                           "Trains a small digit transformer on generated arithmetic and judges its answers");
  arithmetic::Flags flags;
  CLI::App& app = tool.SetAction(
      "echo '{task: addition, digits: 1, loss: ntl_was, steps: 200}' >/tmp/addition.yaml\n"
      "  vickrey arithmetic --config /tmp/addition.yaml --seed 1",
      [&flags] { return arithmetic::Run(flags); });
  app.add_option("--config", flags.config, "A YAML or JSON file of ArithmeticConfig")->required();
  app.add_option("--seed", flags.seed, "In place of the file's");
  app.add_option("--set", flags.settings, "KEY=VALUE over the file, such as loss=ntl_was; may be repeated")
      ->allow_extra_args(false);
  auto* answers =
      app.add_flag("--answers", flags.answers, "A line for each problem that is judged, before the line of its split");
  app.add_flag("--plan", flags.plan, "Print how many problems of each split would be judged, and train nothing")
      ->excludes(answers);
  return tool.Run(argc, argv);
}
