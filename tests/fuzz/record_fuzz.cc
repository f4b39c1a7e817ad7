// Records and what is made of them. The first byte picks what the rest is:
//   - '0': a StoredAuction for log::FlatDecoder. Refused, the batch is as it was. Where the message parses, is written
//   as
//     the log writes it and is accepted by log::Validate, the decoder and the plain code agree: both refuse it, or both
//     give the same arrays.
//   - '1': an impression token. It is resolved or refused, and refused leaves the feedback as it was. One that was made
//     of the rest is resolved to it.
//   - '2': a key's suffix. The feedback id is a part of it, and what FeedbackSuffix puts in comes out.
//   - '3': the JSON of an AuctionLine. RequireSurvives, if it is accepted.
#include <google/protobuf/stubs/logging.h>

#include <string>
#include <string_view>

#include "tests/fuzz/fuzzing.h"
#include "tests/fuzz/survives.h"
#include "vickrey/base/json.h"
#include "vickrey/features/schema.h"
#include "vickrey/log/flat_decoder.h"
#include "vickrey/log/keys.h"
#include "vickrey/log/record.h"
#include "vickrey/storage/v1/log.pb.h"

namespace vickrey::fuzz {
namespace {

using vickrey::v1::FeatureField;
using vickrey::v1::Feedback;

// Fields of every kind on both sides, not in the order of their names.
std::shared_ptr<const features::Schema> EveryKind() {
  vickrey::v1::FeatureSchema proto;
  const auto add = [&](const char* name, FeatureField::Side side, FeatureField::Kind kind) {
    auto& field = *proto.add_fields();
    field.set_name(name);
    field.set_side(side);
    field.set_kind(kind);
    field.set_buckets(64);
  };
  add("z", FeatureField::AD, FeatureField::DENSE);
  add("tags2", FeatureField::AD, FeatureField::BAG);
  add("brand", FeatureField::AD, FeatureField::CATEGORICAL);
  add("a", FeatureField::AD, FeatureField::DENSE);
  add("tags1", FeatureField::AD, FeatureField::BAG);
  add("hour", FeatureField::CONTEXT, FeatureField::DENSE);
  add("site", FeatureField::CONTEXT, FeatureField::CATEGORICAL);
  add("words", FeatureField::CONTEXT, FeatureField::BAG);
  return features::Schema::Create(proto).value();
}

void FuzzDecoder(std::string_view bytes) {
  static const auto& schema = *new auto(EveryKind());
  log::FlatDecoder decoder(schema);
  log::FlatBatch batch;
  const bool decoded = decoder.Append(bytes, &batch).ok();
  if (!decoded) RequireSame(batch, log::FlatBatch());
  vickrey::storage::v1::StoredAuction stored;
  if (!stored.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  if (log::SerializeDeterministically(stored) != bytes || !log::Validate(stored.record()).ok()) return;
  log::FlatBatch plain;
  Require(AppendPlainly(*schema, stored.record(), &plain) == decoded, "the decoder takes what the plain code takes");
  if (!decoded) return;
  RequireSame(batch, plain);
  const auto& candidates = stored.record().auction().candidates();
  Require(decoder.ad_ids().size() == static_cast<size_t>(candidates.size()), "every ad is there");
  for (int i = 0; i < candidates.size(); ++i) {
    Require(decoder.ad_ids()[static_cast<size_t>(i)] == candidates[i].ad_id(), "ads are the same");
  }
}

void FuzzToken(Input input) {
  Feedback feedback;
  feedback.set_impression_token(std::string(input.rest()));
  const std::string before = log::SerializeDeterministically(feedback);
  if (log::ResolveToken(&feedback).ok()) {
    Require(feedback.has_auction_id() && !feedback.auction_id().empty(), "a token names an auction");
  } else {
    Require(log::SerializeDeterministically(feedback) == before, "a token that is refused changes nothing");
  }
  const int slot = input.Number();
  const std::string auction(input.TakeUntil('\0')), ad(input.rest());
  if (!features::IsId(auction) || !features::IsId(ad)) return;
  feedback.Clear();
  feedback.set_impression_token(log::MakeImpressionToken(auction, ad, slot, slot));
  Require(log::ResolveToken(&feedback).ok() && feedback.auction_id() == auction && feedback.ad_id() == ad,
          "a token stands for what it was made of");
}

void FuzzSuffix(Input input) {
  const std::string_view whole = input.rest(), found = log::FeedbackIdOf(whole);
  Require(found.empty() || whole.ends_with(found), "a feedback id is the end of the suffix");
  const auto kind = input.Byte() % 2 == 0 ? Feedback::CLICK : Feedback::CONVERSION;
  const std::string_view ad = input.TakeUntil('\0'), id = input.rest();
  const std::string suffix = log::FeedbackSuffix(ad, kind, id);
  Require(log::FeedbackIdOf(suffix) == id, "the feedback id comes out");
}

void FuzzLine(std::string_view json) {
  vickrey::v1::AuctionLine line;
  if (!base::FromJson(json, &line).ok()) {
    Require(log::SerializeDeterministically(line).empty(), "JSON that is refused changes nothing");
    return;
  }
  const auto record = log::FromLine(line);
  if (record.ok() && log::Validate(*record).ok()) RequireSurvives(*record);
}

}  // namespace
}  // namespace vickrey::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vickrey::fuzz;
  static const google::protobuf::LogSilencer quiet;  // of each text that is not UTF-8
  Input input(data, size);
  const size_t choice = input.Case(4);
  if (choice == 0) FuzzDecoder(input.rest());
  if (choice == 1) FuzzToken(input);
  if (choice == 2) FuzzSuffix(input);
  if (choice == 3) FuzzLine(input.rest());
  return 0;
}
