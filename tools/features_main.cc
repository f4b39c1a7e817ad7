// `vickrey features`: what models read of the features that people write.
#include <google/protobuf/struct.pb.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_format.h"
#include "vickrey/base/config.h"
#include "vickrey/base/tool.h"
#include "vickrey/features/encode.h"
#include "vickrey/features/fingerprint.h"
#include "vickrey/features/schema.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::AuctionLine;
using vickrey::v1::EncodedAuctionLine;
using vickrey::v1::FeatureField;
using vickrey::v1::FingerprintLine;

struct Flags {
  std::string field;
  int64_t buckets = 0;
  std::string schema;
};

absl::Status Fingerprints(const Flags& flags) {
  if (!features::IsId(flags.field)) {
    return base::InvalidField("--field", "is not 1 to 128 characters of [A-Za-z0-9._:-]");
  }
  return base::ForEachLine<google::protobuf::Value>([&](const google::protobuf::Value& value) {
    if (value.kind_case() != google::protobuf::Value::kStringValue) {
      return base::InvalidField("value", base::ToJson(value) + " is not a text in quotes");
    }
    if (value.string_value().size() > features::kMaxValueBytes) {
      return base::InvalidField("value", absl::StrFormat("has %d bytes; at most %d are allowed",
                                                         value.string_value().size(), features::kMaxValueBytes));
    }
    const uint64_t fingerprint = features::Fingerprint(flags.field, value.string_value());
    FingerprintLine line;
    line.set_value(value.string_value());
    line.set_fingerprint(absl::StrFormat("0x%016x", fingerprint));
    line.set_bucket(features::Bucket(fingerprint, flags.buckets));
    base::WriteLine(line);
    return absl::OkStatus();
  });
}

// A preset's name, or a file.
absl::StatusOr<std::shared_ptr<const features::Schema>> LoadSchema(const std::string& name) {
  if (!std::filesystem::exists(name)) return features::Schema::Preset(name);
  vickrey::v1::FeatureSchema proto;
  RETURN_IF_ERROR(base::LoadConfigFile(name, &proto));
  auto schema = features::Schema::Create(std::move(proto));
  if (!schema.ok()) return base::Annotate(schema.status(), name);
  return schema;
}

// One side: named values are encoded, encoded ones checked and passed on.
absl::Status EncodeSide(const features::Schema& schema, FeatureField::Side side, const google::protobuf::Struct& named,
                        const vickrey::v1::EncodedFeatures* given, const std::string& where_named,
                        const std::string& where_encoded, vickrey::v1::EncodedFeatures* encoded) {
  if (given == nullptr) return features::Encode(schema, side, named, where_named, encoded);
  if (named.fields_size() > 0) return base::InvalidField(where_encoded, "is given beside named features; give one");
  RETURN_IF_ERROR(features::CheckEncoded(schema, side, *given, where_encoded));
  *encoded = *given;
  return absl::OkStatus();
}

absl::Status Encode(const Flags& flags) {
  ASSIGN_OR_RETURN(const auto schema, LoadSchema(flags.schema));
  return base::ForEachLine<AuctionLine>([&](const AuctionLine& line) -> absl::Status {
    EncodedAuctionLine encoded;
    encoded.set_auction_id(line.auction_id());
    encoded.set_schema_id(schema->id());
    RETURN_IF_ERROR(EncodeSide(*schema, FeatureField::CONTEXT, line.context(),
                               line.has_encoded_context() ? &line.encoded_context() : nullptr, "context",
                               "encoded_context", encoded.mutable_context()));
    for (int i = 0; i < line.candidates_size(); ++i) {
      const auto& c = line.candidates(i);
      RETURN_IF_ERROR(EncodeSide(*schema, FeatureField::AD, c.features(),
                                 c.has_encoded_features() ? &c.encoded_features() : nullptr,
                                 absl::StrFormat("candidates[%d].features", i),
                                 absl::StrFormat("candidates[%d].encoded_features", i), encoded.add_candidates()));
    }
    base::WriteLine(encoded);
    return absl::OkStatus();
  });
}

}  // namespace
}  // namespace vickrey::tools

int main(int argc, char** argv) {
  namespace tools = vickrey::tools;
  vickrey::base::Tool tool("vickrey-features", "Fingerprints and encodes features");
  tools::Flags flags;
  CLI::App& fingerprint = tool.AddVerb("fingerprint", "The number and the bucket that stand for each text of stdin",
                                       "echo '\"68fd1e64\"' | vickrey features fingerprint --field C1 --buckets 65536",
                                       [&flags] { return tools::Fingerprints(flags); });
  fingerprint.add_option("--field", flags.field, "The field's name")->required();
  fingerprint.add_option("--buckets", flags.buckets, "Rows of the field's table")
      ->required()
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 40));
  CLI::App& encode = tool.AddVerb("encode", "The arrays that models read, of each auction of stdin",
                                  "vickrey market generate --scenario linear --auctions 1 --seed 1 | "
                                  "vickrey features encode --schema synthetic",
                                  [&flags] { return tools::Encode(flags); });
  encode
      .add_option("--schema", flags.schema,
                  "A preset (criteo, outbrain, synthetic, synthetic_ads, synthetic_tower) or a YAML or JSON file")
      ->required();
  return tool.Run(argc, argv);
}
