// `vickrey features`: what models read of the features that people write.
#include <google/protobuf/struct.pb.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "vickrey/base/config.h"
#include "vickrey/base/files.h"
#include "vickrey/base/tool.h"
#include "vickrey/config/v1/csv.pb.h"
#include "vickrey/features/encode.h"
#include "vickrey/features/fingerprint.h"
#include "vickrey/features/schema.h"
#include "vickrey/features/statistics.h"
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
  bool csv = false;
  std::string frozen;
  uint64_t seed = 1;
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

// The schema of a file.
absl::StatusOr<std::shared_ptr<const features::Schema>> SchemaOfFile(const std::string& file) {
  vickrey::v1::FeatureSchema proto;
  RETURN_IF_ERROR(base::LoadConfigFile(file, &proto));
  auto schema = features::Schema::Create(std::move(proto));
  if (!schema.ok()) return base::Annotate(schema.status(), file);
  return schema;
}

// The schema of a table's columns.
absl::StatusOr<std::shared_ptr<const features::Schema>> SchemaOfCsv(const std::string& file) {
  vickrey::config::v1::CsvConfig config;
  RETURN_IF_ERROR(base::LoadConfigFile(file, &config));
  auto schema = features::Schema::Create(config.features());
  if (!schema.ok()) return base::Annotate(schema.status(), file + ": features");
  return schema;
}

// "criteo, ipinyou, ...".
std::string Presets() {
  const auto names = features::Schema::PresetNames();
  return absl::StrJoin(std::vector<std::string>(names.begin(), names.end()), ", ");
}

// A preset's name, or a file; `flag` is where it was given.
absl::StatusOr<std::shared_ptr<const features::Schema>> LoadSchema(std::string_view flag, const std::string& name) {
  if (std::filesystem::exists(name)) return SchemaOfFile(name);
  auto preset = features::Schema::Preset(name);
  if (preset.ok()) return preset;
  return base::InvalidField(flag, "'" + name + "' is neither a file nor a preset; presets: " + Presets());
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

// Both sides of an auction.
absl::Status EncodeLine(const features::Schema& schema, const AuctionLine& line, EncodedAuctionLine* encoded) {
  encoded->set_auction_id(line.auction_id());
  encoded->set_schema_id(schema.id());
  RETURN_IF_ERROR(EncodeSide(schema, FeatureField::CONTEXT, line.context(),
                             line.has_encoded_context() ? &line.encoded_context() : nullptr, "context",
                             "encoded_context", encoded->mutable_context()));
  for (int i = 0; i < line.candidates_size(); ++i) {
    const auto& c = line.candidates(i);
    RETURN_IF_ERROR(EncodeSide(schema, FeatureField::AD, c.features(),
                               c.has_encoded_features() ? &c.encoded_features() : nullptr,
                               absl::StrFormat("candidates[%d].features", i),
                               absl::StrFormat("candidates[%d].encoded_features", i), encoded->add_candidates()));
  }
  return absl::OkStatus();
}

absl::Status Encode(const Flags& flags) {
  ASSIGN_OR_RETURN(const auto schema, LoadSchema("--schema", flags.schema));
  return base::ForEachLine<AuctionLine>([&](const AuctionLine& line) -> absl::Status {
    EncodedAuctionLine encoded;
    RETURN_IF_ERROR(EncodeLine(*schema, line, &encoded));
    base::WriteLine(encoded);
    return absl::OkStatus();
  });
}

absl::Status PrintSchema(const Flags& flags) {
  ASSIGN_OR_RETURN(const auto schema, flags.csv ? SchemaOfCsv(flags.schema) : LoadSchema("NAME_OR_FILE", flags.schema));
  base::WriteLine(features::ForFile(schema->proto()));
  return absl::OkStatus();
}

// The frozen schema as the file that others load.
absl::Status WriteFrozen(const features::Schema& schema, const features::Statistics& statistics,
                         const std::string& file) {
  ASSIGN_OR_RETURN(const auto frozen, features::Freeze(schema, statistics));
  const std::string text = base::ToJson(features::ForFile(frozen->proto())) + "\n";
  if (text.size() > base::kMaxConfigBytes) {
    return base::InvalidField("--frozen",
                              absl::StrFormat("the schema would have %d bytes, and a file of one at most %d: "
                                              "fewer `buckets` of BUCKETIZE fields make it smaller",
                                              text.size(), base::kMaxConfigBytes));
  }
  return base::WriteFileAtomically(file, text);
}

absl::Status PrintStatistics(const Flags& flags) {
  ASSIGN_OR_RETURN(const auto schema, LoadSchema("--schema", flags.schema));
  if (!flags.frozen.empty()) RETURN_IF_ERROR(features::CheckFreezable(*schema));
  features::StatisticsBuilder builder(schema, flags.seed);
  bool any = false;
  RETURN_IF_ERROR(base::ForEachLine<AuctionLine>([&](const AuctionLine& line) -> absl::Status {
    EncodedAuctionLine encoded;
    RETURN_IF_ERROR(EncodeLine(*schema, line, &encoded));
    any = true;
    builder.Add(FeatureField::CONTEXT, encoded.context());
    for (const auto& candidate : encoded.candidates()) builder.Add(FeatureField::AD, candidate);
    return absl::OkStatus();
  }));
  const features::Statistics statistics = builder.Finish();
  if (!flags.frozen.empty()) {
    if (!any) return base::InvalidField("--frozen", "cannot be made of nothing: there was no auction on stdin");
    RETURN_IF_ERROR(WriteFrozen(*schema, statistics, flags.frozen));
  }
  for (const auto& field : statistics.fields) base::WriteLine(field);
  return absl::OkStatus();
}

}  // namespace
}  // namespace vickrey::tools

int main(int argc, char** argv) {
  namespace tools = vickrey::tools;
  vickrey::base::Tool tool("vickrey-features",
                           "What models read of features: fingerprints, arrays, schemas and statistics");
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
  CLI::App& schema = tool.AddVerb("schema", "A schema as a file of it, to save, edit and train with (data.schema)",
                                  "vickrey features schema outbrain", [&flags] { return tools::PrintSchema(flags); });
  CLI::App& statistics =
      tool.AddVerb("statistics", "What each field looks like in the auctions of stdin, and the schema frozen from that",
                   "vickrey market generate --scenario linear --auctions 1000 --seed 1 | "
                   "vickrey features statistics --schema synthetic --frozen /tmp/frozen.json",
                   [&flags] { return tools::PrintStatistics(flags); });
  const std::string preset = "A preset (" + tools::Presets() + ") or a YAML or JSON file";
  for (CLI::App* verb : {&encode, &statistics}) verb->add_option("--schema", flags.schema, preset)->required();
  schema.add_option("NAME_OR_FILE", flags.schema, preset)->required();
  schema.add_flag("--csv", flags.csv, "The file is a CsvConfig, of `vickrey log import --format csv`: its features");
  statistics.add_option("--frozen", flags.frozen,
                        "Write the schema there, with the mean and deviation of STANDARDIZE fields and the boundaries "
                        "of BUCKETIZE fields; those that have them keep them");
  statistics.add_option("--seed", flags.seed, "Of the samples that quantiles of many values are taken from");
  return tool.Run(argc, argv);
}
