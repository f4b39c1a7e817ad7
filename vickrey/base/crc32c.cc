#include "vickrey/base/crc32c.h"

#include <isa-l/crc.h>

namespace vickrey::base {

// ISA-L takes and gives the register, which is inverted at both ends.
uint32_t Crc32c(std::string_view bytes, uint32_t before) {
  return ~crc32_iscsi(reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data())), static_cast<int>(bytes.size()),
                      ~before);
}

}  // namespace vickrey::base
