// RESONANT_ENSURE states what must be true or the program is wrong. It stays on in release builds:
// it prints the condition, the words and the place, then aborts. Bad input never reaches one.
//
// Any thread; async-signal-safe up to the message.
#pragma once

namespace resonant {

// Prints "file:line: ensure failed: condition: words" on stderr and aborts.
[[noreturn]] void ensure_failed(const char* condition, const char* words, const char* file, int line);

}  // namespace resonant

#define RESONANT_ENSURE(condition, words)                                          \
    do {                                                                           \
        if (!(condition)) [[unlikely]] {                                           \
            ::resonant::ensure_failed(#condition, (words), __FILE__, __LINE__);    \
        }                                                                          \
    } while (false)
