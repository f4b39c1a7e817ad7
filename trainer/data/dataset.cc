#include "trainer/data/dataset.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "trainer/data/record.h"
#include "vickrey/base/crc32c.h"
#include "vickrey/base/sealed_json.h"
#include "vickrey/base/status.h"
#include "vickrey/storage/v1/dataset.pb.h"

namespace vickrey::trainer {
namespace {

using vickrey::storage::v1::DatasetFile;

constexpr int kDatasetFormat = 2;
constexpr char kDescription[] = "dataset.json", kRecords[] = "records", kIndex[] = "index";
constexpr size_t kWriteBytes = size_t{1} << 20;
constexpr int64_t kEntry = sizeof(IndexEntry);

absl::Status DamagedIn(const std::filesystem::path& folder, const std::string& what) {
  return absl::DataLossError(absl::StrCat(folder.string(), " ", what, "; delete it, and it is made again"));
}

uint32_t CrcOf(IndexEntry entry) {
  entry.crc = 0;
  return base::Crc32c({reinterpret_cast<const char*>(&entry), sizeof(entry)});
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Dataset>> Dataset::Open(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::exists(folder, error)) return absl::NotFoundError(absl::StrCat("no ", folder.string()));
  DatasetFile file;
  if (const absl::Status read = base::ReadSealed(folder / kDescription, &file); !read.ok()) {
    return DamagedIn(folder, absl::StrCat("is damaged: ", std::string(read.message())));
  }
  if (file.format() != kDatasetFormat) return DamagedIn(folder, absl::StrCat("is not of format ", kDatasetFormat));
  ASSIGN_OR_RETURN(auto schema, features::Schema::Create(file.schema()));
  ASSIGN_OR_RETURN(model::Layout inputs, model::MakeInputs(*schema));
  std::shared_ptr<Dataset> dataset(new Dataset(folder, std::move(schema), std::move(inputs)));
  dataset->statistics_ = {file.statistics().begin(), file.statistics().end()};
  dataset->auctions_ = file.auctions();
  dataset->candidates_ = file.candidates();
  for (const auto& [name, to] : {std::pair(kRecords, &dataset->records_), {kIndex, &dataset->index_}}) {
    auto opened = base::RandomAccessFile::Open(folder / name);
    if (!opened.ok()) return dataset->Damaged(absl::StrCat("is damaged: ", std::string(opened.status().message())));
    *to = *std::move(opened);
  }
  // One entry more than auctions: where the last record ends.
  if (dataset->records_->size() != file.bytes() || dataset->index_->size() != (file.auctions() + 1) * kEntry) {
    return dataset->Damaged("has files of other lengths than it says");
  }
  return dataset;
}

absl::Status Dataset::Damaged(const std::string& what) const { return DamagedIn(folder_, what); }

absl::Status Dataset::ReadIndex(int64_t begin, std::span<IndexEntry> entries) const {
  RETURN_IF_ERROR(index_->ReadAt(begin * kEntry, entries));
  for (const IndexEntry& entry : entries) {
    if (entry.crc != CrcOf(entry)) {
      return Damaged(absl::StrCat("has an index that was changed at auction ", begin + (&entry - entries.data())));
    }
  }
  return absl::OkStatus();
}

absl::Status Dataset::Read(int64_t number, Chunk* chunk) const {
  IndexEntry entries[2];
  RETURN_IF_ERROR(ReadIndex(number, entries));
  thread_local std::vector<char> bytes;
  if (entries[1].offset < entries[0].offset || entries[1].offset > static_cast<uint64_t>(records_->size())) {
    return Damaged(absl::StrCat("has a bad index at auction ", number));
  }
  bytes.resize(entries[1].offset - entries[0].offset);
  RETURN_IF_ERROR(records_->ReadAt(static_cast<int64_t>(entries[0].offset), std::span(bytes)));
  if (!ParseRecord(inputs_, bytes, chunk)) return Damaged(absl::StrCat("has a record that was changed, ", number));
  chunk->numbers.push_back(number);
  chunk->first_candidates.push_back(static_cast<int64_t>(entries[0].first_candidate));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<DatasetWriter>> DatasetWriter::Create(
    const std::filesystem::path& folder, std::shared_ptr<const features::Schema> schema,
    std::vector<vickrey::storage::v1::FieldStatistics> statistics) {
  std::unique_ptr<DatasetWriter> writer(new DatasetWriter());
  writer->schema_ = std::move(schema);
  writer->statistics_ = std::move(statistics);
  ASSIGN_OR_RETURN(writer->folder_, base::FolderPublisher::Create(folder));
  ASSIGN_OR_RETURN(writer->records_, base::FilePublisher::Create(writer->folder_->path() / kRecords));
  ASSIGN_OR_RETURN(writer->index_, base::FilePublisher::Create(writer->folder_->path() / kIndex));
  return writer;
}

absl::Status DatasetWriter::Append(const Chunk& chunk, std::span<const uint64_t> id_hashes,
                                   std::span<const Part> parts) {
  std::vector<IndexEntry> entries;
  for (int64_t a = 0; a < chunk.auctions(); ++a) {
    IndexEntry entry = next_;
    entry.id_hash = id_hashes[a];
    entry.part = parts[a];
    const int64_t begin = chunk.features.offsets[a], end = chunk.features.offsets[a + 1];
    for (int64_t i = begin; i < end; ++i) {
      entry.labelled += static_cast<uint32_t>(!std::isnan(chunk.clicks[i]));
      entry.clicks += static_cast<uint32_t>(chunk.clicks[i] > 0);
      entry.with_truth += static_cast<uint32_t>(!std::isnan(chunk.truths[i]));
    }
    const size_t before = bytes_.size();
    AppendRecord(chunk, a, &bytes_);
    next_.offset += bytes_.size() - before;
    next_.first_candidate += static_cast<uint64_t>(end - begin);
    entry.crc = CrcOf(entry);
    entries.push_back(entry);
    if (bytes_.size() < kWriteBytes) continue;
    RETURN_IF_ERROR(records_->Write(bytes_));
    bytes_.clear();
  }
  auctions_ += chunk.auctions();
  return index_->Write({reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof(IndexEntry)});
}

absl::Status DatasetWriter::Publish() {
  RETURN_IF_ERROR(records_->Write(bytes_));
  next_.crc = CrcOf(next_);
  RETURN_IF_ERROR(index_->Write({reinterpret_cast<const char*>(&next_), sizeof(next_)}));
  RETURN_IF_ERROR(records_->Publish());
  RETURN_IF_ERROR(index_->Publish());
  DatasetFile file;
  file.set_format(kDatasetFormat);
  *file.mutable_schema() = schema_->proto();
  file.mutable_statistics()->Add(statistics_.begin(), statistics_.end());
  file.set_auctions(auctions_);
  file.set_candidates(static_cast<int64_t>(next_.first_candidate));
  file.set_bytes(static_cast<int64_t>(next_.offset));
  RETURN_IF_ERROR(base::WriteSealed(folder_->path() / kDescription, file));
  return folder_->Publish();
}

}  // namespace vickrey::trainer
