// A Channel carries what the ring cannot between the kernel and helpers of the same user: samples
// (board snapshots, Arrow batches), notices that wake, and questions with an answer. One process is
// its Owner: it makes every service before anybody joins, publishes and answers. The others are
// Guests: they only open what is there. (Seed E1-E3: Iceoryx2 publisher and subscriber.)
//
// Two kinds pass one suite (tests/ipc/channel_test.cc). Sealed: memory that only the owner can map
// writable, handed over by a socket. Iceoryx2: the crate's publish-subscribe, event and
// request-response, for programs in other languages that speak it. See docs/formats/ipc.md.
//
// Threads and processes: an Owner, a Guest and what a Guest hands out belong to one thread each.
//
// Invariants:
//   (1) Samples of a topic have the positions 0, 1, 2, ...; a subscriber gets them in order and
//       counts in lost() exactly those it was too slow for. Nobody ever waits for a slow guest.
//   (2) A sample that was received does not change until the next receive().
//   (3) Who subscribes late gets the topic's last `history` samples, at the latest when the owner
//       answers; they are not lost to it.
//   (4) A guest that dies at any instruction harms nobody; reap() frees what it held.
//
// Kind::Iceoryx2 has no access rights: it is for the same user only. Contained agents of other users
// get the sealed descriptors of a plane::AgentPlane instead, untrusted tools nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/base/units.h"

namespace resonant::ipc {

enum class Kind : std::uint8_t { Sealed, Iceoryx2 };
std::string_view name_of(Kind kind);  // "sealed", "iceoryx2"
bool is_built(Kind kind);             // the second kind needs cargo when the program is built

inline constexpr std::size_t kTopicsMax = 15;
inline constexpr std::uint32_t kNoticesMax = 64;          // ids of notices: 0..63
inline constexpr std::size_t kQuestionBytesMax = 60'000;  // of a question, and of an answer
inline constexpr Nanos kJoinWait = from_seconds(5);

// Where the services of one start lie: see Root (root.h), which makes it.
struct Place {
    std::filesystem::path folder;  // private, short: names of sockets lie in it
    std::string prefix;            // of names in /dev/shm
};

struct Topic {
    std::string name;
    Bytes sample_max;
    std::uint32_t history = 1;
    std::uint32_t buffer = 8;  // samples that wait for a slow subscriber; at least `history`
};

struct Services {
    std::vector<Topic> topics;
    std::uint32_t guests_max = 8;
};

// What a sample's bytes are: themselves, or where they lie (batch.h).
enum class Body : std::uint64_t { Bytes = 0, FileReference = 1 };

struct Sample {
    std::span<const std::byte> bytes;  // 64-byte aligned
    std::uint64_t position = 0;
    Body body = Body::Bytes;
};

struct Notice {
    std::uint32_t id = 0;
    std::uint64_t count = 0;
};

class Subscriber {
  public:
    Subscriber() = default;
    Subscriber(const Subscriber&) = delete;
    Subscriber& operator=(const Subscriber&) = delete;
    virtual ~Subscriber() = default;

    // The next sample, or none yet; never waits. Its bytes are valid until the next receive().
    virtual Result<std::optional<Sample>> receive() = 0;
    std::uint64_t lost() const { return lost_; }

  protected:
    // Notes that `position` came.
    void count(std::uint64_t position) {
        lost_ += begun_ && position > next_ ? position - next_ : 0;
        begun_ = true;
        next_ = position + 1;
    }

  private:
    std::uint64_t next_ = 0;
    std::uint64_t lost_ = 0;
    bool begun_ = false;
};

class Listener {
  public:
    Listener() = default;
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    virtual ~Listener() = default;

    // Sleeps until something is notified, at most `timeout` (0: only looks). Each id with how often
    // it was notified since the last look; empty when the time is over.
    virtual Result<std::vector<Notice>> wait(Nanos timeout) = 0;
};

class Guest {
  public:
    Guest() = default;
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;
    virtual ~Guest() = default;

    // NotFound for a topic that the owner did not make.
    virtual Result<std::unique_ptr<Subscriber>> subscribe(const std::string& topic) = 0;
    virtual Result<std::unique_ptr<Listener>> listen() = 0;
    // Asks the owner. Timeout; Unavailable when the owner has ended; InvalidArgument when the
    // question is too long.
    virtual Result<std::string> ask(std::string_view question, Nanos patience) = 0;
};

class Owner {
  public:
    using Answer = std::function<std::string(std::string_view question)>;

    Owner() = default;
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;
    virtual ~Owner() = default;

    // Memory for the next sample of Services::topics[topic], 64-byte aligned, to be filled in place.
    // InvalidArgument beyond the topic's sample_max. A loan that is not sent is given back by the
    // next loan().
    virtual Result<std::span<std::byte>> loan(std::size_t topic, std::size_t bytes) = 0;
    // Publishes what was loaned; returns its position.
    virtual Result<std::uint64_t> send(std::size_t topic, Body body) = 0;
    Result<std::uint64_t> send(std::size_t topic) { return send(topic, Body::Bytes); }
    // Wakes every listener. A system call or two: not for each event of a ring.
    virtual Status notify(std::uint32_t id) = 0;
    // Readable when somebody joins or asks: for an event loop, which then calls answer().
    virtual int descriptor() const = 0;
    // Answers what waits; an answer beyond kQuestionBytesMax is cut. Returns how many questions.
    virtual Result<std::size_t> answer(const Answer& with) = 0;
    // Frees what dead guests held; call after waitpid() and now and then. Returns of how many.
    virtual Result<std::size_t> reap() = 0;
};

// Makes every service in `place`. AlreadyExists-like failures mean that the place is not fresh.
Result<std::unique_ptr<Owner>> own(Kind kind, const Place& place, const Services& services);
// Joins what an owner made, waiting up to kJoinWait for it to answer. NotFound when there is none.
Result<std::unique_ptr<Guest>> join(Kind kind, const Place& place);

// The two kinds, each in its own source; Unimplemented where it was left out of the build.
Result<std::unique_ptr<Owner>> own_sealed(const Place& place, const Services& services);
Result<std::unique_ptr<Guest>> join_sealed(const Place& place);
Result<std::unique_ptr<Owner>> own_iceoryx2(const Place& place, const Services& services);
Result<std::unique_ptr<Guest>> join_iceoryx2(const Place& place);

}  // namespace resonant::ipc
