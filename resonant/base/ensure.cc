#include "resonant/base/ensure.h"

#include <cstdio>
#include <cstdlib>

namespace resonant {

void ensure_failed(const char* condition, const char* words, const char* file, int line) {
    std::fprintf(stderr, "%s:%d: ensure failed: %s: %s\n", file, line, condition, words);
    std::fflush(stderr);
    std::abort();
}

}  // namespace resonant
