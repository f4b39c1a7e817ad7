#ifndef TRAINER_OPTIM_TABLE_MEMORY_H_
#define TRAINER_OPTIM_TABLE_MEMORY_H_

#include <ATen/core/Tensor.h>

namespace vickrey::trainer {

// Zeros, as at::zeros, of which on the CPU nothing has memory before it is first written, and large ones lie on huge
// pages where the system has them: a batch reads rows anywhere in gigabytes of tables, and with pages of 4 KB nearly
// every one of them also reads the page table. Throws as LibTorch does.
at::Tensor TableZeros(at::IntArrayRef sizes, const at::TensorOptions& options);

}  // namespace vickrey::trainer

#endif  // TRAINER_OPTIM_TABLE_MEMORY_H_
