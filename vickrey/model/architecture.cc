#include "vickrey/model/architecture.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"

namespace vickrey::model {
namespace {

constexpr const Architecture* kArchitectures[] = {&kLogistic, &kMlp, &kDcn, &kTwoTower, &kAutoint};

}  // namespace

absl::StatusOr<const Architecture*> FindArchitecture(std::string_view name) {
  std::string known;
  for (const Architecture* architecture : kArchitectures) {
    if (architecture->name == name) return architecture;
    absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(architecture->name));
  }
  return base::InvalidField("architecture", absl::StrCat("'", std::string(name), "' is not known; known: ", known));
}

}  // namespace vickrey::model
