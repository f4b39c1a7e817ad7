#include "vickrey/model/batch.h"

#include <cmath>

#include "vickrey/features/fingerprint.h"
#include "vickrey/features/transform.h"

namespace vickrey::model {
namespace {

using vickrey::v1::EncodedFeatures;
using vickrey::v1::FeatureField;

// `bag`: where the members of the side's next bag begin.
void AppendTables(const Arena& arena, const EncodedFeatures& encoded, int* bag, SideRows::Members* members) {
  for (const TableInput& table : arena.tables) {
    switch (table.of) {
      case TableInput::Of::kFingerprint:
        members->rows.push_back(table.first_row +
                                features::Bucket(encoded.fingerprints(table.position), table.buckets));
        break;
      case TableInput::Of::kNumber:
        members->rows.push_back(table.first_row + features::BucketOf(encoded.dense(table.position), table.boundaries));
        break;
      case TableInput::Of::kBag:
        for (const int end = *bag + static_cast<int>(encoded.bag_lengths(table.position)); *bag < end; ++*bag) {
          members->rows.push_back(table.first_row + features::Bucket(encoded.bag_fingerprints(*bag), table.buckets));
        }
        members->offsets.push_back(static_cast<int64_t>(members->rows.size()));
        break;
    }
  }
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

void AppendRow(const SideInputs& inputs, const EncodedFeatures& encoded, SideRows* rows) {
  ++rows->rows;
  for (const DenseInput& input : inputs.dense) {
    const float x = encoded.dense(input.position);
    const bool missing = std::isnan(x);
    rows->dense.push_back(missing ? 0.0f : Transformed(input, x));
    rows->dense.push_back(missing ? 1.0f : 0.0f);
  }
  int bag = 0;
  for (size_t a = 0; a < inputs.arenas.size(); ++a) AppendTables(inputs.arenas[a], encoded, &bag, &rows->arenas[a]);
}

template <typename T>
void AppendRange(const std::vector<T>& from, int64_t begin, int64_t end, std::vector<T>* to) {
  to->insert(to->end(), from.begin() + begin, from.begin() + end);
}

void CopyRow(const SideRows& from, int64_t row, SideRows* to) {
  ++to->rows;
  const auto of_each = [&](size_t all) { return static_cast<int64_t>(all) / from.rows; };
  const int64_t width = of_each(from.dense.size());
  AppendRange(from.dense, row * width, (row + 1) * width, &to->dense);
  for (size_t a = 0; a < from.arenas.size(); ++a) {
    const SideRows::Members& members = from.arenas[a];
    if (members.offsets.size() == 1) {
      const int64_t tables = of_each(members.rows.size());
      AppendRange(members.rows, row * tables, (row + 1) * tables, &to->arenas[a].rows);
      continue;
    }
    const int64_t bags = of_each(members.offsets.size() - 1);
    for (int64_t k = row * bags; k < (row + 1) * bags; ++k) {
      AppendRange(members.rows, members.offsets[k], members.offsets[k + 1], &to->arenas[a].rows);
      to->arenas[a].offsets.push_back(static_cast<int64_t>(to->arenas[a].rows.size()));
    }
  }
}

void ClearRows(SideRows* rows) {
  rows->rows = 0;
  rows->dense.clear();
  for (SideRows::Members& members : rows->arenas) {
    members.rows.clear();
    members.offsets.resize(1);
  }
}

}  // namespace

Batch::Batch(const Layout& layout) {
  context.arenas.resize(layout.context.arenas.size());
  ads.arenas.resize(layout.ad.arenas.size());
}

void Batch::Append(const Layout& layout, const EncodedFeatures& context_features,
                   const std::vector<const EncodedFeatures*>& candidates) {
  AppendRow(layout.context, context_features, &context);
  for (const EncodedFeatures* candidate : candidates) AppendRow(layout.ad, *candidate, &ads);
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
