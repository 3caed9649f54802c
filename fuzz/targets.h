// The fuzz targets: each takes any bytes and stops the program when a property does not hold. libFuzzer
// drives one of them (`./dev fuzz NAME`); tests/fuzz replays their saved corpora with every test run.
//
// Any thread.
#pragma once

#include <string_view>

namespace resonant::fuzz {

// What parse() accepts, dump() and canonical() write so that it reads back the same.
void json(std::string_view bytes);
// The id found does not depend on how the message was cut, and is a legal id.
void id_scanner(std::string_view bytes);
// A schema (first line) compiles or explains; a compiled one judges the rest alike twice.
void schema(std::string_view bytes);
// A command line gets a class and a reason; quoting its words and reading them again changes nothing.
void command(std::string_view bytes);
// A damaged board page is refused, or its single words are read without leaving it. Its groups stay out:
// one without a whole copy stops the reader on purpose (shm/two_copy.h).
void board(std::string_view bytes);

// However bytes are cut on their way in, the same lines are delivered.
void lines(std::string_view bytes);
// A message is sorted: requests have an id, what is broken a code, and every answer is JSON.
void envelope(std::string_view bytes);
// Bytes of a client to a whole HTTP server: answers begin as answers do, and the server goes on.
void http(std::string_view bytes);
// A file for memory.import (its format on the first line) becomes records that may be stored or say why not, the same
// from a file and from a text.
void records(std::string_view bytes);

// A client's file (its client's name on the first line) is refused with a line, or is read; then a server put in and taken
// out again leaves what was there.
void client_file(std::string_view bytes);

struct Target {
    std::string_view name;
    void (*run)(std::string_view bytes);
};

inline constexpr Target kTargets[] = {
    {"json", json}, {"id_scanner", id_scanner}, {"schema", schema}, {"command", command}, {"board", board},
    {"lines", lines}, {"envelope", envelope}, {"http", http},
    {"records", records}, {"client_file", client_file},
};

}  // namespace resonant::fuzz
