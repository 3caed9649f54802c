// A RequestState carries what a client has answered so far through that client and back (requestState of
// the modern era): sealed by an HMAC-SHA-256 with a key of this process, bound to caller and request.
//
// Any thread; constant.
//
// Invariants:
//   (1) What open() returns was sealed here, for the same `bound`, at most kStateLife ago.
//   (2) The state holds answers the client itself gave, nothing secret.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "resonant/base/random.h"
#include "resonant/base/result.h"
#include "resonant/base/units.h"
#include "resonant/json/json.h"

namespace resonant::mcp {

inline constexpr Nanos kStateLife = from_seconds(3600);
inline constexpr std::size_t kStateBytesMax = 256 * 1024;

class RequestState {
  public:
    explicit RequestState(Random& random);

    // `bound`: who asks for what; the same words must be given to open().
    std::string seal(const Json& answers, std::string_view bound, Nanos now) const;
    // The answers. InvalidArgument when it was changed, is too old, or belongs to another request.
    Result<Json> open(std::string_view state, std::string_view bound, Nanos now) const;

  private:
    std::string mac(std::string_view payload, std::string_view bound) const;

    std::array<unsigned char, 32> key_{};
};

}  // namespace resonant::mcp
