# Finds everything that is taken from others and collects it in `resonant_dependencies`.
# Names and versions: README, "Parts taken from others".
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

macro(need variable package)
  if(NOT ${variable})
    message(FATAL_ERROR "missing: ${package}; install it with: apt-get install ${package}")
  endif()
endmacro()

find_package(OpenSSL QUIET)
need(OPENSSL_FOUND libssl-dev)
find_package(SQLite3 QUIET)
need(SQLite3_FOUND libsqlite3-dev)
find_package(nlohmann_json QUIET)
need(nlohmann_json_FOUND nlohmann-json3-dev)
find_package(simdjson QUIET)
need(simdjson_FOUND libsimdjson-dev)
find_package(spdlog QUIET)
need(spdlog_FOUND libspdlog-dev)
find_package(fmt QUIET)
need(fmt_FOUND libfmt-dev)
find_package(yaml-cpp QUIET)
need(yaml-cpp_FOUND libyaml-cpp-dev)
find_package(CLI11 QUIET)
need(CLI11_FOUND libcli11-dev)
find_package(tomlplusplus QUIET)
need(tomlplusplus_FOUND libtomlplusplus-dev)
find_package(GTest QUIET)
need(GTest_FOUND libgmock-dev)
pkg_check_modules(RE2 QUIET IMPORTED_TARGET re2)
need(RE2_FOUND libre2-dev)
find_library(UTF8PROC_LIBRARY utf8proc)
need(UTF8PROC_LIBRARY libutf8proc-dev)
find_path(BOOST_BEAST_INCLUDE boost/beast.hpp)
need(BOOST_BEAST_INCLUDE libboost1.81-dev)

add_library(resonant_dependencies INTERFACE)
target_link_libraries(resonant_dependencies INTERFACE
  Threads::Threads OpenSSL::SSL OpenSSL::Crypto SQLite::SQLite3 nlohmann_json::nlohmann_json
  simdjson::simdjson spdlog::spdlog fmt::fmt yaml-cpp CLI11::CLI11 tomlplusplus::tomlplusplus
  PkgConfig::RE2 ${UTF8PROC_LIBRARY} PyArrow::arrow)
