#include "vickrey/log/import_json_lines.h"

#include <utility>

#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/log/record.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::log {
namespace {

using vickrey::v1::LoggedAuction;

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
        RETURN_IF_ERROR(reject(reader_.line(), more.status()));
        continue;
      }
      auto read = FromLine(line);
      if (read.ok()) {
        *record = *std::move(read);
        return true;
      }
      RETURN_IF_ERROR(reject(reader_.line(), read.status()));
    }
  }
  int64_t rows() const override { return rows_; }
  int64_t line() const override { return reader_.line(); }

 private:
  base::JsonLineReader reader_;
  int64_t rows_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Importer>> MakeJsonLinesImporter(const ImportOptions&, std::istream* in) {
  return std::make_unique<JsonLinesImporter>(in);
}

}  // namespace vickrey::log
