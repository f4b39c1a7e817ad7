# How a target is declared. One call per library with its sources and dependencies, its test right below:
#
#   vickrey_library(auction_ranking
#     SOURCES ranking.h ranking.cc
#     DEPS base_status absl::statusor)
#   vickrey_test(auction_ranking_test SOURCES ranking_test.cc DEPS auction_ranking)
#
# A library is named after its folder and its concept. What does not come from a package of the distribution may be linked
# by some folders only, which each such target lists here; the layering test checks the includes.
set(VICKREY_BUNDLED LibTorch::torch Arrow::parquet)
set(VICKREY_FOLDERS_LibTorch::torch vickrey/torch trainer server tests)
set(VICKREY_FOLDERS_Arrow::parquet vickrey/log tools tests)

# Sets `result` to those of VICKREY_BUNDLED that any of the targets given links, itself or through others.
function(_vickrey_bundled result)
  set(found)
  foreach(dep ${ARGN})
    if(dep IN_LIST VICKREY_BUNDLED)
      list(APPEND found ${dep})
    elseif(TARGET ${dep})
      get_target_property(of_dep ${dep} VICKREY_BUNDLED)
      if(of_dep)
        list(APPEND found ${of_dep})
      endif()
    elseif(dep MATCHES "^[a-z_0-9]+$")
      message(FATAL_ERROR "no target '${dep}' yet: a library is declared before those that use it")
    endif()
  endforeach()
  list(REMOVE_DUPLICATES found)
  set(${result} ${found} PARENT_SCOPE)
endfunction()

function(_vickrey_target target)
  cmake_parse_arguments(arg "" "" "SOURCES;APART;DEPS" ${ARGN})
  list(APPEND arg_SOURCES ${arg_APART})
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
    message(FATAL_ERROR "${target}: expected SOURCES ... DEPS ..., got: ${ARGN}")
  endif()
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  _vickrey_bundled(bundled ${arg_DEPS})
  foreach(dep ${bundled})
    list(TRANSFORM VICKREY_FOLDERS_${dep} REPLACE "(.+)" "^\\1(/|$)" OUTPUT_VARIABLE allowed)
    list(JOIN allowed "|" allowed)
    if(NOT folder MATCHES "${allowed}")
      message(FATAL_ERROR "${target}: ${folder} must not link ${dep}, not even through a library; "
        "only ${VICKREY_FOLDERS_${dep}} may")
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES VICKREY_BUNDLED "${bundled}")
  target_sources(${target} PRIVATE ${arg_SOURCES})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_options(${target} PRIVATE ${VICKREY_WARNINGS})
  target_link_libraries(${target} PUBLIC ${arg_DEPS})
endfunction()

# Where VICKREY_UNITY is on, the sources of `target` are compiled by the eight: names in their anonymous namespaces must
# differ. Those given as APART share some on purpose; and Highway has a source include itself once for each instruction set.
function(_vickrey_together target)
  cmake_parse_arguments(arg "" "" "SOURCES;APART;DEPS" ${ARGN})
  set(together)
  foreach(source ${arg_SOURCES})
    set(repeated)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${source})  # it may be written by the build
      file(STRINGS ${source} repeated REGEX "hwy/foreach_target\\.h")
    endif()
    if(repeated)
      list(APPEND arg_APART ${source})
    elseif(source MATCHES "\\.cc$")
      list(APPEND together ${source})
    endif()
  endforeach()
  set_source_files_properties(${arg_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  list(LENGTH together count)
  if(VICKREY_UNITY AND count GREATER 1)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
endfunction()

# vickrey_library(NAME SOURCES ... [APART ...] DEPS ...)
function(vickrey_library target)
  add_library(${target} STATIC)
  _vickrey_target(${target} ${ARGN})
  _vickrey_together(${target} ${ARGN})
endfunction()

# Compiling a test takes longer than running it: little is optimised in one. (Of what stands in headers the linker takes
# the test's own code, for libraries, too; whole programs are tested as they ship.)
set(VICKREY_TEST_OPTIONS)
if(VICKREY_SANITIZE)
  set(VICKREY_TEST_OPTIONS -O0)
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(VICKREY_TEST_OPTIONS -O1)
endif()

# vickrey_test(NAME SOURCES ... DEPS ... [LABELS slow]): a GoogleTest program. `slow` ones are left out of sanitizer runs.
function(vickrey_test target)
  cmake_parse_arguments(arg "" "" "LABELS" ${ARGN})
  add_executable(${target})
  _vickrey_target(${target} ${arg_UNPARSED_ARGUMENTS})
  target_compile_options(${target} PRIVATE ${VICKREY_TEST_OPTIONS})
  target_link_libraries(${target} PRIVATE GTest::gmock_main)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin/test)
  add_test(NAME ${target} COMMAND ${target} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${target} PROPERTIES LABELS "${arg_LABELS}")
endfunction()

# vickrey_bench(NAME SOURCES ... DEPS ...): a Google Benchmark program, which ./dev bench runs. There are none in a build
# with sanitizers: their times would say nothing.
function(vickrey_bench target)
  if(VICKREY_SANITIZE)
    return()
  endif()
  add_executable(${target})
  _vickrey_target(${target} ${ARGN})
  target_link_libraries(${target} PRIVATE benchmark::benchmark_main)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin/bench)
