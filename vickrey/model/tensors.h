// Named float tensors and their file format, safetensors: eight bytes of header length, a JSON header, the values.
// https://github.com/huggingface/safetensors (format description); Python's `safetensors` reads what is written here.
#ifndef VICKREY_MODEL_TENSORS_H_
#define VICKREY_MODEL_TENSORS_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
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

// A tensor whose values lie elsewhere, in a mapped file say, which must outlive it.
struct TensorView {
  std::vector<int64_t> shape;
  std::span<const float> values;  // row-major
};

// A file whose values lie elsewhere.
struct TensorViews {
  std::map<std::string, TensorView> tensors;
  std::map<std::string, std::string> metadata;
};

// A copy of a tensor's values. REQUIRES: it is there.
inline std::vector<float> Values(const TensorViews& file, const std::string& name) {
  const std::span<const float> values = file.tensors.at(name).values;
  return {values.begin(), values.end()};
}

TensorViews ViewOf(const TensorFile& file);
TensorFile CopyOf(const TensorViews& views);

// The bytes in front of the values, which follow in the order of the names: for who writes those by themselves.
std::string TensorHeader(const std::map<std::string, std::vector<int64_t>>& shapes,
                         const std::map<std::string, std::string>& metadata);

// Hands the bytes of a file to `sink`, from the first to the last and in pieces of at most 1 MB but for the header, so
// that no second copy of the values is made. Ends with the sink's first error.
// REQUIRES: every tensor has as many values as its shape says; names and metadata are UTF-8, and no name is
// __metadata__.
absl::Status WriteTensors(const TensorViews& file, absl::FunctionRef<absl::Status(std::string_view bytes)> sink);

// All of these bytes. REQUIRES: as WriteTensors.
std::string SerializeTensors(const TensorFile& file);

// What the format allows a header.
inline constexpr size_t kMaxHeaderBytes = 100'000'000;

// The tensors of a file, whose views lie in `bytes`.
// DATA_LOSS saying what is wrong: a header that is cut, too long or not JSON, a name that comes twice, a type other
// than F32 (by its name), values that overlap, leave holes, lie outside, are not aligned in memory or are not as many
// as the shape says. Whether they are finite is not looked at.
absl::StatusOr<TensorViews> ParseTensors(std::string_view bytes, size_t max_header_bytes = kMaxHeaderBytes);

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_TENSORS_H_
