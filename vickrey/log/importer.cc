#include "vickrey/log/importer.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "vickrey/base/json.h"
#include "vickrey/base/limits.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/log/import_criteo.h"
#include "vickrey/log/import_outbrain.h"
#include "vickrey/log/record.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::log {
namespace {

using vickrey::v1::LoggedAuction;

// JSON Lines, as `vickrey log export` writes them.
class JsonLinesImporter final : public Importer {
 public:
  explicit JsonLinesImporter(std::istream* in) : reader_(in) {}

  absl::StatusOr<bool> Next(const Reject& reject, LoggedAuction* record) override {
    while (true) {
      vickrey::v1::AuctionLine line;
      const auto more = reader_.Next(&line);
      if (more.ok() && !*more) return false;
      ++rows_;
      if (!more.ok()) {
        reject(reader_.line(), more.status());
        continue;
      }
      auto read = FromLine(line);
      if (read.ok()) {
        *record = *std::move(read);
        return true;
      }
      reject(reader_.line(), read.status());
    }
  }
  int64_t rows() const override { return rows_; }
  int64_t line() const override { return reader_.line(); }

 private:
  base::JsonLineReader reader_;
  int64_t rows_ = 0;
};

absl::StatusOr<std::unique_ptr<Importer>> MakeJsonLines(const ImportOptions&, std::istream* in) {
  return std::make_unique<JsonLinesImporter>(in);
}

struct Entry {
  std::string_view format;
  absl::StatusOr<std::unique_ptr<Importer>> (*make)(const ImportOptions&, std::istream*);
};

constexpr Entry kImporters[] = {
    {"criteo", &MakeCriteoImporter},
    {"outbrain", &MakeOutbrainImporter},
    {"jsonl", &MakeJsonLines},
};

}  // namespace

absl::StatusOr<BidSource> BidSource::Parse(std::string_view text, uint64_t seed) {
  BidSource source{.seed = seed};
  absl::string_view rest(text.data(), text.size());
  const bool known = absl::ConsumePrefix(&rest, "lognormal:");
  const std::vector<absl::string_view> parts = absl::StrSplit(rest, ',');
  if (!known || parts.size() != 2 || !absl::SimpleAtod(parts[0], &source.mu) ||
      !absl::SimpleAtod(parts[1], &source.sigma) || !(std::abs(source.mu) <= 20) ||
      !(source.sigma >= 0 && source.sigma <= 10)) {
    return base::InvalidField("bids", absl::StrCat("'", std::string(text),
                                                   "' is not lognormal:MU,SIGMA with |MU| <= 20 and 0 <= SIGMA <= 10"));
  }
  return source;
}

int64_t BidSource::BidMicros(int64_t row) const {
  base::RandomStream random(seed, base::StreamId("import.bids"), static_cast<uint64_t>(row));
  return static_cast<int64_t>(std::clamp(std::round(random.LogNormal(mu, sigma) * 1e6), 1.0, 1e15));
}

absl::StatusOr<std::unique_ptr<Importer>> MakeImporter(std::string_view format, const ImportOptions& options,
                                                       std::istream* in) {
  if (options.group_size < 1 || options.group_size > base::kMaxCandidates) {
    return base::InvalidField("group_size", absl::StrCat(options.group_size, " is out of range; 1 to ",
                                                         base::kMaxCandidates, " rows make an auction"));
  }
  std::string known;
  for (const Entry& entry : kImporters) {
    if (entry.format == format) return entry.make(options, in);
    absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(entry.format));
  }
  return base::InvalidField("format", absl::StrCat("'", std::string(format), "' is not known; known: ", known));
}

}  // namespace vickrey::log
