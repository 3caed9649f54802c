// The TableLibrary reads and writes Parquet. It lies beside the program (libresonant_tables.so) and is
// loaded on first use, because it brings 13 MB that most runs never need. Tables pass through the Arrow C
// stream interface, without a copy.
//
// Any thread; once loaded it stays.
#pragma once

#include "resonant/base/result.h"

struct ArrowArrayStream;

namespace resonant::tools {

class TableLibrary {
  public:
    // Unavailable when it is not there or does not fit.
    static Result<TableLibrary> load();

    // Takes the stream over, also when it fails.
    Status write_parquet(ArrowArrayStream* stream, int fd) const;
    Status read_parquet(int fd, ArrowArrayStream* stream) const;

  private:
    using Work = int (*)(ArrowArrayStream* stream, int fd, char* error, unsigned error_bytes);
    Work write_ = nullptr;
    Work read_ = nullptr;
};

}  // namespace resonant::tools