endfunction()

# vickrey_fuzzer(NAME SOURCES ... DEPS ...): defines LLVMFuzzerTestOneInput. The test NAME_corpus runs it on the inputs
# of corpus/NAME; with VICKREY_FUZZ it is a libFuzzer program as well, which ./dev fuzz runs.
function(vickrey_fuzzer target)
  add_executable(${target})
  _vickrey_target(${target} ${ARGN})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin/fuzz)
  if(VICKREY_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    add_test(NAME ${target}_corpus COMMAND ${target} -runs=0 ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${target})
  else()
    target_sources(${target} PRIVATE replay_main.cc)
    add_test(NAME ${target}_corpus COMMAND ${target} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${target})
  endif()
endfunction()

# vickrey_program(NAME SOURCES ... [APART ...] DEPS ...): an installed program. The installed tree can be moved: a program finds
# its own libraries relative to itself.
function(vickrey_program target)
  add_executable(${target})
  _vickrey_target(${target} ${ARGN})
  _vickrey_together(${target} ${ARGN})
  set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}/vickrey")
  install(TARGETS ${target} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  set_property(GLOBAL APPEND PROPERTY VICKREY_PROGRAMS ${target})
  get_target_property(bundled ${target} VICKREY_BUNDLED)
  foreach(dep ${bundled})
    get_property(installed GLOBAL PROPERTY VICKREY_INSTALLED)
    if(NOT dep IN_LIST installed)
      get_target_property(files ${dep} VICKREY_RUNTIME)
      install(FILES ${files} DESTINATION ${CMAKE_INSTALL_LIBDIR}/vickrey)
      set_property(GLOBAL APPEND PROPERTY VICKREY_INSTALLED ${dep})
    endif()
  endforeach()
endfunction()

# vickrey_proto(NAME SOURCES vickrey/v1/x.proto ... [SERVICES vickrey/v1/y.proto ...] [DEPS other protos]): the C++ of
# protocol files, given relative to proto/; SERVICES also get gRPC stubs. Include as "vickrey/v1/x.pb.h".
function(vickrey_proto target)
  cmake_parse_arguments(arg "" "" "SOURCES;SERVICES;DEPS" ${ARGN})
  set(out ${PROJECT_BINARY_DIR}/proto)
  # Any of them may be imported: an option changed in one shows in the descriptors of others.
  file(GLOB_RECURSE all_protos CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/proto/*.proto)
  file(MAKE_DIRECTORY ${out})
  set(generated)
  foreach(proto ${arg_SOURCES} ${arg_SERVICES})
    string(REGEX REPLACE "\\.proto$" "" stem ${out}/${proto})
    set(files ${stem}.pb.h ${stem}.pb.cc)
    set(grpc)
    if(proto IN_LIST arg_SERVICES)
      list(APPEND files ${stem}.grpc.pb.h ${stem}.grpc.pb.cc)
      set(grpc --grpc_out=${out} --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>)
    endif()
    add_custom_command(OUTPUT ${files}
      COMMAND protobuf::protoc --proto_path=${PROJECT_SOURCE_DIR}/proto --cpp_out=${out} ${grpc} ${proto}
      DEPENDS ${all_protos}
      COMMENT "Generating ${proto}"
      VERBATIM)
    list(APPEND generated ${files})
  endforeach()
  add_library(${target} STATIC ${generated})
  if(VICKREY_SANITIZE MATCHES undefined)  # four times as long to compile, for code that is not ours
    target_compile_options(${target} PRIVATE -fno-sanitize=undefined)
  endif()
  target_include_directories(${target} SYSTEM PUBLIC ${out})
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf ${arg_DEPS})
  if(arg_SERVICES)
    target_link_libraries(${target} PUBLIC gRPC::grpc++)
  endif()
endfunction()

# Writes the list of programs, for ./dev run, which builds them as one target, without tests; and says what was found.
function(vickrey_print_summary)
  get_property(programs GLOBAL PROPERTY VICKREY_PROGRAMS)
  add_custom_target(programs)
  add_dependencies(programs ${programs})
  if(TARGET report_page)
    add_dependencies(programs report_page)
  endif()
  list(JOIN programs "\n" programs)
  file(WRITE ${PROJECT_BINARY_DIR}/programs.txt "${programs}\n")
  message(STATUS "Vickrey ${PROJECT_VERSION}: ${CMAKE_BUILD_TYPE}, ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}, "
    "sanitizers: ${VICKREY_SANITIZE}, ccache: ${VICKREY_CCACHE}, linker: ${VICKREY_MOLD}, LibTorch: ${LibTorch_DESCRIPTION}")
endfunction()
