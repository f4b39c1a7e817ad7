#include "vickrey/features/statistics.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/features/fingerprint.h"

namespace vickrey::features {
namespace {

using vickrey::storage::v1::FieldStatistics;
using vickrey::v1::EncodedFeatures;
using vickrey::v1::FeatureField;

constexpr int64_t kShares = 20;  // the quantiles of FieldStatistics are k / 20

size_t BinOf(uint64_t fingerprint) { return fingerprint >> 58; }
static_assert(uint64_t{1} << (64 - 58) == kFingerprintBins);

// Whether boundaries are to be found for a field.
bool WantsBoundaries(const FeatureField& field) {
  return field.transform() == FeatureField::BUCKETIZE && field.buckets() > 0 && field.boundaries().empty();
}

// The quantiles k / shares of values that are sorted, for k = 1, ..., shares - 1: the value at place ceil(k n / shares)
// from 1 is the least that at least so large a share is at most. REQUIRES: there is a value.
std::vector<float> Quantiles(const std::vector<float>& sorted, int64_t shares) {
  const auto n = static_cast<int64_t>(sorted.size());
  std::vector<float> quantiles;
  for (int64_t k = 1; k < shares; ++k) quantiles.push_back(sorted[(k * n + shares - 1) / shares - 1]);
  return quantiles;
}

}  // namespace

StatisticsBuilder::StatisticsBuilder(std::shared_ptr<const Schema> schema, uint64_t seed) : schema_(std::move(schema)) {
  for (int i = 0; i < schema_->proto().fields_size(); ++i) {
    const FeatureField& field = schema_->proto().fields(i);
    SideRows& rows = side(field.side());
    if (field.kind() == FeatureField::DENSE) {
      rows.dense.push_back({.sample = Reservoir(WantsBoundaries(field) ? kExactBucketizeValues : kExactValues,
                                                base::RandomStream(seed, base::StreamId("features.statistics"), i))});
    } else {
      (field.kind() == FeatureField::CATEGORICAL ? rows.categorical : rows.bags).emplace_back();
    }
  }
}

void StatisticsBuilder::Add(FeatureField::Side side_of_row, std::span<const float> dense,
                            std::span<const uint64_t> fingerprints, std::span<const uint32_t> bag_lengths,
                            std::span<const uint64_t> bag_fingerprints) {
  SideRows& rows = side(side_of_row);
  ++rows.rows;
  for (size_t i = 0; i < dense.size(); ++i) {
    if (!std::isnan(dense[i])) rows.dense[i].Add(dense[i]);
  }
  for (size_t i = 0; i < fingerprints.size(); ++i) {
    if (fingerprints[i] == kMissing) {
      ++rows.categorical[i].missing;
    } else {
      ++rows.categorical[i].bins[BinOf(fingerprints[i])];
    }
  }
  size_t member = 0;
  for (size_t i = 0; i < bag_lengths.size(); ++i) {
    if (bag_lengths[i] == 0) ++rows.bags[i].missing;
    for (const size_t end = member + bag_lengths[i]; member < end; ++member) {
      ++rows.bags[i].bins[BinOf(bag_fingerprints[member])];
    }
  }
}

void StatisticsBuilder::Add(FeatureField::Side side_of_row, const EncodedFeatures& row) {
  const auto span = [](const auto& array) { return std::span(array.data(), array.size()); };
  Add(side_of_row, span(row.dense()), span(row.fingerprints()), span(row.bag_lengths()), span(row.bag_fingerprints()));
}

Statistics StatisticsBuilder::Finish() const {
  Statistics statistics;
  for (size_t i = 0; i < schema_->fields().size(); ++i) {
    const Schema::Field& field = schema_->fields()[i];
    const SideRows& rows = field.side == FeatureField::CONTEXT ? context_ : ad_;
    FieldStatistics& out = statistics.fields.emplace_back();
    std::vector<float>& boundaries = statistics.boundaries.emplace_back();
    out.set_name(field.name);
    out.set_rows(rows.rows);
    if (field.kind != FeatureField::DENSE) {
      const auto& tables = field.kind == FeatureField::CATEGORICAL ? rows.categorical : rows.bags;
      const Categorical& values = tables[field.position];
      out.set_missing(values.missing);
      if (values.missing < rows.rows) out.mutable_fingerprint_bins()->Add(values.bins.begin(), values.bins.end());
      continue;
    }
    const Dense& values = rows.dense[field.position];
    out.set_missing(rows.rows - values.count);
    if (values.count == 0) continue;
    auto& dense = *out.mutable_dense();
    dense.set_mean(values.mean);
    dense.set_deviation(std::sqrt(values.squares / static_cast<double>(values.count)));
    dense.set_min(values.min);
    dense.set_max(values.max);
    std::vector<float> sorted = values.sample.values();
    std::sort(sorted.begin(), sorted.end());
    const std::vector<float> quantiles = Quantiles(sorted, kShares);
    dense.mutable_quantiles()->Add(quantiles.begin(), quantiles.end());
    if (const FeatureField& proto = schema_->proto().fields(static_cast<int>(i)); WantsBoundaries(proto)) {
      boundaries = Quantiles(sorted, proto.buckets() - 1);
      // No value is below the least one: what is above it begins with the next.
      const auto above = std::upper_bound(sorted.begin(), sorted.end(), sorted.front());
      for (float& boundary : boundaries) {
        if (boundary == sorted.front() && above != sorted.end()) boundary = *above;
      }
      boundaries.erase(std::unique(boundaries.begin(), boundaries.end()), boundaries.end());
    }
  }
  return statistics;
}

absl::Status CheckFreezable(const Schema& schema) {
  for (int i = 0; i < schema.proto().fields_size(); ++i) {
    const FeatureField& field = schema.proto().fields(i);
    if (field.transform() == FeatureField::BUCKETIZE && field.buckets() == 0) {
      return base::InvalidField(absl::StrCat("fields[", i, "].buckets"),
                                absl::StrCat("is required to bucketize '", field.name(), "'; 3 to ", kMaxBucketizeRows,
                                             " are allowed, one of them for missing values"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Schema>> Freeze(const Schema& schema, const Statistics& statistics) {
  RETURN_IF_ERROR(CheckFreezable(schema));
  vickrey::v1::FeatureSchema frozen = schema.proto();
  for (int i = 0; i < frozen.fields_size(); ++i) {
    FeatureField& field = *frozen.mutable_fields(i);
    if (field.transform() == FeatureField::STANDARDIZE && !field.has_mean()) {
      const auto& dense = statistics.fields[i].dense();  // zeros where there is no value
      field.set_mean(dense.mean());
      field.set_deviation(dense.deviation() > 0 ? dense.deviation() : 1);
    } else if (WantsBoundaries(field)) {
      const std::vector<float>& boundaries = statistics.boundaries[i];
      field.mutable_boundaries()->Add(boundaries.begin(), boundaries.end());
    }
  }
  return Schema::Create(std::move(frozen));
}

absl::Status CheckStatistics(
    const Schema& schema, const google::protobuf::RepeatedPtrField<vickrey::storage::v1::FieldStatistics>& statistics) {
  const auto fields = static_cast<int>(schema.fields().size());
  if (!statistics.empty() && statistics.size() != fields) {
    return base::InvalidField("statistics",
                              absl::StrCat("has ", statistics.size(), " entries; the schema has ", fields, " fields"));
  }
  for (int i = 0; i < statistics.size(); ++i) {
    const auto fault = [i](const char* key, const std::string& what) {
      return base::InvalidField(absl::StrCat("statistics[", i, "].", key), what);
    };
    const auto& of = statistics[i];
    if (of.name() != schema.fields()[i].name) {
      return fault("name", absl::StrCat("'", of.name(), "' is not the schema's, '", schema.fields()[i].name, "'"));
    }
    if (of.rows() < 0) return fault("rows", absl::StrCat(of.rows(), " is negative"));
    if (of.missing() < 0 || of.missing() > of.rows()) {
      return fault("missing", absl::StrCat(of.missing(), " is out of range; 0 to rows, ", of.rows(), ", are allowed"));
    }
    if (of.fingerprint_bins_size() != 0 && of.fingerprint_bins_size() != kFingerprintBins) {
      return fault("fingerprint_bins",
                   absl::StrCat("has ", of.fingerprint_bins_size(), " entries, not ", kFingerprintBins));
    }
    for (const int64_t count : of.fingerprint_bins()) {
      if (count < 0) return fault("fingerprint_bins", absl::StrCat(count, " is negative"));
    }
    if (!of.has_dense()) continue;
    const auto& dense = of.dense();
    if (dense.quantiles_size() != kShares - 1) {
      return fault("dense.quantiles", absl::StrCat("has ", dense.quantiles_size(), " entries, not ", kShares - 1));
    }
    if (!std::isfinite(dense.mean()) || !std::isfinite(dense.deviation()) || dense.deviation() < 0) {
      return fault("dense.mean", "and deviation must be finite, and the deviation not negative");
    }
    float last = dense.min();
    for (const float quantile : dense.quantiles()) {
      if (!(quantile >= last)) return fault("dense.quantiles", "must not decrease, from min to max");
      last = quantile;
    }
    if (!(dense.max() >= last) || !std::isfinite(dense.min()) || !std::isfinite(dense.max())) {
      return fault("dense.max", "and min must be finite, and enclose the quantiles");
    }
  }
  return absl::OkStatus();
}

}  // namespace vickrey::features
