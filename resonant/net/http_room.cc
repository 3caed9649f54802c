// Room for large bodies: the bound on what all connections hold, and who waits for it.
#include <algorithm>
#include <utility>

#include "resonant/net/http_connection.h"

namespace resonant::net {

// Whether the body may be read on. Room for the whole of it is taken at once: a body under way never waits again.
bool HttpServer::has_room(Connection& connection) {
    if (connection.reserved > 0 || connection.body_bytes() <= kHttpSmallMax) {
        return true;
    }
    const std::size_t needs = connection.body_bytes_max();
    if (!waiting_.empty() || reserved_ + needs > kHttpLargeMax) {
        return false;
    }
    reserved_ += connection.reserved = needs;
    return true;
}

void HttpServer::wait_for_room(Connection& connection) {
    enter(connection, State::Waiting);
    waiting_.push_back(connection.id);
    rewatch(connection);
}

void HttpServer::give_room_back(Connection& connection) {
    reserved_ -= std::exchange(connection.reserved, 0);
    if (connection.state == State::Waiting) {
        std::erase(waiting_, connection.id);
    }
    if (!waiting_.empty()) {
        loop_.post([this, alive = std::weak_ptr<int>(alive_)] {
            if (!alive.expired()) {
                admit();
            }
        });
    }
}

// Reads on for those who wait, in their order, as far as there is room.
void HttpServer::admit() {
    std::deque<std::uint64_t> waiting = std::exchange(waiting_, {});
    while (!waiting.empty()) {
        const auto found = connections_.find(waiting.front());
        if (found != connections_.end() && found->second->state == State::Waiting) {
            Connection& connection = *found->second;
            if (!has_room(connection)) {
                break;
            }
            enter(connection, State::Reading);
            rewatch(connection);
            if (!read(connection)) {
                drop(waiting.front());
            }
        }
        waiting.pop_front();
    }
    waiting_.insert(waiting_.begin(), waiting.begin(), waiting.end());
}

}  // namespace resonant::net
