// The Toolbox holds every tool: its contract and its handler. Families add theirs at start; after
// that it is constant. What is declared without a handler is planned: it stands apart, so that no
// list, search or suggestion shows what cannot be called.
//
// Any thread after start.
//
// Invariants:
//   (1) Tool ids are dense and follow the order of the catalogue: family by family, tool by tool.
//   (2) Every tool of tools() has a handler. What is planned has no id and is found by
//       find_planned() alone; whoever asks for it is told that it is not built yet.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/call/call.h"

namespace resonant::tools {

// Does the work of one tool. The arguments have passed the schema and the pipeline.
using Handler = std::function<Result<Json>(call::Call&)>;

struct Family {
    std::string_view key;        // "horn"
    std::string_view wire_name;  // "gana_horn_sessions"
    std::string_view mansion;    // "角 Jiao"
    std::string_view quadrant;   // "East"
    std::string_view summary;
};

// One line of the catalogue, as a family writes it.
struct Declaration {
    std::string_view name;
    call::Access access;
    bool core;
    std::string_view
        parameters;  // "id*:id reason:string": name, * when required, type; see parameters.h
    std::string_view summary;
    call::Role role = call::Role::Observer;  // raised to what the access class needs
    call::Maturity maturity = call::Maturity::Seed;
    call::Pace pace = call::Pace::Fast;
    bool external = false;
    bool free_text = false;
    std::uint32_t calls_per_minute = 300;
    std::string_view example =
        {};  // arguments of a legal call, as JSON; empty: made of the parameters
};

struct Tool {
    call::Contract contract;
    Handler handler;
};

class Toolbox {
  public:
    Toolbox() = default;
    Toolbox(const Toolbox&) = delete;
    Toolbox& operator=(const Toolbox&) = delete;

    // Opens a family; the declarations that follow belong to it. At most 28.
    void begin(const Family& family);
    void add(const Declaration& declaration, Handler handler = {});
    // The last tool, for what a Declaration cannot say.
    call::Contract& last() { return last_is_planned_ ? planned_.back() : tools_.back().contract; }

    const std::vector<Family>& families() const { return families_; }
    const std::vector<Tool>& tools() const { return tools_; }
    // Declared and not built yet, in the order of the catalogue.
    const std::vector<call::Contract>& planned() const { return planned_; }
    // How many families have a tool that is built.
    std::size_t built_families() const;
    // By dotted or wire name ("memory.add", "memory_add"); null when there is none. O(log n).
    const Tool* find(std::string_view name) const;
    // Likewise, of what is planned. O(n).
    const call::Contract* find_planned(std::string_view name) const;
    // Index of a family by key or wire name, -1 when there is none.
    int find_family(std::string_view name) const;
    // The `count` names nearest to a misspelt one, best first.
    std::vector<std::string> nearest(std::string_view name, std::size_t count) const;

  private:
    std::vector<Family> families_;
    std::vector<Tool> tools_;
    std::vector<call::Contract> planned_;
    bool last_is_planned_ = false;
    std::vector<std::pair<std::string, std::uint16_t>> by_name_;  // sorted
};

}  // namespace resonant::tools
