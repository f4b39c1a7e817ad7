// One auction of a dataset as bytes, in the byte order of the machine: sixteen bytes of counts, then arrays as they lie
// in a Chunk, so that reading is copying.
#ifndef TRAINER_DATA_RECORD_H_
#define TRAINER_DATA_RECORD_H_

#include <cstdint>
#include <span>
#include <string>

#include "trainer/data/chunk.h"
#include "vickrey/model/layout.h"

namespace vickrey::trainer {

// Appends auction `auction` of a chunk to `bytes`.
void AppendRecord(const Chunk& chunk, int64_t auction, std::string* bytes);

// Adds a record to a chunk, without its number and its first candidate; false, and the chunk as it was, if it is not
// one. `inputs`: of the schema that it was encoded for.
bool ParseRecord(const model::Layout& inputs, std::span<const char> bytes, Chunk* chunk);

}  // namespace vickrey::trainer

#endif  // TRAINER_DATA_RECORD_H_
