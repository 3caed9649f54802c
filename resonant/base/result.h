// A Result is either a value or an Error that explains itself. Everything that can fail at run time
// returns one; programmer errors stop at RESONANT_ENSURE instead.
//
// Any thread. An Error is a plain value.
//
// Invariants:
//   (1) An Error's message says what was tried, the value, the limit and the way out.
//   (2) A Result is never ignored: the type is [[nodiscard]] and warnings are errors.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace resonant {

// The kind of failure, for callers that branch on it. Names follow the usual status vocabulary.
enum class Code : std::uint8_t {
    InvalidArgument,    // the caller can mend it by asking otherwise
    NotFound,           // no such thing
    AlreadyExists,      // the name is taken
    Conflict,           // somebody else changed it first
    PermissionDenied,   // known, but not for this caller
    Unavailable,        // a part that is needed is missing or down
    ResourceExhausted,  // a limit was reached, a disk is full
    DataLoss,           // stored bytes are damaged
    Timeout,            // waited as long as was allowed
    Unimplemented,      // not built yet
    InputRequired,      // no failure: the caller has to answer a question first
    Internal,           // a defect of ours
};

// The code as lower-case words with underscores: "invalid_argument".
std::string_view name_of(Code code);

struct Error {
    Code code = Code::Internal;
    std::string message;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

// Makes the failing side of any Result.
inline std::unexpected<Error> fail(Code code, std::string message) {
    return std::unexpected<Error>(Error{code, std::move(message)});
}

// An Error out of errno: `what` says what was tried, the system's words are appended.
// ENOSPC and EDQUOT become ResourceExhausted, ENOENT NotFound, EACCES, EPERM and EROFS PermissionDenied.
std::unexpected<Error> fail_errno(std::string_view what, int error_number);

}  // namespace resonant

#define RESONANT_JOIN_INNER(a, b) a##b
#define RESONANT_JOIN(a, b) RESONANT_JOIN_INNER(a, b)

// Returns the error of `expression` from the enclosing function, if it has one.
#define RESONANT_CHECK(expression)                                                            \
    do {                                                                                      \
        if (auto RESONANT_JOIN(status_of_line_, __LINE__) = (expression);                     \
            !RESONANT_JOIN(status_of_line_, __LINE__)) {                                      \
            return std::unexpected<::resonant::Error>(                                        \
                std::move(RESONANT_JOIN(status_of_line_, __LINE__).error()));                 \
        }                                                                                     \
    } while (false)

// Declares `target` and gives it the value of `expression`, or returns its error.
#define RESONANT_ASSIGN(target, expression)                                               \
    auto RESONANT_JOIN(result_of_line_, __LINE__) = (expression);                         \
    if (!RESONANT_JOIN(result_of_line_, __LINE__)) {                                      \
        return std::unexpected<::resonant::Error>(                                        \
            std::move(RESONANT_JOIN(result_of_line_, __LINE__).error()));                 \
    }                                                                                     \
    target = std::move(*RESONANT_JOIN(result_of_line_, __LINE__))
