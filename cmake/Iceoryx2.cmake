# The iceoryx2 shim (shim/iceoryx2) as a static library, built by cargo beside the C++ build. Optional: where cargo or
# the crates are missing the build leaves it out and says so, and `resonant doctor` names it absent.
option(RESONANT_ICEORYX2 "channels of iceoryx2; needs cargo >= 1.89" ON)
set(RESONANT_ICEORYX2_MISSING "")
find_program(CARGO cargo HINTS $ENV{HOME}/.cargo/bin)
set(iceoryx2_folder ${CMAKE_SOURCE_DIR}/shim/iceoryx2)
if(NOT RESONANT_ICEORYX2)
  set(RESONANT_ICEORYX2_MISSING "it is switched off")
elseif(RESONANT_SANITIZER MATCHES "thread|fuzzer")
  set(RESONANT_ICEORYX2_MISSING "this sanitizer does not see into Rust")
elseif(NOT CARGO)
  set(RESONANT_ICEORYX2_MISSING "there is no cargo")
else()
  execute_process(COMMAND ${CARGO} --version OUTPUT_VARIABLE cargo_version ERROR_QUIET)
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" cargo_version "${cargo_version}")
  if(NOT cargo_version OR cargo_version VERSION_LESS 1.89)
    set(RESONANT_ICEORYX2_MISSING "cargo is ${cargo_version}")
  else()
    execute_process(COMMAND ${CARGO} fetch --locked --quiet --manifest-path ${iceoryx2_folder}/Cargo.toml
      RESULT_VARIABLE fetched ERROR_VARIABLE fetch_words)
    if(NOT fetched EQUAL 0)
      set(RESONANT_ICEORYX2_MISSING "the crates cannot be had: ${fetch_words}")
    endif()
  endif()
endif()

if(RESONANT_ICEORYX2_MISSING)
  message(STATUS "iceoryx2 is left out: ${RESONANT_ICEORYX2_MISSING}; for it: apt-get install cargo-web rustc-web (>= 1.89)")
  return()
endif()

set(iceoryx2_library ${CMAKE_BINARY_DIR}/iceoryx2/release/libresonant_iceoryx2.a)
file(GLOB iceoryx2_sources CONFIGURE_DEPENDS ${iceoryx2_folder}/src/*.rs)
add_custom_command(OUTPUT ${iceoryx2_library}
  COMMAND ${CARGO} build --release --lib --locked --offline --quiet
          --manifest-path ${iceoryx2_folder}/Cargo.toml --target-dir ${CMAKE_BINARY_DIR}/iceoryx2
  COMMAND ${CMAKE_COMMAND} -E touch ${iceoryx2_library}
  DEPENDS ${iceoryx2_sources} ${iceoryx2_folder}/Cargo.toml ${iceoryx2_folder}/Cargo.lock
  COMMENT "cargo: iceoryx2 behind our C ABI" VERBATIM)
add_custom_target(iceoryx2_shim DEPENDS ${iceoryx2_library})
# By its path, not as a target: then only linking waits for cargo, compiling goes on beside it.
add_library(resonant_iceoryx2 INTERFACE)
target_link_libraries(resonant_iceoryx2 INTERFACE ${iceoryx2_library} ${CMAKE_DL_LIBS} rt m)
set_source_files_properties(${CMAKE_SOURCE_DIR}/resonant/ipc/channel.cc ${CMAKE_SOURCE_DIR}/resonant/ipc/iceoryx2.cc
  PROPERTIES COMPILE_DEFINITIONS RESONANT_ICEORYX2=1)
