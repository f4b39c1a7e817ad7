# Finds LibTorch and makes the imported target LibTorch::torch of it.
#
# In this order:
#   1. LIBTORCH, a cache variable or an environment variable: the folder that holds include/ and lib/, or what
#      `python3 -c 'import torch; print(torch.utils.cmake_prefix_path)'` prints;
#   2. the pinned wheel (cmake/torch-version.txt) that `./dev setup` unpacked into .deps;
#   3. the distribution's libtorch-dev.
#
# The module of the wheel itself (TorchConfig.cmake) is not used: that of a CUDA build fails where no CUDA toolkit is.
# Here a CUDA build on a machine without the toolkit is linked as a CPU one, by libtorch_cpu.so alone.
#
# Sets LibTorch_EXPORTS_PROTOBUF (whether protobuf has to be kept apart from it), LibTorch_FOUND, LibTorch_VERSION (such as 2.13.0+cpu), LibTorch_ROOT, LibTorch_SOURCE (LIBTORCH, wheel or
# distribution), LibTorch_DESCRIPTION (one line for --version), LibTorch_RUNTIME (the files a program loads) and
# LibTorch_PYTHONPATH (where Python finds its package torch, or empty).

set(LIBTORCH "" CACHE PATH "LibTorch to use instead of the one that ./dev setup fetched")
if(NOT LIBTORCH AND DEFINED ENV{LIBTORCH})
  set(LIBTORCH "$ENV{LIBTORCH}")
endif()

unset(LibTorch_ROOT)
file(STRINGS ${PROJECT_SOURCE_DIR}/cmake/torch-version.txt _pinned LIMIT_COUNT 1)
set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS cmake/torch-version.txt)
set(_wheel ${PROJECT_SOURCE_DIR}/.deps/torch-${_pinned}-py/torch)
if(LIBTORCH)
  set(LibTorch_SOURCE LIBTORCH)
  string(REGEX REPLACE "/share/cmake(/Torch)?/?$" "" LibTorch_ROOT "${LIBTORCH}")
  if(NOT EXISTS ${LibTorch_ROOT}/include/ATen/ATen.h)
    message(FATAL_ERROR "LIBTORCH=${LIBTORCH} is not a LibTorch: ${LibTorch_ROOT}/include/ATen/ATen.h does not exist")
  endif()
elseif(EXISTS ${_wheel}/version.py)
  set(LibTorch_SOURCE wheel)
  set(LibTorch_ROOT ${_wheel})
elseif(EXISTS /usr/include/ATen/ATen.h)
  set(LibTorch_SOURCE distribution)
  set(LibTorch_ROOT /usr)
endif()

set(_libs ${LibTorch_ROOT}/lib)
if(LibTorch_SOURCE STREQUAL distribution)
  set(_libs /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE})
endif()
set(_include ${LibTorch_ROOT}/include)

set(LibTorch_VERSION "")
foreach(_file version.py ../version.py build-version)
  if(LibTorch_ROOT AND NOT LibTorch_VERSION AND EXISTS ${LibTorch_ROOT}/${_file})
    file(STRINGS ${LibTorch_ROOT}/${_file} _line REGEX "^(__version__ = ')?[0-9]" LIMIT_COUNT 1)
    string(REGEX MATCH "[0-9][0-9a-zA-Z.+]*" LibTorch_VERSION "${_line}")
  endif()
endforeach()
if(LibTorch_ROOT AND NOT LibTorch_VERSION)
  file(STRINGS ${_include}/torch/csrc/api/include/torch/version.h _lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]")
  string(REGEX REPLACE "[^0-9;]" "" LibTorch_VERSION "${_lines}")
  string(REPLACE ";" "." LibTorch_VERSION "${LibTorch_VERSION}")
endif()

