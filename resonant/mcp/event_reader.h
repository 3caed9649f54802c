// An EventReader takes an event stream (text/event-stream) apart, piece by piece as it comes.
//
// Belongs to one thread. Bound: an event longer than `event_max` bytes is dropped and counted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "resonant/base/units.h"

namespace resonant::mcp {

class EventReader {
  public:
    // Called with each event's name and data.
    using Take = std::function<void(const std::string& name, const std::string& data)>;

    EventReader(std::size_t event_max, Take take) : event_max_(event_max), take_(std::move(take)) {}
    EventReader(const EventReader&) = delete;
    EventReader& operator=(const EventReader&) = delete;

    void feed(std::string_view piece);
    const std::string& last_id() const { return last_id_; }
    std::optional<Nanos> retry() const { return retry_; }
    std::uint64_t dropped() const { return dropped_; }

  private:
    void line(std::string_view text);

    const std::size_t event_max_;
    const Take take_;
    std::string line_, name_, data_, last_id_;
    std::optional<Nanos> retry_;
    std::uint64_t dropped_ = 0;
    bool has_data_ = false;
    bool too_long_ = false;
    bool after_return_ = false;  // a \r ended the line: a \n behind it belongs to it
};

}  // namespace resonant::mcp
