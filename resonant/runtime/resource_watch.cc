#include "resonant/runtime/resource_watch.h"

#include <fmt/core.h>

#include <cmath>

namespace resonant::runtime {
namespace {

using ring::EventType;

constexpr double kSame = 0.005;  // harmony that moves less is no news

bool is_memory(EventType type) {
    switch (type) {
        case EventType::MemoryCreated:
        case EventType::MemoryUpdated:
        case EventType::MemoryArchived:
        case EventType::MemoryRestored:
        case EventType::MemoryErased:
        case EventType::MemoryMoved: return true;
        default: return false;
    }
}

// What the ledger keeps one by one.
bool is_decision(EventType type) {
    switch (type) {
        case EventType::ToolCalled:
        case EventType::ToolCompleted:
        case EventType::MemoryAccessed:
        case EventType::IndexCaughtUp:
        case EventType::BoardFieldChanged:
        case EventType::None: return false;
        default: return true;
    }
}

bool is_breaker(EventType type) {
    return type == EventType::CircuitOpened || type == EventType::CircuitHalfOpen || type == EventType::CircuitClosed ||
           type == EventType::MaturityChanged;
}

}  // namespace

std::set<std::string> changed_by(const ring::Event& event, const std::set<std::string>& watched) {
    std::set<std::string> uris;
    const auto news = [&](std::string uri) {
        if (watched.contains(uri)) {
            uris.insert(std::move(uri));
        }
    };
    if (is_memory(event.type)) {
        news(fmt::format("memory://m{}", event.data[0]));
        news("memory://stats");
    }
    if (is_decision(event.type)) {
        news("ledger://recent");
    }
    if (is_breaker(event.type)) {
        news("board://state");
    }
    return uris;
}

ResourceWatch::ResourceWatch(net::Loop& loop, mcp::Server& server, plane::KernelPlane& plane, mcp::Gateway& gateway)
    : loop_(loop), server_(server), plane_(plane), gateway_(gateway), events_(plane.subscribe()) {
    timer_ = loop_.after(kWatchEvery, [this] { look(); });
}

ResourceWatch::~ResourceWatch() { loop_.cancel(timer_); }

void ResourceWatch::look() {
    timer_ = loop_.after(kWatchEvery, [this] { look(); });
    const std::set<std::string> watched = server_.watched();
    gateway_.watch(watched);
    if (watched.empty()) {
        following_ = false;
        return;
    }
    const double harmony = plane_.board().view().harmony().composite();
    if (!following_) {
        // From now on: what happened before anybody watched is no change to them.
        events_ = plane_.subscribe();
        following_ = true;
        lost_ = events_.lost();
        harmony_ = harmony;
        return;
    }
    std::set<std::string> changed;
    ring::Event event;
    while (events_.poll(event) == ring::Poll::Got) {
        changed.merge(changed_by(event, watched));
    }
    if (events_.lost() != lost_) {
        lost_ = events_.lost();
        changed = watched;
    }
    if (std::abs(harmony - harmony_) > kSame) {
        harmony_ = harmony;
        for (const char* uri : {"board://state", "board://harmony"}) {
            if (watched.contains(uri)) {
                changed.insert(uri);
            }
        }
    }
    for (const std::string& uri : changed) {
        server_.changed(mcp::Change::Resource, uri);
    }
}

}  // namespace resonant::runtime
