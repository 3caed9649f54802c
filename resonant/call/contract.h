// A Contract is what a tool declares of itself: its name, who may call it, what it may do. The pipeline
// judges a call by the contract alone; the catalogue holds some hundred of them.
//
// Plain values, constant after start; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "resonant/json/json.h"

namespace resonant::call {

// The declared class of effect.
enum class Access : std::uint8_t { Read, Write, Execute, Delete };

// Who may call. Each role includes the ones before it.
enum class Role : std::uint8_t { Observer, Agent, Coordinator, Owner };

// Stages of maturity (seed, then bicameral, reflective, radiant, collective, logos): a tool is locked
// until the system has passed its stage.
enum class Maturity : std::uint8_t { Seed = 1, Bicameral, Reflective, Radiant, Collective, Logos };

// Where the handler runs.
enum class Pace : std::uint8_t {
    Fast,   // to completion on the I/O thread: microseconds
    Slow,   // on a worker: it computes or runs programs
    Waits,  // on a worker: it may sleep up to 30 s for something to happen
};

inline constexpr int kFamilies = 28;
inline constexpr std::uint16_t kToolsMax = 512;  // dense ids: our tools first, upstream tools behind them

struct Contract {
    std::uint16_t id = 0;      // dense index, also the row of its breaker and limit words
    std::uint8_t family = 0;   // 0..27, in the order of domain families (horn = 0)
    std::string name;          // "memory.add"
    std::string summary;       // one line for a model
    Access access = Access::Read;
    Role role = Role::Observer;
    Maturity maturity = Maturity::Seed;
    Pace pace = Pace::Fast;
    bool external = false;     // effects outside our database: the intent is made durable first
    bool core = false;         // in the listing of the core
    bool available = false;    // built; else calling it answers Unimplemented
    bool alone = false;        // listed by itself in every listing, in no family's enum
    bool free_text = false;    // arguments carry prose or code: the sanitizer scans size and form, not words
    std::uint32_t calls_per_minute = 300;  // default limit for one agent
    Json input_schema;         // JSON Schema 2020-12 of the arguments, as they are checked
    Json shown_schema;         // as listed; null: input_schema
    Json example;              // arguments of one legal call
};

std::string_view name_of(Access access);  // "read", "write", "execute", "delete"
std::string_view name_of(Role role);      // "observer", "agent", "coordinator", "owner"
std::string_view name_of(Maturity stage);  // "seed", "bicameral", ...

}  // namespace resonant::call
