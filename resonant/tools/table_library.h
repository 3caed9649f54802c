// The TableLibrary reads and writes Parquet. It lies beside the program (libresonant_tables.so) and is
// loaded on first use, because it brings 13 MB that most runs never need. Tables pass through the Arrow C
// stream interface, without a copy.
//
// Any thread; once loaded it stays.
#pragma once

#include <cstdint>

#include "resonant/base/result.h"

struct ArrowArrayStream;

namespace resonant::tools {

class TableLibrary {
  public:
    // Unavailable when it is not there or does not fit.
    static Result<TableLibrary> load();

    // Takes the stream over, also when it fails.
    Status write_parquet(ArrowArrayStream* stream, int fd) const;
    // Small batches in the order of the file, each freed before the stream; returns how many rows there are. `fd` stays open
    // meanwhile.
    Result<std::int64_t> read_parquet(int fd, ArrowArrayStream* stream) const;

  private:
    using Write = int (*)(ArrowArrayStream* stream, int fd, char* error, unsigned error_bytes);
    using Read = int (*)(ArrowArrayStream* stream, int fd, long long* rows, char* error, unsigned error_bytes);
    Write write_ = nullptr;
    Read read_ = nullptr;
};

}  // namespace resonant::tools
