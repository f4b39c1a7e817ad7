#include "vickrey/model/batch.h"

#include <cmath>

#include "vickrey/features/transform.h"

namespace vickrey::model {
namespace {

using vickrey::v1::EncodedFeatures;
using vickrey::v1::FeatureField;

void AppendSingles(const Arena& arena, const RawRow& raw, std::vector<int32_t>* buckets) {
  const size_t before = buckets->size();
  buckets->resize(before + arena.tables.size());
  int32_t* bucket = buckets->data() + before;
  for (const TableInput& table : arena.tables) {
    *bucket++ = static_cast<int32_t>(table.of == TableInput::Of::kFingerprint
                                         ? table.bucketing(raw.fingerprints[table.position])
                                         : features::BucketOf(raw.dense[table.position], table.boundaries));
  }
}

// `bag`: where the members of the side's next bag begin.
void AppendBag(const TableInput& table, const RawRow& raw, int64_t* bag, SideRows* rows) {
  for (const int64_t end = *bag + raw.bag_lengths[table.position]; *bag < end; ++*bag) {
    rows->bag_buckets.push_back(static_cast<int32_t>(table.bucketing(raw.bag_fingerprints[*bag])));
  }
  rows->bag_offsets.push_back(static_cast<int64_t>(rows->bag_buckets.size()));
}

float Transformed(const DenseInput& input, float x) {
  switch (input.transform) {
    case FeatureField::SIGNED_LOG1P:
      return features::SignedLog1p(x);
    case FeatureField::STANDARDIZE:
      return features::Standardize(x, input.mean, input.deviation);
    default:
      return x;
  }
}

RawRow RowOf(const EncodedFeatures& encoded) {
  return {.dense = encoded.dense().data(),
          .fingerprints = encoded.fingerprints().data(),
          .bag_lengths = encoded.bag_lengths().data(),
          .bag_fingerprints = encoded.bag_fingerprints().data()};
}

void AppendRow(const SideInputs& inputs, const RawRow& raw, SideRows* rows) {
  ++rows->rows;
  const size_t before = rows->dense.size();
  rows->dense.resize(before + inputs.dense_width());
  float* dense = rows->dense.data() + before;
  for (const DenseInput& input : inputs.dense) {
    const float x = raw.dense[input.position];
    const bool missing = std::isnan(x);
    *dense++ = missing ? 0.0f : Transformed(input, x);
    *dense++ = missing ? 1.0f : 0.0f;
  }
  int64_t bag = 0;
  for (const Arena& arena : inputs.arenas) {
    if (!arena.bags) {
      AppendSingles(arena, raw, &rows->buckets);
      continue;
    }
    for (const TableInput& table : arena.tables) AppendBag(table, raw, &bag, rows);
  }
}

template <typename T>
void AppendRange(const std::vector<T>& from, int64_t begin, int64_t end, std::vector<T>* to) {
  to->insert(to->end(), from.begin() + begin, from.begin() + end);
}

void CopyRow(const SideRows& from, int64_t row, SideRows* to) {
  ++to->rows;
  const auto copy = [&](const auto& all, auto* copied) {
    const auto width = static_cast<int64_t>(all.size()) / from.rows;
    AppendRange(all, row * width, (row + 1) * width, copied);
  };
  copy(from.dense, &to->dense);
  copy(from.buckets, &to->buckets);
  const int64_t bags = static_cast<int64_t>(from.bag_offsets.size() - 1) / from.rows;
  for (int64_t k = row * bags; k < (row + 1) * bags; ++k) {
    AppendRange(from.bag_buckets, from.bag_offsets[k], from.bag_offsets[k + 1], &to->bag_buckets);
    to->bag_offsets.push_back(static_cast<int64_t>(to->bag_buckets.size()));
  }
}

void ClearRows(SideRows* rows) {
  rows->rows = 0;
  rows->dense.clear();
  rows->buckets.clear();
  rows->bag_buckets.clear();
  rows->bag_offsets.resize(1);
}

}  // namespace

void Batch::Append(const Layout& layout, const EncodedFeatures& context_features,
                   const std::vector<const EncodedFeatures*>& candidates) {
  AppendRow(layout.context, RowOf(context_features), &context);
  for (const EncodedFeatures* candidate : candidates) AppendRow(layout.ad, RowOf(*candidate), &ads);
  offsets.push_back(ads.rows);
}

void Batch::Append(const Layout& layout, const RawRow& context_row, std::span<const RawRow> candidates) {
  AppendRow(layout.context, context_row, &context);
  for (const RawRow& candidate : candidates) AppendRow(layout.ad, candidate, &ads);
  offsets.push_back(ads.rows);
}

void Batch::AppendFrom(const Batch& other, int64_t auction) {
  CopyRow(other.context, auction, &context);
  for (int64_t i = other.offsets[auction]; i < other.offsets[auction + 1]; ++i) CopyRow(other.ads, i, &ads);
  offsets.push_back(offsets.back() + other.offsets[auction + 1] - other.offsets[auction]);
}

void Batch::Clear() {
  offsets.resize(1);
  ClearRows(&context);
  ClearRows(&ads);
}

}  // namespace vickrey::model
