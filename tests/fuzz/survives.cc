#include "tests/fuzz/survives.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "tests/fuzz/fuzzing.h"
#include "vickrey/base/json.h"
#include "vickrey/features/encode.h"
#include "vickrey/log/record.h"
#include "vickrey/storage/v1/log.pb.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::fuzz {
namespace {

using vickrey::v1::FeatureField;
using vickrey::v1::LoggedAuction;

template <typename T>
bool Same(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(a[i]) && std::isnan(b[i])) continue;
      if (std::signbit(a[i]) != std::signbit(b[i])) return false;
    }
    if (a[i] != b[i]) return false;
  }
  return true;
}

void RequireSameSide(const log::FlatBatch::Side& a, const log::FlatBatch::Side& b) {
  Require(Same(a.dense, b.dense), "dense features are the same");
  Require(Same(a.fingerprints, b.fingerprints), "fingerprints are the same");
  Require(Same(a.bag_lengths, b.bag_lengths), "bag lengths are the same");
  Require(Same(a.bag_fingerprints, b.bag_fingerprints), "bag fingerprints are the same");
}

}  // namespace

std::string Stored(const LoggedAuction& record) {
  vickrey::storage::v1::StoredAuction stored;
  *stored.mutable_record() = record;
  return log::SerializeDeterministically(stored);
}

void RequireSurvives(const LoggedAuction& record) {
  const std::string bytes = log::SerializeDeterministically(record);
  const vickrey::v1::AuctionLine line = log::ToLine(record);
  const auto back = log::FromLine(line);
  Require(back.ok() && log::SerializeDeterministically(*back) == bytes, "a record is the same from its line");

  const std::string json = base::ToJson(line);
  Require(json.find('\n') == std::string::npos, "a line is one line");
  vickrey::v1::AuctionLine read;
  Require(base::FromJson(json, &read).ok(), "a line can be read as it was written");
  Require(base::ToJson(read) == json, "a line is the same from its JSON");
  const auto from_json = log::FromLine(read);
  Require(from_json.ok() && log::Validate(*from_json).ok(), "a line that was read is accepted like the record");

  vickrey::storage::v1::StoredAuction stored;
  Require(stored.ParseFromString(Stored(record)), "a stored record can be read");
  Require(log::SerializeDeterministically(stored.record()) == bytes, "a stored record is the same");
}

bool AppendPlainly(const features::Schema& schema, const LoggedAuction& record, log::FlatBatch* batch) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  const auto append = [&](FeatureField::Side side, const vickrey::v1::Features& features, log::FlatBatch::Side* to) {
    vickrey::v1::EncodedFeatures encoded = features.encoded();
    if (features.has_encoded() ? !features::CheckEncoded(schema, side, encoded, "f").ok()
                               : !features::Encode(schema, side, features.named(), "f", &encoded).ok()) {
      return false;
    }
    to->dense.insert(to->dense.end(), encoded.dense().begin(), encoded.dense().end());
    to->fingerprints.insert(to->fingerprints.end(), encoded.fingerprints().begin(), encoded.fingerprints().end());
    to->bag_lengths.insert(to->bag_lengths.end(), encoded.bag_lengths().begin(), encoded.bag_lengths().end());
    to->bag_fingerprints.insert(to->bag_fingerprints.end(), encoded.bag_fingerprints().begin(),
                                encoded.bag_fingerprints().end());
    return true;
  };
  if (!append(FeatureField::CONTEXT, record.auction().context(), &batch->context)) return false;
  batch->event_times.push_back(record.auction().event_time());
  batch->sampling_rates.push_back(record.has_sampling_rate() ? record.sampling_rate() : 1);
  for (int i = 0; i < record.auction().candidates_size(); ++i) {
    const auto& candidate = record.auction().candidates(i);
    if (!append(FeatureField::AD, candidate.features(), &batch->ads)) return false;
    batch->bids_micros.push_back(candidate.bid().micros());
    batch->values_micros.push_back(candidate.has_value_micros() ? candidate.value_micros() : candidate.bid().micros());
    const vickrey::v1::LoggedCandidate none;
    const auto& logged = i < record.candidates_size() ? record.candidates(i) : none;
    batch->clicks.push_back(static_cast<int8_t>(logged.has_click() ? logged.click() : -1));
    batch->slots.push_back(logged.has_slot() ? logged.slot() : -1);
    batch->ctrs.push_back(logged.has_ctr() ? logged.ctr() : kNaN);
    batch->teachers.push_back(logged.has_teacher() ? logged.teacher() : kNaN);
  }
  batch->offsets.push_back(static_cast<int64_t>(batch->bids_micros.size()));
  return true;
}

void RequireSame(const log::FlatBatch& a, const log::FlatBatch& b) {
  Require(Same(a.offsets, b.offsets), "offsets are the same");
  Require(Same(a.event_times, b.event_times), "event times are the same");
  Require(Same(a.sampling_rates, b.sampling_rates), "sampling rates are the same");
  Require(Same(a.bids_micros, b.bids_micros), "bids are the same");
  Require(Same(a.values_micros, b.values_micros), "values are the same");
  Require(Same(a.clicks, b.clicks), "clicks are the same");
  Require(Same(a.slots, b.slots), "slots are the same");
  Require(Same(a.ctrs, b.ctrs), "ctrs are the same");
  Require(Same(a.teachers, b.teachers), "teachers are the same");
  RequireSameSide(a.context, b.context);
  RequireSameSide(a.ads, b.ads);
}

std::vector<int64_t> RunImporter(log::Importer* importer, size_t most, AtMost at_most,
                                 const std::function<void(const LoggedAuction& record)>& each) {
  struct Enough {};
  std::vector<int64_t> rejects;
  const auto check = [&](size_t so_far) {
    if (so_far <= most) return;
    Require(at_most == AtMost::kStop, "an importer comes to its end");
    throw Enough();  // the only way out of a Next that rejects row after row
  };
  int64_t rows = importer->rows(), line = importer->line();
  const auto advance = [&] {
    Require(importer->rows() >= rows && importer->line() >= line, "rows and lines do not go back");
    rows = importer->rows();
    line = importer->line();
  };
  try {
    for (size_t calls = 0;; ++calls) {
      check(calls);
      LoggedAuction record;
      const auto more = importer->Next(
          [&](int64_t at, const absl::Status& why) {
            advance();
            Require(at >= 1 && at <= line, "a reject names a line that was read");
            Require(!why.ok() && !why.message().empty(), "a reject says why");
            rejects.push_back(at);
            check(rejects.size());
            return absl::OkStatus();
          },
          &record);
      advance();
      if (!more.ok() || !*more) break;
      if (log::Validate(record).ok()) RequireSurvives(record);
      each(record);
    }
  } catch (const Enough&) {
  }
  return rejects;
}

}  // namespace vickrey::fuzz
