# Takes Arrow C++ (headers + libarrow.so) out of the pinned PyPI wheel and offers it as the imported
# target `PyArrow::arrow`.  The wheel lives in a virtual environment inside the build tree, so nothing
# outside the build tree is touched and a clean checkout needs only python3 and the package index.
set(PYARROW_VERSION "26.0.1" CACHE STRING "pyarrow wheel that supplies Arrow C++")
set(PYARROW_VENV "${CMAKE_BINARY_DIR}/venv" CACHE PATH "venv that holds it (may be pre-made)")
find_package(Python3 3.10 REQUIRED COMPONENTS Interpreter)
set(_py "${PYARROW_VENV}/bin/python")
if(NOT EXISTS "${_py}")
  execute_process(COMMAND "${Python3_EXECUTABLE}" -m venv "${PYARROW_VENV}" COMMAND_ERROR_IS_FATAL ANY)
endif()
set(_query "import pyarrow as p; print(p.__version__, p.get_include(), p.get_library_dirs()[0], p.cpp_build_info.so_version, sep=';')")
execute_process(COMMAND "${_py}" -c "${_query}" OUTPUT_VARIABLE _info RESULT_VARIABLE _rc
                ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
set(_have "")
if(_rc EQUAL 0)
  list(GET _info 0 _have)
endif()
if(NOT _rc EQUAL 0 OR NOT _have STREQUAL PYARROW_VERSION)
  execute_process(COMMAND "${_py}" -m pip install --disable-pip-version-check -q --only-binary :all:
                          "pyarrow==${PYARROW_VERSION}" COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND "${_py}" -c "${_query}" OUTPUT_VARIABLE _info
                  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()
list(GET _info 1 PYARROW_INCLUDE_DIR)
list(GET _info 2 PYARROW_LIBRARY_DIR)
list(GET _info 3 PYARROW_SOVERSION)
add_library(PyArrow::arrow SHARED IMPORTED GLOBAL)
# The versioned file is linked directly: no libarrow.so symlink needs creating in site-packages.
set_target_properties(PyArrow::arrow PROPERTIES
  IMPORTED_LOCATION "${PYARROW_LIBRARY_DIR}/libarrow.so.${PYARROW_SOVERSION}"
  IMPORTED_SONAME "libarrow.so.${PYARROW_SOVERSION}"
  INTERFACE_INCLUDE_DIRECTORIES "${PYARROW_INCLUDE_DIR}")
target_compile_features(PyArrow::arrow INTERFACE cxx_std_20)
add_library(PyArrow::parquet SHARED IMPORTED GLOBAL)
set_target_properties(PyArrow::parquet PROPERTIES
  IMPORTED_LOCATION "${PYARROW_LIBRARY_DIR}/libparquet.so.${PYARROW_SOVERSION}"
  IMPORTED_SONAME "libparquet.so.${PYARROW_SOVERSION}"
  INTERFACE_LINK_LIBRARIES PyArrow::arrow)
message(STATUS "Arrow C++ from pyarrow ${PYARROW_VERSION}: ${PYARROW_LIBRARY_DIR}")
