// What an optimizer does with each row of a table, in vector lanes, for the machine's instruction set. Multiplications
// and additions are not fused: the same bits with every instruction set, where no sum over a row is involved.
#ifndef TRAINER_OPTIM_ROW_KERNELS_H_
#define TRAINER_OPTIM_ROW_KERNELS_H_

#include <cstdint>

namespace vickrey::trainer {

// Sums gradients of equal rows: adds those of `members`, rows of `gradients`, to `sums` at `slots`, in order. A slot
// begins with the first one that is added to it; slots come for the first time as 0, 1, ...
struct Repetitions {
  const int32_t* members = nullptr;  // (count)
  const int32_t* slots = nullptr;    // (count)
  int64_t count = 0;
  const float* gradients = nullptr;  // (any, width)
};
void SumRepetitions(const Repetitions& repetitions, int64_t width, float* sums);

// Distinct rows of a table and the sums of their gradients.
struct SummedRows {
  const int64_t* rows = nullptr;  // (count)
  const float* sums = nullptr;    // (count, width)
  int64_t count = 0;
  int64_t width = 0;
};

double SquaredNormOf(const SummedRows& rows);

// One step's constants.
struct RowStep {
  float scale = 1;                   // of the gradients
  float kept = 1;                    // of the weights, by decay
  float rate = 0;                    // with what corrects the bias
  float eps = 0;                     // not of sgd
  float new_in_m = 0, new_in_v = 0;  // 1 - beta; of adam
};

// The rules of TableRule. `weights`: (any, width); `moments`: (any, 2, width), m and v; `accumulators`: (any).
void UpdateAdam(const RowStep& step, const SummedRows& rows, float* weights, float* moments);
void UpdateRowwiseAdagrad(const RowStep& step, const SummedRows& rows, float* weights, float* accumulators);
void UpdateSgd(const RowStep& step, const SummedRows& rows, float* weights);

}  // namespace vickrey::trainer

#endif  // TRAINER_OPTIM_ROW_KERNELS_H_
