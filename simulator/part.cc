#include "simulator/part.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/delimited_message_util.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "simulator/outcomes.h"
#include "vickrey/base/files.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/json.h"
#include "vickrey/base/shard.h"
#include "vickrey/base/status.h"

namespace vickrey::simulator {

using vickrey::storage::v1::PartAuction;
using vickrey::storage::v1::PartHeader;
using vickrey::storage::v1::PartModel;
using vickrey::storage::v1::PartRecord;

std::filesystem::path PartOf(const std::filesystem::path& summary) { return summary.string() + ".part"; }

absl::StatusOr<std::unique_ptr<PartWriter>> PartWriter::Open(const std::filesystem::path& file) {
  std::unique_ptr<PartWriter> writer(new PartWriter(file));
  writer->aside_ = file.parent_path() / absl::StrCat(".", file.filename().string(), ".aside-", getpid());
  writer->out_.open(writer->aside_, std::ios::binary | std::ios::trunc);
  if (!writer->out_) return base::FileError("write", writer->aside_);
  return writer;
}

PartWriter::~PartWriter() {
  std::error_code error;
  if (!aside_.empty()) std::filesystem::remove(aside_, error);
}

namespace {

void AppendRecord(const PartRecord& record, std::string* bytes) {
  google::protobuf::io::StringOutputStream stream(bytes);
  google::protobuf::util::SerializeDelimitedToZeroCopyStream(record, &stream);
}

}  // namespace

absl::Status PartWriter::Put(const PartRecord& record) {
  std::string bytes;
  AppendRecord(record, &bytes);
  return Write(bytes);
}

absl::Status PartWriter::Write(std::string_view records) {
  digest_.Update(records);
  out_ << records;
  return out_ ? absl::OkStatus() : CannotWrite(aside_);
}

absl::Status PartWriter::Start(const vickrey::config::v1::SimulateConfig& config, const base::Shard& shard,
                               const std::vector<Contestant>& contestants) {
  PartRecord record;
  PartHeader& header = *record.mutable_header();
  header.set_format(1);
  header.set_shard_index(shard.index);
  header.set_shard_count(shard.count);
  header.set_config(base::ToJson(config));
  for (const Contestant& contestant : contestants) {
    PartModel& model = *header.add_models();
    model.set_ref(contestant.ref);
    model.set_loss(contestant.loss);
    model.set_labels(contestant.labels);
  }
  return Put(record);
}

std::string PartWriter::RecordsOf(const Round& round) {
  std::string records;
  for (size_t a = 0; a < round.auctions(); ++a) {
    PartRecord record;
    PartAuction& auction = *record.mutable_auction();
    *auction.mutable_auction() = round.LineOf(a);
    for (const Round::Answers& answers : round.answers) {
      auto& result = *auction.add_results();
      if (answers.answered[a] == 0) continue;
      const double* const pctrs = answers.pctrs.data();
      result.mutable_outcome()->mutable_pctr()->Add(pctrs + round.offsets[a], pctrs + round.offsets[a + 1]);
    }
    AppendRecord(record, &records);
  }
  return records;
}

absl::Status PartWriter::Finish(const vickrey::v1::SimulationSummary& summary) {
  PartRecord record;
  record.mutable_end()->set_auctions(summary.auctions());
  *record.mutable_end()->mutable_seconds() = summary.seconds();
  RETURN_IF_ERROR(Put(record));
  const std::string digest = digest_.Digest();
  out_ << digest;
  out_.close();
  if (!out_) return CannotWrite(aside_);
  std::error_code error;
  std::filesystem::rename(aside_, file_, error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot write ", file_.string(), ": ", error.message()));
  aside_.clear();
  return absl::OkStatus();
}

namespace {

// The file ends with the SHA-256 of all before.
absl::Status CheckDigest(const std::filesystem::path& file) {
  constexpr size_t kDigest = 32;
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  const auto size = static_cast<int64_t>(in.tellg());
  in.seekg(0);
  base::Sha256 digest;
  std::string bytes;
  for (int64_t left = size - static_cast<int64_t>(kDigest); left > 0; left -= static_cast<int64_t>(bytes.size())) {
    bytes.resize(static_cast<size_t>(std::min<int64_t>(left, 1 << 20)));
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    digest.Update(bytes);
    RETURN_IF_ERROR(base::CheckInterrupt());
  }
  std::string end(kDigest, 0);
  in.read(end.data(), kDigest);
  if (in && size > static_cast<int64_t>(kDigest) && digest.Digest() == end) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(file.string(), " is no whole part of a simulation: it is cut off or damaged"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PartReader>> PartReader::Open(const std::filesystem::path& file) {
  std::error_code error;
  if (const auto type = std::filesystem::status(file, error).type();
      std::filesystem::exists(file, error) && type != std::filesystem::file_type::regular) {
    return base::InvalidField("PART", absl::StrCat(file.string(), " is not a plain file"));  // a pipe would never end
  }
  std::unique_ptr<PartReader> reader(new PartReader(file));
  if (!reader->in_) {
    return absl::NotFoundError(absl::StrCat("cannot open ", file.string(),
                                            "; a simulation with --shard i/n and --summary FILE leaves FILE.part"));
  }
  RETURN_IF_ERROR(CheckDigest(file));
  reader->stream_.emplace(&reader->in_);
  PartRecord record;
  RETURN_IF_ERROR(reader->Read(&record));
  if (!record.has_header() || record.header().format() != 1) {
    return absl::DataLossError(absl::StrCat(file.string(), " is not the part of a simulation, of format 1"));
  }
  if (record.header().shard_count() < 1 || record.header().shard_count() > base::kMaxShards) {
    return absl::DataLossError(absl::StrCat(file.string(), " is of one of ", record.header().shard_count(), " shards"));
  }
  reader->header_ = record.header();
  return reader;
}

absl::Status PartReader::Read(PartRecord* record) {
  if (google::protobuf::util::ParseDelimitedFromZeroCopyStream(record, &*stream_, nullptr)) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(file_.string(), " is cut off or damaged behind auction ", auctions_));
}

absl::StatusOr<bool> PartReader::Next(PartAuction* auction) {
  PartRecord record;
  RETURN_IF_ERROR(Read(&record));
  if (record.has_end() && record.end().auctions() == auctions_) {
    end_ = record.end();
    return false;
  }
  if (!record.has_auction() || record.auction().results_size() != header_.models_size()) {
    return absl::DataLossError(absl::StrCat(file_.string(), " is damaged behind auction ", auctions_));
  }
  *auction = std::move(*record.mutable_auction());
  ++auctions_;
  return true;
}

}  // namespace vickrey::simulator
