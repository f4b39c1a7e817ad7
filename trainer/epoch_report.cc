#include "trainer/epoch_report.h"

#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "vickrey/base/json.h"
#include "vickrey/base/progress.h"

namespace vickrey::trainer {

void Report(const vickrey::v1::Epoch& epoch) {
  if (isatty(STDERR_FILENO) != 1) {
    vickrey::v1::EpochLine line;
    *line.mutable_epoch() = epoch;
    base::WriteToStderr(absl::StrCat(base::ToJson(line), "\n"));
    return;
  }
  std::string text = absl::StrFormat("\r\033[K%s: epoch %d of %d, objective %.5g", epoch.model(), epoch.epoch(),
                                     epoch.epochs(), epoch.train_value());
  if (epoch.has_validation_logloss()) {
    absl::StrAppend(&text, absl::StrFormat("; validation: log loss %.5f", epoch.validation_logloss()));
  }
  if (epoch.has_validation_welfare()) {
    absl::StrAppend(&text, absl::StrFormat(", welfare %.5f (by %s)", epoch.validation_welfare(), epoch.reference()));
  }
  base::WriteToStderr(absl::StrCat(text, epoch.best() ? ", the best so far\n" : "\n"));
}

}  // namespace vickrey::trainer
