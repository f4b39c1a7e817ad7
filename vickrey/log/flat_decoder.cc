#include "vickrey/log/flat_decoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/features/encode.h"
#include "vickrey/features/fingerprint.h"
#include "vickrey/log/value.h"
#include "vickrey/log/wire_reader.h"

namespace vickrey::log {
namespace {

using vickrey::storage::v1::StoredAuction;
using vickrey::v1::Candidate;
using vickrey::v1::EncodedFeatures;
using vickrey::v1::FeatureField;
using vickrey::v1::Features;
using vickrey::v1::LoggedAuction;
using vickrey::v1::LoggedCandidate;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The lengths of a batch's arrays, to go back to.
class Mark {
 public:
  explicit Mark(FlatBatch* batch) : batch_(*batch) {
    Each([this](auto& array) { sizes_[n_++] = array.size(); });
  }
  void GoBack() {
    n_ = 0;
    Each([this](auto& array) { array.resize(sizes_[n_++]); });
  }

 private:
  template <typename F>
  void Each(F f) {
    f(batch_.offsets), f(batch_.ids), f(batch_.id_ends), f(batch_.event_times), f(batch_.sampling_rates),
        f(batch_.bids_micros), f(batch_.values_micros);
    f(batch_.clicks), f(batch_.slots), f(batch_.ctrs), f(batch_.teachers);
    for (FlatBatch::Side* side : {&batch_.context, &batch_.ads}) {
      f(side->dense), f(side->fingerprints), f(side->bag_lengths), f(side->bag_fingerprints);
    }
  }

