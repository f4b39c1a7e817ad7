// What the fields of a schema look like in a data set, in one pass over it, and the schema with what transforms need of
// that filled in.
#ifndef VICKREY_FEATURES_STATISTICS_H_
#define VICKREY_FEATURES_STATISTICS_H_

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/features/reservoir.h"
#include "vickrey/features/schema.h"
#include "vickrey/storage/v1/artifact.pb.h"
#include "vickrey/v1/features.pb.h"

namespace vickrey::features {

// Bins of FieldStatistics::fingerprint_bins, by the six highest bits.
inline constexpr int kFingerprintBins = 64;

// The quantile of a share q of values is the least of them, v, such that at least a share q of them is at most v: of
// 1, 2, 3, 4 the median is 2.
struct Statistics {
  // One for each field, in the schema's order.
  std::vector<vickrey::storage::v1::FieldStatistics> fields;
  // One for each field; empty but for BUCKETIZE fields with `buckets` and without boundaries: the quantiles k /
  // (buckets - 1) for k = 1, ..., buckets - 2, each different value once. Instead of the least value, which separates
  // nothing, stands the next: a number that is mostly 0 has a row for 0.
  std::vector<std::vector<float>> boundaries;
};

// Collects statistics of rows:
//   1. Add, for each row of each side: a context is one, and so is each candidate;
//   2. Finish, at any time, and as often as one likes.
//
// Means and deviations are of all values, and so are quantiles as long as a field has at most kExactValues values, or
// kExactBucketizeValues where it is to be bucketized; from then on, they are those of a uniform sample of so many. The
// sample is a function of the seed and the field's values in order, so the same rows give the same statistics.
//
// Not thread-safe.
class StatisticsBuilder {
 public:
  // A quantile from so many is off by a share of at most .8 % (two standard deviations, at the median).
  static constexpr size_t kExactValues = 16'384;
  // The same: .1 %. 4 MB a field, once so many have come.
  static constexpr size_t kExactBucketizeValues = 1'000'000;

  StatisticsBuilder(std::shared_ptr<const Schema> schema, uint64_t seed);

  // Adds a row of one side: raw values, in the order of EncodedFeatures; NaN, 0 and a length of 0 are missing.
  // REQUIRES: the arrays are of the schema, as CheckEncoded has it.
  void Add(vickrey::v1::FeatureField::Side side, std::span<const float> dense, std::span<const uint64_t> fingerprints,
           std::span<const uint32_t> bag_lengths, std::span<const uint64_t> bag_fingerprints);
  void Add(vickrey::v1::FeatureField::Side side, const vickrey::v1::EncodedFeatures& row);

  Statistics Finish() const;

 private:
  // Fingerprints by their six highest bits.
  using Bins = std::array<int64_t, kFingerprintBins>;

  // The values of a DENSE field. Mean and sum of squares by Welford, "Note on a method for calculating corrected sums
  // of squares and products", Technometrics 4, 1962.
  struct Dense {
    Reservoir sample;
    int64_t count = 0;
    double mean = 0;
    double squares = 0;  // the sum of (x - mean)^2
    float min = std::numeric_limits<float>::infinity();
    float max = -std::numeric_limits<float>::infinity();

    void Add(float x) {
      const double from_old_mean = x - mean;
      mean += from_old_mean / static_cast<double>(++count);
      squares += from_old_mean * (x - mean);
      min = x < min ? x : min;
      max = x > max ? x : max;
      sample.Add(x);
    }
  };

  struct Categorical {
    int64_t missing = 0;
    Bins bins = {};
  };

  // One side, its fields by their positions.
  struct SideRows {
    int64_t rows = 0;
    std::vector<Dense> dense;
    std::vector<Categorical> categorical;
    std::vector<Categorical> bags;
  };

  SideRows& side(vickrey::v1::FeatureField::Side side) {
    return side == vickrey::v1::FeatureField::CONTEXT ? context_ : ad_;
  }

  const std::shared_ptr<const Schema> schema_;
  SideRows context_, ad_;
};

// Whether Freeze can freeze the schema: INVALID_ARGUMENT naming the BUCKETIZE field that has no `buckets`. To be asked
// before a long pass over data.
absl::Status CheckFreezable(const Schema& schema);

// The schema with what its transforms need of the statistics: the mean and the deviation of STANDARDIZE fields (0 and 1
// where there is no value, and a deviation of 1 where there is but one), the boundaries of BUCKETIZE fields. A field
// that has them already keeps them: someone froze them on purpose, to train again with the same inputs, say.
// INVALID_ARGUMENT naming the field that CheckFreezable refuses. REQUIRES: the statistics are of this schema.
absl::StatusOr<std::shared_ptr<const Schema>> Freeze(const Schema& schema, const Statistics& statistics);

// INVALID_ARGUMENT naming the field and what is wrong, unless these are none, or one for each field of the schema, in
// its order, that can be: counts, finite numbers in order, all quantiles, all bins.
absl::Status CheckStatistics(
    const Schema& schema, const google::protobuf::RepeatedPtrField<vickrey::storage::v1::FieldStatistics>& statistics);

}  // namespace vickrey::features

#endif  // VICKREY_FEATURES_STATISTICS_H_
