find_package(Python3 REQUIRED COMPONENTS Interpreter)

# VICKREY_PYTHON, of the environment that ./dev setup makes of cmake/python-requirements.txt: TensorBoard, what torchrun
# needs, and what `vickrey study` does.
set(requirements ${PROJECT_SOURCE_DIR}/cmake/python-requirements.txt)
set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${requirements})
file(SHA256 ${requirements} sum)
string(SUBSTRING ${sum} 0 12 sum)
set(VICKREY_PYTHON ${PROJECT_SOURCE_DIR}/.deps/python-${sum}/bin/python)
if(VICKREY_CUDA AND NOT EXISTS ${VICKREY_PYTHON})
  set(VICKREY_PYTHON ${Python3_EXECUTABLE})  # on a GPU machine the end-to-end tests are not what is run
endif()
if(NOT EXISTS ${VICKREY_PYTHON})
  message(FATAL_ERROR "the tests and `vickrey study` need ${VICKREY_PYTHON}; run ./dev setup")
endif()
