#include "vickrey/model/batch.h"

#include <cmath>

#include "vickrey/features/fingerprint.h"
#include "vickrey/features/transform.h"

namespace vickrey::model {
namespace {

using vickrey::v1::EncodedFeatures;
using vickrey::v1::FeatureField;

void AppendTable(const TableInput& table, const EncodedFeatures& encoded, int64_t bag_begin,
                 SideRows::Members* members) {
  if (table.bag) {
    const int64_t length = encoded.bag_lengths(table.position);
    for (int64_t i = 0; i < length; ++i) {
      members->buckets.push_back(
          features::Bucket(encoded.bag_fingerprints(static_cast<int>(bag_begin + i)), table.buckets));
    }
  } else {
    members->buckets.push_back(features::Bucket(encoded.fingerprints(table.position), table.buckets));
  }
  members->offsets.push_back(static_cast<int64_t>(members->buckets.size()));
}

void AppendRow(const SideInputs& inputs, const EncodedFeatures& encoded, SideRows* rows) {
  ++rows->rows;
  for (const DenseInput& input : inputs.dense) {
    float x = encoded.dense(input.position);
    const bool missing = std::isnan(x);
    if (input.transform == FeatureField::SIGNED_LOG1P) x = features::SignedLog1p(x);
    rows->dense.push_back(missing ? 0.0f : x);
    rows->dense.push_back(missing ? 1.0f : 0.0f);
  }
  std::vector<int64_t> bag_begins = {0};
  for (const uint32_t length : encoded.bag_lengths()) bag_begins.push_back(bag_begins.back() + length);
  for (size_t t = 0; t < inputs.tables.size(); ++t) {
    const TableInput& table = inputs.tables[t];
    AppendTable(table, encoded, table.bag ? bag_begins[table.position] : 0, &rows->tables[t]);
  }
}

void CopyRow(const SideRows& from, int64_t row, SideRows* to) {
  ++to->rows;
  const auto width = from.rows == 0 ? 0 : static_cast<int64_t>(from.dense.size()) / from.rows;
  to->dense.insert(to->dense.end(), from.dense.begin() + row * width, from.dense.begin() + (row + 1) * width);
  for (size_t t = 0; t < from.tables.size(); ++t) {
    const SideRows::Members& members = from.tables[t];
    to->tables[t].buckets.insert(to->tables[t].buckets.end(), members.buckets.begin() + members.offsets[row],
                                 members.buckets.begin() + members.offsets[row + 1]);
    to->tables[t].offsets.push_back(static_cast<int64_t>(to->tables[t].buckets.size()));
  }
}

void ClearRows(SideRows* rows) {
  rows->rows = 0;
  rows->dense.clear();
  for (SideRows::Members& members : rows->tables) {
    members.buckets.clear();
    members.offsets.resize(1);
  }
}

}  // namespace

Batch::Batch(const Layout& layout) {
  context.tables.resize(layout.context.tables.size());
  ads.tables.resize(layout.ad.tables.size());
}

void Batch::Append(const Layout& layout, const EncodedFeatures& context_features,
                   const std::vector<const EncodedFeatures*>& candidates) {
  AppendRow(layout.context, context_features, &context);
  for (const EncodedFeatures* candidate : candidates) AppendRow(layout.ad, *candidate, &ads);
  offsets.push_back(offsets.back() + static_cast<int64_t>(candidates.size()));
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
