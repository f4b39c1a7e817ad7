// model::ParseTensors. An input is a file. It is DATA_LOSS, or its tensors lie within the input and one behind the
// other, have as many values as their shapes say, and are the same bit by bit after they are written and read again.
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzzing.h"
#include "vickrey/model/tensors.h"

namespace vickrey::fuzz {
namespace {

// A copy that begins where any type may.
class Aligned {
 public:
  explicit Aligned(std::string_view bytes) : memory_(bytes.size() / sizeof(uint64_t) + 1), size_(bytes.size()) {
    if (size_ > 0) std::memcpy(memory_.data(), bytes.data(), size_);
  }
  std::string_view bytes() const { return {reinterpret_cast<const char*>(memory_.data()), size_}; }

 private:
  std::vector<uint64_t> memory_;
  const size_t size_;
};

void RequireWithin(std::string_view bytes, const model::TensorViews& file) {
  size_t values = 0;
  for (const auto& [name, tensor] : file.tensors) {
    Require(static_cast<int64_t>(tensor.values.size()) == model::CountOf(tensor.shape), "a shape has its values");
    const auto* first = reinterpret_cast<const char*>(tensor.values.data());
    Require(first >= bytes.data() && first + tensor.values.size_bytes() <= bytes.data() + bytes.size(),
            "values lie within the file");
    Require(reinterpret_cast<uintptr_t>(first) % alignof(float) == 0, "values are aligned");
    values += tensor.values.size_bytes();
  }
  Require(values + sizeof(uint64_t) <= bytes.size(), "no value is of two tensors");
}

void RequireSame(const model::TensorViews& a, const model::TensorViews& b) {
  Require(a.metadata == b.metadata, "metadata is the same");
  Require(a.tensors.size() == b.tensors.size(), "there are as many tensors");
  for (const auto& [name, tensor] : a.tensors) {
    const auto found = b.tensors.find(name);
    Require(found != b.tensors.end() && found->second.shape == tensor.shape, "name and shape are the same");
    const auto& values = found->second.values;
    Require(values.size() == tensor.values.size(), "there are as many values");
    Require(values.empty() || std::memcmp(values.data(), tensor.values.data(), values.size_bytes()) == 0,
            "values are the same");
  }
}

}  // namespace
}  // namespace vickrey::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vickrey::fuzz;
  namespace model = vickrey::model;
  const Aligned input({reinterpret_cast<const char*>(data), size});
  const auto read = model::ParseTensors(input.bytes());
  Require(read.ok() || absl::IsDataLoss(read.status()), "a file is good or damaged");
  if (!read.ok()) return 0;
  RequireWithin(input.bytes(), *read);
  const std::string written = model::SerializeTensors(model::CopyOf(*read));
  const Aligned again(written);
  const auto reread = model::ParseTensors(again.bytes());
  Require(reread.ok(), "what was written can be read");
  RequireWithin(again.bytes(), *reread);
  RequireSame(*read, *reread);
  Require(model::SerializeTensors(model::CopyOf(*reread)) == written, "the same tensors make the same file");
  return 0;
}