# Some builds of LibTorch (2.11's for CUDA is one) let their own old protobuf be seen by whoever links them.
set(LibTorch_EXPORTS_PROTOBUF FALSE)
if(LibTorch_ROOT AND CMAKE_NM)
  execute_process(COMMAND ${CMAKE_NM} -D --defined-only ${_libs}/libtorch_cpu.so
    OUTPUT_VARIABLE _symbols ERROR_QUIET)
  if(_symbols MATCHES "google8protobuf")
    set(LibTorch_EXPORTS_PROTOBUF TRUE)
  endif()
  unset(_symbols)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_ROOT LibTorch_VERSION
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "run ./dev setup, or set LIBTORCH to one")
# Python loads all of a build's libraries: of CUDA's, `./dev setup` fetches only those that a CPU needs.
set(LibTorch_PYTHONPATH "")
if(EXISTS ${LibTorch_ROOT}/__init__.py AND NOT (LibTorch_SOURCE STREQUAL wheel AND EXISTS ${_libs}/libtorch_cuda.so))
  get_filename_component(LibTorch_PYTHONPATH ${LibTorch_ROOT} DIRECTORY)
endif()
set(LibTorch_DESCRIPTION "${LibTorch_VERSION} (${LibTorch_SOURCE})")

if(NOT TARGET LibTorch::torch)
  # A wheel brings headers of another protobuf and fmt. `./dev setup` leaves them out; for any other LibTorch a folder
  # searched before it leads back to the system's.
  if(EXISTS ${_include}/google OR EXISTS ${_include}/fmt)
    set(_first ${PROJECT_BINARY_DIR}/libtorch-first)
    file(MAKE_DIRECTORY ${_first})
    foreach(_shadowed google fmt)
      if(EXISTS /usr/include/${_shadowed})
        file(CREATE_LINK /usr/include/${_shadowed} ${_first}/${_shadowed} SYMBOLIC)
      endif()
    endforeach()
    if(NOT LibTorch_SOURCE STREQUAL distribution)
      list(PREPEND _include ${_first})
    endif()
  endif()
  list(APPEND _include ${LibTorch_ROOT}/include/torch/csrc/api/include)

  add_library(LibTorch::torch INTERFACE IMPORTED)
  set_target_properties(LibTorch::torch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${_include}"
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${_include}")
  # libtorch.so is empty but for what it drags in, which in a CUDA build is CUDA.
  set(_names torch_cpu c10)
  if(VICKREY_CUDA)
    find_package(CUDAToolkit REQUIRED)
    if(NOT EXISTS ${_libs}/libtorch_cuda.so)
      message(FATAL_ERROR "VICKREY_CUDA needs a CUDA build of LibTorch; ${LibTorch_ROOT} (${LibTorch_VERSION}) has no libtorch_cuda.so")
    endif()
    list(APPEND _names torch_cuda c10_cuda)
    target_link_libraries(LibTorch::torch INTERFACE CUDA::cudart)
  endif()
  list(TRANSFORM _names REPLACE "(.+)" "${_libs}/lib\\1.so" OUTPUT_VARIABLE _files)
  # libtorch_cuda.so registers its kernels when loaded; nothing refers to it by name. Libraries that LibTorch itself
  # loads (of CUDA, in other wheels) are found through its own rpath, which a linker would search for no reason.
  target_link_options(LibTorch::torch INTERFACE -Wl,--allow-shlib-undefined)
  target_link_libraries(LibTorch::torch INTERFACE -Wl,--push-state,--no-as-needed ${_files} -Wl,--pop-state)

  file(GLOB LibTorch_RUNTIME ${_files} ${_libs}/libgomp*.so*
    ${LibTorch_ROOT}/../nvidia/*/lib/libcudart.so.* ${LibTorch_ROOT}/../nvidia/*/lib/libcupti.so.*)
  if(LibTorch_SOURCE STREQUAL distribution)
    set(LibTorch_RUNTIME "")  # the package manager's business
  endif()
  set_target_properties(LibTorch::torch PROPERTIES VICKREY_RUNTIME "${LibTorch_RUNTIME}")
endif()
