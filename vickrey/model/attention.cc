#include "vickrey/model/attention.h"

#include <algorithm>
#include <span>
#include <vector>

#include "vickrey/model/softmax.h"

namespace vickrey::model {
namespace {

constexpr int64_t kPanel = PackedMatrix::kPanel;
// Fields whose scores with all others are in memory at a time.
constexpr int64_t kQueries = 64;

// Of the query, the key, the value and the residual, one below the other.
PackedMatrix Stacked(const std::string& prefix, const TensorViews& file) {
  std::vector<float> rows;
  int64_t outputs = 0, inputs = 0;
  for (const char* part : {".query", ".key", ".value", ".residual"}) {
    const TensorView& weight = file.tensors.at(prefix + part);
    rows.insert(rows.end(), weight.values.begin(), weight.values.end());
    outputs += weight.shape[0];
    inputs = weight.shape[1];
  }
  return PackedMatrix({{outputs, inputs}, rows});
}

}  // namespace

AttentionLayer::AttentionLayer(const std::string& prefix, int64_t heads, const TensorViews& file)
    : heads_(heads), width_(file.tensors.at(prefix + ".query").shape[0] / heads), projections_(Stacked(prefix, file)) {}

void AttentionLayer::Project(const float* fields, int64_t rows, float* projections) const {
  projections_.Multiply(fields, projections_.inputs(), rows, {}, projections, projected());
}

int64_t AttentionLayer::ScratchFor(int64_t fields) const {
  const int64_t padded = PackedMatrix::Padded(fields), wide = PackedMatrix::Padded(width_);
  return width_ * padded + fields * wide + kQueries * (padded + wide + 1);
}

void AttentionLayer::PackKeys(const Fields& fields, int64_t head, int64_t place, float* panels) const {
  for (int64_t i = 0; i < fields.count; ++i) {
    const float* const key = fields.rows + i * projected() + outputs() + head * width_;
    float* const to = panels + (place + i) / kPanel * width_ * kPanel + (place + i) % kPanel;
    for (int64_t j = 0; j < width_; ++j) to[j * kPanel] = key[j];
  }
}

void AttentionLayer::PackValues(const Fields& fields, int64_t head, int64_t place, int64_t all, float* panels) const {
  for (int64_t j = 0; j < width_; j += kPanel, panels += all * kPanel) {
    const int64_t wide = std::min(kPanel, width_ - j);
    for (int64_t i = 0; i < fields.count; ++i) {
      const float* const value = fields.rows + i * projected() + 2 * outputs() + head * width_ + j;
      float* const to = panels + (place + i) * kPanel;
      std::fill(std::copy_n(value, wide, to), to + kPanel, 0.0f);
    }
  }
}

void AttentionLayer::Attend(const Fields& first, const Fields& second, float* scratch, float* y) const {
  const int64_t all = first.count + second.count;
  const int64_t padded = PackedMatrix::Padded(all), wide = PackedMatrix::Padded(width_);
  float* const keys = scratch;
  float* const values = keys + width_ * padded;
  float* const scores = values + all * wide;
  float* const mixed = scores + kQueries * padded;
  float* const inverse = mixed + kQueries * wide;
  std::fill_n(keys, width_ * padded, 0.0f);  // also behind the last key
  for (int64_t head = 0; head < heads_; ++head) {
    PackKeys(first, head, 0, keys);
    PackKeys(second, head, first.count, keys);
    PackValues(first, head, 0, all, values);
    PackValues(second, head, first.count, all, values);
    float* to = y + head * width_;
    for (const Fields& fields : {first, second}) {
      for (int64_t begin = 0; begin < fields.count; begin += kQueries) {
        const int64_t queries = std::min(kQueries, fields.count - begin);
        const float* const rows = fields.rows + begin * projected();
        Multiply({width_, all, keys}, rows + head * width_, projected(), queries, {}, scores, padded);
        Softmax(queries, all, scores, padded, inverse);
        Multiply({all, width_, values}, scores, padded, queries, {}, mixed, wide);
        for (int64_t i = 0; i < queries; ++i, to += outputs()) {
          const float* const residual = rows + i * projected() + 3 * outputs() + head * width_;
          for (int64_t j = 0; j < width_; ++j) {
            const float sum = mixed[i * wide + j] * inverse[i] + residual[j];
            to[j] = sum < 0 ? 0 : sum;  // a NaN stays
          }
        }
      }
    }
  }
}

}  // namespace vickrey::model
