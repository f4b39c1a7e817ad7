// Running a test with the vectors of every instruction set of the machine.
#ifndef VICKREY_BASE_INSTRUCTION_SETS_TESTING_H_
#define VICKREY_BASE_INSTRUCTION_SETS_TESTING_H_

#include <hwy/targets.h>

#include "gtest/gtest.h"

namespace vickrey::base {

// Calls `check` once for each, what is picked at run time being that one. Not for tests with threads.
template <typename F>
void ForEachInstructionSet(F check) {
  for (int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) {
    hwy::SetSupportedTargetsForTest(left & -left);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    SCOPED_TRACE(hwy::TargetName(left & -left));
    check();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace vickrey::base

#endif  // VICKREY_BASE_INSTRUCTION_SETS_TESTING_H_