  FlatBatch& batch_;
  size_t sizes_[19];
  size_t n_ = 0;
};

// Appends a packed list of fixed numbers; false if it ends within one.
template <typename T>
bool AppendPacked(std::string_view bytes, std::vector<T>* to) {
  if (bytes.size() % sizeof(T) != 0) return false;
  const size_t before = to->size();
  to->resize(before + bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(to->data() + before, bytes.data(), bytes.size());
  return true;
}

}  // namespace

void FlatBatch::Clear() {
  offsets.assign(1, 0);
  ids.clear(), id_ends.clear(), event_times.clear(), sampling_rates.clear(), bids_micros.clear(), values_micros.clear();
  clicks.clear(), slots.clear(), ctrs.clear(), teachers.clear();
  for (Side* side : {&context, &ads}) {
    side->dense.clear(), side->fingerprints.clear(), side->bag_lengths.clear(), side->bag_fingerprints.clear();
  }
}

FlatDecoder::FlatDecoder(std::shared_ptr<const features::Schema> schema) : schema_(std::move(schema)) {
  context_.counts = schema_->counts(FeatureField::CONTEXT);
  ad_.counts = schema_->counts(FeatureField::AD);
  for (const features::Schema::Field& field : schema_->fields()) {
    (field.side == FeatureField::CONTEXT ? context_ : ad_)
        .by_name.push_back(
            {field.name, features::Fingerprinter(field.name), field.kind, static_cast<size_t>(field.position)});
  }
  bags_.resize(static_cast<size_t>(std::max(context_.counts.bag, ad_.counts.bag)));
  for (SideFields* side : {&context_, &ad_}) {
    std::sort(side->by_name.begin(), side->by_name.end(),
              [](const Field& a, const Field& b) { return a.name < b.name; });
  }
}

absl::Status FlatDecoder::Append(std::string_view bytes, FlatBatch* batch) {
  Mark mark(batch);
  ad_ids_.clear();
  if (AppendAuction(bytes, batch)) return absl::OkStatus();
  mark.GoBack();
  ad_ids_.clear();
  const absl::Status status = AppendSlowly(bytes, batch);
  if (!status.ok()) mark.GoBack();
  return status;
}

// A StoredAuction that was written in the order of its fields, each once, as the log writes them; false for any other,
// and for whatever is not as usual.
bool FlatDecoder::AppendAuction(std::string_view bytes, FlatBatch* batch) {
  WireReader stored(bytes);
  if (!stored.Next() || stored.field() != StoredAuction::kRecordFieldNumber || !stored.is_bytes()) return false;
  WireReader record(stored.bytes());
  if (stored.Next() || !stored.ok()) return false;
  if (!record.Next() || record.field() != LoggedAuction::kAuctionFieldNumber || !record.is_bytes()) return false;

  const size_t first = batch->bids_micros.size();
  std::string_view id;
  int64_t event_time = 0;
  bool has_context = false;
  WireReader auction(record.bytes());
  while (auction.Next()) {
    switch (auction.field()) {
      case vickrey::v1::Auction::kAuctionIdFieldNumber:
        if (!auction.is_bytes()) return false;
        id = auction.bytes();
        break;
      case vickrey::v1::Auction::kEventTimeFieldNumber:
        if (!auction.is_number()) return false;
        event_time = static_cast<int64_t>(auction.number());
        break;
      case vickrey::v1::Auction::kContextFieldNumber:
        if (has_context || !auction.is_bytes() || !AppendFeatures(context_, auction.bytes(), &batch->context))
          return false;
        has_context = true;
        break;
      case vickrey::v1::Auction::kCandidatesFieldNumber:
        if (!auction.is_bytes() || !AppendCandidate(auction.bytes(), batch)) return false;
        break;
      default:
        break;
    }
  }
  if (!auction.ok()) return false;
  if (!has_context) AppendMissing(context_, &batch->context);
  batch->ids.append(id);
  batch->id_ends.push_back(batch->ids.size());
  batch->event_times.push_back(event_time);
  batch->offsets.push_back(static_cast<int64_t>(batch->bids_micros.size()));
  batch->clicks.resize(batch->bids_micros.size(), -1);
  batch->slots.resize(batch->bids_micros.size(), -1);
  batch->ctrs.resize(batch->bids_micros.size(), kNaN);
  batch->teachers.resize(batch->bids_micros.size(), kNaN);

  double sampling_rate = 1;
  size_t logged = first;
  while (record.Next()) {
    switch (record.field()) {
      case LoggedAuction::kAuctionFieldNumber:
        return false;  // in two parts
      case LoggedAuction::kSamplingRateFieldNumber:
        if (!record.is_real()) return false;
        sampling_rate = record.real();
        break;
      case LoggedAuction::kCandidatesFieldNumber:
        if (logged == batch->bids_micros.size() || !record.is_bytes() || !SetLogged(record.bytes(), logged, batch)) {
          return false;
        }
        ++logged;
        break;
      default:
        break;
    }
  }
  batch->sampling_rates.push_back(sampling_rate);
  return record.ok();
}

bool FlatDecoder::AppendCandidate(std::string_view bytes, FlatBatch* batch) {
  std::string_view ad_id;
  int64_t bid = 0, value = -1;
  bool has_features = false;
  WireReader candidate(bytes);
  while (candidate.Next()) {
    switch (candidate.field()) {
      case Candidate::kAdIdFieldNumber:
        if (!candidate.is_bytes()) return false;
        ad_id = candidate.bytes();
        break;
      case Candidate::kBidFieldNumber: {
        if (!candidate.is_bytes()) return false;
        WireReader amount(candidate.bytes());
        while (amount.Next()) {
          if (amount.field() != vickrey::v1::Bid::kMicrosFieldNumber) continue;
          if (!amount.is_number()) return false;
          bid = static_cast<int64_t>(amount.number());
        }
        if (!amount.ok()) return false;
        break;
      }
      case Candidate::kValueMicrosFieldNumber:
        if (!candidate.is_number()) return false;
        value = static_cast<int64_t>(candidate.number());
        break;
      case Candidate::kFeaturesFieldNumber:
        if (has_features || !candidate.is_bytes() || !AppendFeatures(ad_, candidate.bytes(), &batch->ads)) return false;
        has_features = true;
        break;
      default:
        break;
    }
  }
  if (!has_features) AppendMissing(ad_, &batch->ads);
  ad_ids_.push_back(ad_id);
  batch->bids_micros.push_back(bid);
  batch->values_micros.push_back(value >= 0 ? value : bid);
  return candidate.ok();
}

bool FlatDecoder::SetLogged(std::string_view bytes, size_t candidate, FlatBatch* batch) {
  WireReader logged(bytes);
  while (logged.Next()) {
    switch (logged.field()) {
      case LoggedCandidate::kClickFieldNumber:
        if (!logged.is_number()) return false;
        batch->clicks[candidate] = logged.number() != 0 ? 1 : 0;
        break;
      case LoggedCandidate::kSlotFieldNumber:
        if (!logged.is_number()) return false;
        batch->slots[candidate] = static_cast<int32_t>(logged.number());
        break;
      case LoggedCandidate::kCtrFieldNumber:
        if (!logged.is_real()) return false;
        batch->ctrs[candidate] = logged.real();
        break;
      case LoggedCandidate::kTeacherFieldNumber:
        if (!logged.is_real()) return false;
        batch->teachers[candidate] = logged.real();
        break;
      default:
        break;
    }
  }
  return logged.ok();
}

bool FlatDecoder::AppendFeatures(SideFields& fields, std::string_view bytes, FlatBatch::Side* side) {
  WireReader features(bytes);
  if (!features.Next()) {
    AppendMissing(fields, side);
    return features.ok();
  }
  if (!features.is_bytes()) return false;
  const bool added = features.field() == Features::kEncodedFieldNumber ? AppendEncoded(fields, features.bytes(), side)
                     : features.field() == Features::kNamedFieldNumber ? AppendNamed(fields, features.bytes(), side)
                                                                       : false;
  return added && !features.Next() && features.ok();
}

void FlatDecoder::AppendMissing(const SideFields& fields, FlatBatch::Side* side) {
  side->dense.resize(side->dense.size() + static_cast<size_t>(fields.counts.dense), static_cast<float>(kNaN));
  side->fingerprints.resize(side->fingerprints.size() + static_cast<size_t>(fields.counts.categorical),
                            features::kMissing);
  side->bag_lengths.resize(side->bag_lengths.size() + static_cast<size_t>(fields.counts.bag), 0);
}

bool FlatDecoder::AppendEncoded(const SideFields& fields, std::string_view bytes, FlatBatch::Side* side) {
  const size_t dense = side->dense.size(), fingerprints = side->fingerprints.size(), bags = side->bag_lengths.size(),
               members = side->bag_fingerprints.size();
  bool same_schema = false;
  WireReader encoded(bytes);
  while (encoded.Next()) {
    if (!encoded.is_bytes()) return false;
    switch (encoded.field()) {
      case EncodedFeatures::kSchemaIdFieldNumber:
        same_schema = encoded.bytes() == schema_->id();
        break;
      case EncodedFeatures::kDenseFieldNumber:
        if (!AppendPacked(encoded.bytes(), &side->dense)) return false;
        break;
      case EncodedFeatures::kFingerprintsFieldNumber:
        if (!AppendPacked(encoded.bytes(), &side->fingerprints)) return false;
        break;
      case EncodedFeatures::kBagFingerprintsFieldNumber:
        if (!AppendPacked(encoded.bytes(), &side->bag_fingerprints)) return false;
        break;
      case EncodedFeatures::kBagLengthsFieldNumber: {
        WireReader lengths(encoded.bytes());
        for (uint64_t length = 0; lengths.NextPacked(&length);)
          side->bag_lengths.push_back(static_cast<uint32_t>(length));
        if (!lengths.ok()) return false;
        break;
      }
      default:
        return false;
    }
  }
  uint64_t in_bags = 0;
  for (size_t i = bags; i < side->bag_lengths.size(); ++i) in_bags += side->bag_lengths[i];
  return encoded.ok() && same_schema && side->dense.size() - dense == static_cast<size_t>(fields.counts.dense) &&
         side->fingerprints.size() - fingerprints == static_cast<size_t>(fields.counts.categorical) &&
         side->bag_lengths.size() - bags == static_cast<size_t>(fields.counts.bag) &&
         side->bag_fingerprints.size() - members == in_bags;
}

bool FlatDecoder::AppendNamed(SideFields& fields, std::string_view bytes, FlatBatch::Side* side) {
  const size_t dense = side->dense.size(), fingerprints = side->fingerprints.size(), bags = side->bag_lengths.size();
  AppendMissing(fields, side);
  for (auto& bag : bags_) bag.clear();
  WireReader named(bytes);
  size_t next = 0;  // where the field is looked for first: names are sorted on both sides
  while (named.Next()) {
    if (!named.is_bytes() || named.field() != google::protobuf::Struct::kFieldsFieldNumber) return false;
    WireReader entry(named.bytes());
    if (!entry.Next() || entry.field() != 1 || !entry.is_bytes()) return false;
    const std::string_view name = entry.bytes();
    while (next < fields.by_name.size() && fields.by_name[next].name != name) ++next;
    if (next == fields.by_name.size()) return false;
    Field& field = fields.by_name[next++];
    if (!entry.Next() || entry.field() != 2 || !entry.is_bytes()) return false;
    WireReader value(entry.bytes());
    if (!value.Next()) return false;
    if (value.field() == google::protobuf::Value::kNumberValueFieldNumber && value.is_real() &&
        field.kind == FeatureField::DENSE) {
      const auto x = static_cast<float>(value.real());
      if (std::isinf(x)) return false;
      side->dense[dense + field.position] = x;
    } else if (value.field() == google::protobuf::Value::kStringValueFieldNumber && value.is_bytes() &&
               field.kind == FeatureField::CATEGORICAL && value.bytes().size() <= features::kMaxValueBytes) {
      side->fingerprints[fingerprints + field.position] = field.fingerprint(value.bytes());
    } else if (value.field() == google::protobuf::Value::kListValueFieldNumber && value.is_bytes() &&
               field.kind == FeatureField::BAG) {
      WireReader list(value.bytes());
      while (list.Next()) {
        if (list.field() != google::protobuf::ListValue::kValuesFieldNumber || !list.is_bytes() ||
            bags_[field.position].size() == features::kMaxBagValues) {
          return false;
        }
        WireReader member(list.bytes());
        if (!member.Next() || member.field() != google::protobuf::Value::kStringValueFieldNumber ||
            !member.is_bytes() || member.bytes().size() > features::kMaxValueBytes) {
          return false;
        }
        bags_[field.position].push_back(field.fingerprint(member.bytes()));
      }
      if (!list.ok()) return false;
    } else if (value.field() != google::protobuf::Value::kNullValueFieldNumber || !value.is_number()) {
      return false;
    }
  }
  // They come in the order of their names, and belong in that of the schema.
  for (size_t i = 0; i < static_cast<size_t>(fields.counts.bag); ++i) {
    side->bag_lengths[bags + i] = static_cast<uint32_t>(bags_[i].size());
    side->bag_fingerprints.insert(side->bag_fingerprints.end(), bags_[i].begin(), bags_[i].end());
  }
  return named.ok();
}

absl::Status FlatDecoder::AppendSlowly(std::string_view bytes, FlatBatch* batch) {
  if (!slow_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("an auction does not parse");
  }
  const LoggedAuction& record = slow_.record();
  const auto append = [&](FeatureField::Side side, const Features& features, const std::string& where,
                          FlatBatch::Side* to) -> absl::Status {
    EncodedFeatures storage;
    const EncodedFeatures* encoded = &storage;
    if (features.has_encoded()) {
      encoded = &features.encoded();
      RETURN_IF_ERROR(features::CheckEncoded(*schema_, side, *encoded, where));
    } else {
      RETURN_IF_ERROR(features::Encode(*schema_, side, features.named(), where, &storage));
    }
    to->dense.insert(to->dense.end(), encoded->dense().begin(), encoded->dense().end());
    to->fingerprints.insert(to->fingerprints.end(), encoded->fingerprints().begin(), encoded->fingerprints().end());
    to->bag_lengths.insert(to->bag_lengths.end(), encoded->bag_lengths().begin(), encoded->bag_lengths().end());
    to->bag_fingerprints.insert(to->bag_fingerprints.end(), encoded->bag_fingerprints().begin(),
                                encoded->bag_fingerprints().end());
    return absl::OkStatus();
  };
  const auto named = [&](const absl::Status& status) {
    return base::Annotate(status, absl::StrCat("auction ", record.auction().auction_id()));
  };
  RETURN_IF_ERROR(named(append(FeatureField::CONTEXT, record.auction().context(), "context", &batch->context)));
  batch->ids.append(record.auction().auction_id());
  batch->id_ends.push_back(batch->ids.size());
  batch->event_times.push_back(record.auction().event_time());
  batch->sampling_rates.push_back(record.has_sampling_rate() ? record.sampling_rate() : 1);
  for (int i = 0; i < record.auction().candidates_size(); ++i) {
    const Candidate& candidate = record.auction().candidates(i);
    ad_ids_.push_back(candidate.ad_id());
    const LoggedCandidate& logged =
        i < record.candidates_size() ? record.candidates(i) : LoggedCandidate::default_instance();
    RETURN_IF_ERROR(named(
        append(FeatureField::AD, candidate.features(), absl::StrCat("candidates[", i, "].features"), &batch->ads)));
    batch->bids_micros.push_back(candidate.bid().micros());
    batch->values_micros.push_back(ValueMicros(candidate));
    batch->clicks.push_back(static_cast<int8_t>(logged.has_click() ? logged.click() : -1));
    batch->slots.push_back(logged.has_slot() ? logged.slot() : -1);
    batch->ctrs.push_back(logged.has_ctr() ? logged.ctr() : kNaN);
    batch->teachers.push_back(logged.has_teacher() ? logged.teacher() : kNaN);
  }
  batch->offsets.push_back(static_cast<int64_t>(batch->bids_micros.size()));
  return absl::OkStatus();
}

}  // namespace vickrey::log
