# Language, warnings, sanitizers, compiler cache and linker: what holds for every target of the project.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_DEPENDS_USE_COMPILER ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# A score is one IEEE multiplication on every machine, and sums keep their written order: no fused multiply-add behind
# the programmer's back, no fast-math.
add_compile_options(-ffp-contract=off)

# Designated initialisers leave members at their defaults on purpose; GCC 12 warns of each in C++.
set(VICKREY_WARNINGS -Wall -Wextra -Wno-missing-field-initializers)
option(VICKREY_WERROR "Warnings are errors; off for a compiler that has others than ours" ON)
if(VICKREY_WERROR)
  list(APPEND VICKREY_WARNINGS -Werror)
endif()

option(VICKREY_UNITY "Compile the sources of a library or a program by the eight: three fifths of the time is reading headers" OFF)

set(VICKREY_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")
if(VICKREY_SANITIZE)
  add_compile_options(-O1 -g1 -fno-omit-frame-pointer -fsanitize=${VICKREY_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${VICKREY_SANITIZE})
  if(VICKREY_SANITIZE STREQUAL "thread")
    # Protobuf's map fields have one member more where this is defined, and the distribution's library was built without.
    add_compile_options(-U__SANITIZE_THREAD__)
  endif()
endif()

# Every checkout on a machine shares what the cache holds: paths below the root count as relative to it.
find_program(VICKREY_CCACHE ccache)
if(VICKREY_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${VICKREY_CCACHE})
endif()

find_program(VICKREY_MOLD mold)
find_program(VICKREY_LLD ld.lld)
if(VICKREY_MOLD)
  add_link_options(-fuse-ld=mold)
elseif(VICKREY_LLD)
  add_link_options(-fuse-ld=lld)
endif()
