// The importer of Parquet on any file: it is refused, or RunImporter's requirements hold, RequireSurvives among them.
#include <cstdlib>

#include "tests/fuzz/fuzzing.h"
#include "tests/fuzz/survives.h"
#include "vickrey/log/import_parquet.h"

extern "C" int LLVMFuzzerInitialize(int*, char***);
// Arrow's own allocator would hide from AddressSanitizer what is read beside a buffer.
int LLVMFuzzerInitialize(int*, char***) { return setenv("ARROW_DEFAULT_MEMORY_POOL", "system", 1); }

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vickrey::fuzz;
  // A few bytes are many rows, where all are null: the end of such a file is not waited for.
  static constexpr size_t kMostRows = 5000;
  static MemoryFile file;
  file.Write({reinterpret_cast<const char*>(data), size});
  const auto importer = vickrey::log::MakeParquetImporter(file.path());
  if (!importer.ok()) return 0;
  RunImporter(importer->get(), kMostRows, AtMost::kStop, [](const vickrey::v1::LoggedAuction&) {});
  return 0;
}
