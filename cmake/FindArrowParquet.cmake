# Finds Arrow and Parquet and makes the imported target Arrow::parquet of them: the pinned pyarrow wheel
# (cmake/arrow-version.txt) that `./dev setup` unpacked into .deps. No Python takes part.
#
# What was looked at before linking it with the distribution's libraries (nm -D, readelf -d):
#   - C++ ABI: std::string of the new ABI, libstdc++ no newer than the distribution's, glibc 2.28; code for a plain
#     x86-64 with faster variants chosen at run time.
#   - libarrow.so exports arrow::, opentelemetry:: and names of its own with a prefix (arrow_vendored::, arrow_mi_malloc):
#     nothing that protobuf, Abseil, gRPC, RocksDB, zstd, lz4, snappy or zlib export. Its own copies of those are hidden.
#   - libparquet.so exports its own OpenSSL 3, 4266 of the names of libcrypto.so, without versions. A program in which it
#     came first would run gRPC's TLS and our SHA-256 on a mixture of two OpenSSLs. So the system's are linked before
#     everything else, and although nothing may need them: the loader takes the first definition. What then runs on a
#     mixture is libparquet.so itself, whose OpenSSL is for encrypted columns; those are neither written nor read here.
#
# Sets ArrowParquet_FOUND, ArrowParquet_VERSION, ArrowParquet_ROOT and ArrowParquet_RUNTIME (the files a program loads).

file(STRINGS ${PROJECT_SOURCE_DIR}/cmake/arrow-version.txt _pinned LIMIT_COUNT 1)
set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS cmake/arrow-version.txt)
unset(ArrowParquet_ROOT)
unset(ArrowParquet_VERSION)
set(_wheel ${PROJECT_SOURCE_DIR}/.deps/arrow-${_pinned}/pyarrow)
set(_config ${_wheel}/include/arrow/util/config.h)
if(EXISTS ${_config})
  set(ArrowParquet_ROOT ${_wheel})
  file(STRINGS ${_config} _line REGEX "define ARROW_VERSION_STRING " LIMIT_COUNT 1)
  string(REGEX MATCH "[0-9][0-9.]+" ArrowParquet_VERSION "${_line}")
  # The wheel has no libarrow.so without a number.
  file(STRINGS ${_config} _line REGEX "define ARROW_SO_VERSION " LIMIT_COUNT 1)
  string(REGEX MATCH "[0-9]+" _so "${_line}")
  set(ArrowParquet_RUNTIME ${_wheel}/libparquet.so.${_so} ${_wheel}/libarrow.so.${_so})
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ArrowParquet
  REQUIRED_VARS ArrowParquet_ROOT ArrowParquet_VERSION
  VERSION_VAR ArrowParquet_VERSION
  REASON_FAILURE_MESSAGE "run ./dev setup")

if(ArrowParquet_FOUND AND NOT TARGET Arrow::parquet)
  find_package(OpenSSL REQUIRED)
  add_library(Arrow::parquet INTERFACE IMPORTED)
  set_target_properties(Arrow::parquet PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES ${_wheel}/include
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${_wheel}/include
    VICKREY_RUNTIME "${ArrowParquet_RUNTIME}")
  # An option, not a library: options stand before all objects and libraries of the command, whatever else is linked.
  target_link_options(Arrow::parquet INTERFACE
    -Wl,--push-state,--no-as-needed,${OPENSSL_SSL_LIBRARY},${OPENSSL_CRYPTO_LIBRARY},--pop-state)
  target_link_libraries(Arrow::parquet INTERFACE ${ArrowParquet_RUNTIME})
endif()
