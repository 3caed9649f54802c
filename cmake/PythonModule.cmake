# The Python module `resonant` (bindings/), into build/python/resonant, for the Python of build/venv. Left out, and said so,
# where nanobind or Python's headers are missing.
set(nanobind_folder ${CMAKE_SOURCE_DIR}/build/bindings/nanobind/cmake)
set(Python_EXECUTABLE ${PYARROW_VENV}/bin/python)
find_package(Python 3.10 QUIET COMPONENTS Interpreter Development.Module)
find_package(nanobind CONFIG QUIET PATHS ${nanobind_folder} NO_DEFAULT_PATH)
if(RESONANT_SANITIZER)
  return()
elseif(NOT nanobind_FOUND OR NOT Python_Development.Module_FOUND)
  message(STATUS "the Python module is left out; for it: apt-get install python3-dev, then scripts/setup.sh bindings")
  return()
endif()
nanobind_add_module(python_module NB_STATIC bindings/module.cc)
target_link_libraries(python_module PRIVATE resonant_client)
target_include_directories(python_module PRIVATE ${CMAKE_SOURCE_DIR})
target_include_directories(python_module SYSTEM PRIVATE ${CMAKE_SOURCE_DIR}/build/bindings/nanobind/include)
set_target_properties(python_module PROPERTIES OUTPUT_NAME _native
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/python/resonant BUILD_RPATH ${CMAKE_BINARY_DIR})
add_custom_command(TARGET python_module POST_BUILD
  COMMAND ${CMAKE_COMMAND} -E create_symlink ${CMAKE_SOURCE_DIR}/bindings/resonant/__init__.py
          ${CMAKE_BINARY_DIR}/python/resonant/__init__.py)
