// Named float tensors and their file format, safetensors: eight bytes of header length, a JSON header, the values.
// https://github.com/huggingface/safetensors (format description); Python's `safetensors` reads what is written here.
#ifndef VICKREY_MODEL_TENSORS_H_
#define VICKREY_MODEL_TENSORS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace vickrey::model {

struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> values;  // row-major
};

// Number of values of a shape. REQUIRES: it does not overflow.
int64_t CountOf(const std::vector<int64_t>& shape);

// What a file holds.
struct TensorFile {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

// REQUIRES: every tensor has as many values as its shape says; names and metadata are UTF-8, and no name is
// __metadata__.
std::string SerializeTensors(const TensorFile& file);

// DATA_LOSS saying what is wrong: a header that is cut, too long or not JSON, a type other than F32, values that
// overlap, leave holes, lie outside or are not as many as the shape says.
absl::StatusOr<TensorFile> ParseTensors(std::string_view bytes);

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_TENSORS_H_
