#include "resonant/tools/event_words.h"

#include <bit>
#include <span>
#include <string>

#include "resonant/base/units.h"
#include "resonant/memory/memory.h"
#include "resonant/society/sessions.h"
#include "resonant/tools/answers.h"

namespace resonant::tools {
namespace {

using ring::EventType;

enum class Kind : std::uint8_t { Nothing, Count, TookNs, Memory, Family, Field, Real, Group, Session, Reasoner };

struct Word {
    std::string_view name;
    Kind kind = Kind::Nothing;
};

using Words = std::array<Word, 4>;

// As the types' publishers fill them.
Words words_of(EventType type) {
    switch (type) {
        case EventType::ToolCompleted:
        case EventType::ErrorOccurred: return {{{"call", Kind::Count}, {"took_ms", Kind::TookNs}, {"family", Kind::Family}}};
        case EventType::ToolDenied:
        case EventType::BoundaryViolated:
        case EventType::CircuitOpened:
        case EventType::CircuitHalfOpen:
        case EventType::CircuitClosed: return {{{"call", Kind::Count}, {}, {"family", Kind::Family}}};
        case EventType::MemoryRestored: return {{{"memory", Kind::Memory}, {"version", Kind::Count}}};
        case EventType::MemoryCreated:
        case EventType::MemoryUpdated:
        case EventType::MemoryAccessed:
        case EventType::MemoryArchived:
        case EventType::MemoryErased:
        case EventType::MemoryMoved: return {{{"memory", Kind::Memory}}};
        case EventType::IndexCaughtUp: return {{{}, {"embedded", Kind::Count}}};
        case EventType::BoardFieldChanged: return {{{"field", Kind::Field}, {"value", Kind::Real}}};
        case EventType::MaturityChanged: return {{{"stage", Kind::Count}}};
        case EventType::MonitorSpawned:
        case EventType::MonitorStopped: return {{{"group", Kind::Group}, {"watchers", Kind::Count}}};
        case EventType::MonitorTriggered:
            return {{{"watcher", Kind::Count}, {"group", Kind::Group}, {"field", Kind::Field}, {"value", Kind::Real}}};
        case EventType::ReasonerTaken:
        case EventType::ReasonerResolved:
        case EventType::ExecutorStarted: return {{{"reasoner", Kind::Reasoner}}};
        case EventType::ExecutorCompleted: return {{{"reasoner", Kind::Reasoner}, {"execution", Kind::Count}}};
        case EventType::SessionStarted:
        case EventType::SessionCheckpoint:
        case EventType::SessionEnded: return {{{"session", Kind::Session}}};
        case EventType::DreamCompleted: return {{{"changed", Kind::Count}}};
        case EventType::LifecycleSwept: return {{{"rescored", Kind::Count}, {"moved", Kind::Count}}};
        default: return {};
    }
}

std::string name_of_field(std::uint64_t number, const board::StateBoard& board) {
    for (const board::FieldInfo& info : board::built_in_fields()) {
        if (static_cast<std::uint64_t>(info.field) == number) {
            return std::string(info.name);
        }
    }
    for (const board::RegisteredField& each : board.registered()) {
        if (static_cast<std::uint64_t>(each.field) == number) {
            return each.name;
        }
    }
    return std::to_string(number);
}

}  // namespace

Json data_of(const ring::Event& event, const Toolbox& toolbox, const board::StateBoard& board) {
    Json named = Json::object();
    const Words words = words_of(event.type);
    const std::span<const Family> families = toolbox.families();
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string name(words[i].name);
        const std::uint64_t value = event.data[i];
        switch (words[i].kind) {
            case Kind::Nothing: break;
            case Kind::Count: named[name] = value; break;
            case Kind::TookNs: named[name] = rounded(static_cast<double>(value) / 1e6, 3); break;
            case Kind::Memory: named[name] = memory::wire_id(static_cast<memory::MemoryId>(value)); break;
            case Kind::Family:
                if (value < families.size()) {
                    named[name] = families[value].key;
                }
                break;
            case Kind::Field: named[name] = name_of_field(value, board); break;
            case Kind::Real: named[name] = rounded(std::bit_cast<double>(value)); break;
            case Kind::Group: named[name] = "g" + std::to_string(value); break;
            case Kind::Session: named[name] = society::wire_id('s', static_cast<std::int64_t>(value)); break;
            case Kind::Reasoner: named[name] = society::wire_id('q', static_cast<std::int64_t>(value)); break;
        }
    }
    return named;
}

}  // namespace resonant::tools
