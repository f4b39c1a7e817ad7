# Everything that comes from a package. A missing one stops the configuration here, naming it; `./dev setup` installs it.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(RocksDB CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(yaml-cpp CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ArrowParquet REQUIRED)
find_package(hwy CONFIG REQUIRED)
find_package(GTest CONFIG REQUIRED)
find_package(benchmark CONFIG REQUIRED)
find_package(dnnl CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(civetweb CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_path(RANDOM123_INCLUDE_DIR Random123/philox.h REQUIRED)

add_library(Random123::random123 INTERFACE IMPORTED)
target_include_directories(Random123::random123 INTERFACE ${RANDOM123_INCLUDE_DIR})

if(VICKREY_TORCH)
  find_package(LibTorch REQUIRED)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  if(LibTorch_EXPORTS_PROTOBUF)
    # Of two protobufs in one process each would use parts of the other, and both tidy up the same memory at the end.
    # Ours goes into the programs, unseen from outside.
    find_library(PROTOBUF_STATIC_LIBRARY libprotobuf.a REQUIRED)
    find_package(ZLIB REQUIRED)
    foreach(location IMPORTED_LOCATION IMPORTED_LOCATION_RELEASE IMPORTED_LOCATION_DEBUG)
      set_target_properties(protobuf::libprotobuf PROPERTIES ${location} ${PROTOBUF_STATIC_LIBRARY})
    endforeach()
    # Reflection answers from the protobuf that it is linked with: the shared library would know none of our files.
    find_library(GRPC_REFLECTION_STATIC_LIBRARY libgrpc++_reflection.a REQUIRED)
    foreach(location IMPORTED_LOCATION IMPORTED_LOCATION_RELEASE IMPORTED_LOCATION_DEBUG IMPORTED_LOCATION_NONE)
      set_target_properties(gRPC::grpc++_reflection PROPERTIES ${location} ${GRPC_REFLECTION_STATIC_LIBRARY})
    endforeach()
    set_property(TARGET protobuf::libprotobuf APPEND PROPERTY INTERFACE_LINK_LIBRARIES ZLIB::ZLIB)
    target_link_options(protobuf::libprotobuf INTERFACE LINKER:--exclude-libs,libprotobuf.a)
    if(NOT VICKREY_MOLD AND NOT VICKREY_LLD)
      # Linked by GNU ld every program ended with "free(): invalid pointer".
      message(FATAL_ERROR "mold is missing: LibTorch ${LibTorch_VERSION} has a protobuf of its own, which the default linker does not keep apart from ours")
    endif()
  endif()
endif()

find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)
find_library(XXHASH_LIBRARY xxhash REQUIRED)
add_library(xxHash::xxhash UNKNOWN IMPORTED)
set_target_properties(xxHash::xxhash PROPERTIES
  IMPORTED_LOCATION ${XXHASH_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${XXHASH_INCLUDE_DIR})

find_path(CSV_INCLUDE_DIR csv.h REQUIRED)
find_library(CSV_LIBRARY csv REQUIRED)
add_library(csv::csv UNKNOWN IMPORTED)
set_target_properties(csv::csv PROPERTIES
  IMPORTED_LOCATION ${CSV_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${CSV_INCLUDE_DIR})

find_path(ISAL_INCLUDE_DIR isa-l/crc.h REQUIRED)
find_library(ISAL_LIBRARY isal REQUIRED)
add_library(isal::isal UNKNOWN IMPORTED)
set_target_properties(isal::isal PROPERTIES
  IMPORTED_LOCATION ${ISAL_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${ISAL_INCLUDE_DIR})

find_package(LibArchive REQUIRED)
find_package(ZLIB REQUIRED)
