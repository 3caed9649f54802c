// An EventStream is a row of messages to one HTTP client as server-sent events (WHATWG HTML, 9.2). With a
// name it can be taken up again: its events carry ids and are kept for a client that comes back and says
// which one it saw last.
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) Ids are "name:number", numbers count from 1 without a gap; an event without a
//       message carries the last one.
//   (2) At most kEventsKept events and kEventBytesKept bytes are kept, and what streams share a ReplayBudget for does not
//       pass it; the stream's oldest go first, its newest stays.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "resonant/base/units.h"
#include "resonant/net/http.h"

namespace resonant::mcp {

inline constexpr std::size_t kEventsKept = 256;
inline constexpr std::size_t kEventBytesKept = 1024 * 1024;

// What several streams may keep together.
struct ReplayBudget {
    std::size_t bytes_max = 0;
    std::size_t bytes = 0;
};

class EventStream {
  public:
    // An empty name: nothing is kept, events carry no ids.
    explicit EventStream(std::string name = {}, std::shared_ptr<ReplayBudget> budget = std::make_shared<ReplayBudget>(ReplayBudget{SIZE_MAX}))
        : name_(std::move(name)), budget_(std::move(budget)) {}
    EventStream(const EventStream&) = delete;
    EventStream& operator=(const EventStream&) = delete;
    ~EventStream() { budget_->bytes -= kept_bytes_; }

    // An answer whose body is this stream from the event after `seen` on, or from the first that nobody was
    // given; who read it before is let go.
    net::HttpResponse attach(std::optional<std::uint64_t> seen = std::nullopt);
    // An event with an id and no message, so that the client can come back even before the first one.
    void prime();
    void send(std::string_view message);  // one line of JSON
    void comment();                       // keeps proxies and clients from giving up
    // The last message was sent.
    void finish();
    // Lets the reader go; it shall come back after `retry`.
    void release(Nanos retry);
    bool finished() const { return finished_; }
    bool read_by_somebody() const { return reader_ && reader_->open(); }

    // "name:number" of a Last-Event-ID header.
    static std::optional<std::pair<std::string, std::uint64_t>> parse_id(std::string_view id);

  private:
    std::string event(std::uint64_t number, std::string_view message) const;

    std::string name_;
    const std::shared_ptr<ReplayBudget> budget_;
    std::uint64_t last_ = 0;
    std::uint64_t given_ = 0;  // the last that a reader was given
    std::deque<std::pair<std::uint64_t, std::string>> kept_;
    std::size_t kept_bytes_ = 0;
    bool finished_ = false;
    std::shared_ptr<net::HttpStream> reader_;
};

}  // namespace resonant::mcp
