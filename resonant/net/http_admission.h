// HttpAdmission decides whether an HttpServer takes one more connection or one more request, and has the words for
// who is refused: what was asked, the limit, the setting that raises it, when to come again. Who is refused is always
// the newcomer; nobody who is being served gives way.
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) At most connections_max connections are admitted, and none while memory_max bytes are held.
//   (2) With several owners, the last eighth of the places goes to those that hold less than an equal share, one share
//       being kept for who has not come yet: one token cannot keep all others out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace resonant::net {

inline constexpr std::size_t kHttpConnectionsMax = 16'384;
inline constexpr std::size_t kHttpMemoryMax = 256 * 1024 * 1024;
inline constexpr int kHttpRetryAfter = 1;  // seconds

struct HttpLimits {
    std::size_t connections_max = kHttpConnectionsMax;  // open at once
    std::size_t memory_max = kHttpMemoryMax;            // bytes that all connections hold together
    std::size_t descriptors_max = SIZE_MAX;             // of the process: what lies above is kept for others
    std::string connections_setting = {};  // what raises it, for the words of a refusal; empty: nothing does
    std::string memory_setting = {};
    bool several_owners = false;  // connections are claimed by owners, who share the places
};

class HttpAdmission {
  public:
    enum class Verdict : std::uint8_t { Admitted, Connections, Memory, Descriptors, Share };

    explicit HttpAdmission(HttpLimits limits) : limits_(std::move(limits)) {}

    // Of one more connection, with this descriptor, while `open` are. The system gives the lowest number that is free, so
    // the number says how many are in use at least.
    Verdict judge(std::size_t open, int descriptor) const;
    bool short_of_memory() const { return held_ > limits_.memory_max; }
    // What a connection holds has changed.
    void hold(std::size_t now, std::size_t before) { held_ += now - before; }
    std::size_t held() const { return held_; }

    // One connection is from now on `owner`'s; `mine` is its note of that, null at first. False when the owner holds its
    // share and few places are left: the note stays as it was.
    bool claim(const std::string*& mine, std::string_view owner, std::size_t open);
    void release(const std::string*& mine);

    // The body of a refusal, JSON, and a whole answer that ends its connection.
    std::string body(Verdict why) const;
    std::string answer(Verdict why) const;

  private:
    std::size_t share() const { return limits_.connections_max / (owners_.size() + 1); }

    const HttpLimits limits_;
    std::size_t held_ = 0;
    std::unordered_map<std::string, std::size_t> owners_;  // connections of each
};

}  // namespace resonant::net
