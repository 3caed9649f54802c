#include "resonant/tools/board_field.h"

#include <fmt/core.h>

#include <vector>

#include "resonant/base/near_name.h"

namespace resonant::tools {

Result<board::Field> field_named(const board::StateBoard& board, std::string_view tool, const std::string& name) {
    if (const auto field = board.find(name)) {
        return *field;
    }
    std::vector<std::string> known;
    const auto add = [&](std::string_view whole) {
        known.emplace_back(whole.substr(whole.find('.') + 1));
        known.emplace_back(whole);
    };
    for (const board::FieldInfo& info : board::built_in_fields()) {
        add(info.name);
    }
    for (const board::RegisteredField& info : board.registered()) {
        add(info.name);
    }
    const std::string near = near_name(name, known);
    return fail(Code::NotFound, fmt::format("{}: no board field '{}'{}; board.read shows them all", tool, name.substr(0, 60),
                                            near.empty() ? "" : fmt::format(", did you mean '{}'", near)));
}

}  // namespace resonant::tools
