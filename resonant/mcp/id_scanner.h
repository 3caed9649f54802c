// An IdScanner looks for the id of a JSON-RPC message that cannot be parsed, piece by piece: one that is
// too long, too deep, or broken. It follows strings and nesting at the top level only, and holds at most
// a few hundred bytes however long the message is.
//
// Belongs to one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace resonant::mcp {

class IdScanner {
  public:
    // Looks at the next piece. O(bytes), no allocation beyond the id.
    void feed(std::string_view piece);
    // Ends the text: a number at its very end is whole now.
    void finish();

    // JSON text of the id: a string or an integer of any length up to 256; empty when none was seen.
    const std::string& id() const { return id_; }
    // Where the value of id() ends, counted from the first byte fed; a string's closing quote is inside.
    std::size_t id_end() const { return id_end_; }
    // True when its first byte that is no white space opens an object or an array.
    bool looks_like_json() const { return opened_; }
    // True when it has "result" or "error" and no "method": it must not be answered.
    bool looks_like_response() const { return response_ && !method_; }
    // True when it has a method and no "id": a notification.
    bool looks_like_notification() const { return method_ && !has_id_; }

  private:
    enum class State : std::uint8_t { Between, Key, AfterKey, Value, IdString, IdNumber };
    void step(char c);
    void between(char c);
    void key_ended();
    void end_id();

    State state_ = State::Between;
    std::size_t at_ = 0;      // bytes seen before the one being looked at
    std::size_t id_end_ = 0;
    bool started_ = false;
    bool opened_ = false;
    std::size_t depth_ = 0;
    bool in_string_ = false;  // of a value that does not matter
    bool escaped_ = false;
    bool expect_key_ = false;
    bool overflow_ = false;   // the key or id is longer than is kept
    bool response_ = false;
    bool method_ = false;
    bool has_id_ = false;
    std::string token_;
    std::string key_;
    std::string id_;
};

}  // namespace resonant::mcp
