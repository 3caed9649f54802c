// Rows of the limits table and limits of the policy, kept in a caller's Memo: found by name once, then
// by one load each. For the stages that judge by live words.
//
// Threads: any. Without a row there is no word to judge by: these throw, and the pipeline makes a denial
// of the exception.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "resonant/board/limits.h"
#include "resonant/call/memo.h"

namespace resonant::govern {

template <typename... Parts>
board::LimitsTable::Handle handle_of(board::LimitsTable& limits, Nanos now, fmt::format_string<Parts...> form,
                                     Parts&&... parts) {
    std::array<char, 2 * board::kKeyBytesMax> buffer;  // beyond what the table takes, which then says so
    const auto written = fmt::format_to_n(buffer.data(), buffer.size(), form, std::forward<Parts>(parts)...);
    const auto handle = limits.handle({buffer.data(), std::min(written.size, buffer.size())}, now);
    if (!handle) {
        throw std::runtime_error(handle.error().message);
    }
    return *handle;
}

// The row that `word` remembers if it is still the same key's, else what `find` finds.
template <typename Find>
std::uint32_t remembered_row(const board::LimitsTable& limits, call::Memo::Word& word, Find find) {
    const std::uint64_t known = word.load(std::memory_order_relaxed);
    const board::LimitsTable::Handle held{static_cast<std::uint32_t>(known) - 1,
                                          static_cast<std::uint32_t>(known >> 32)};
    if (known != 0 && limits.holds(held)) {
        return held.row;
    }
    const board::LimitsTable::Handle handle = find();
    word.store(std::uint64_t{handle.generation} << 32 | (handle.row + 1), std::memory_order_relaxed);
    return handle.row;
}

// The limit that `word` remembers if it is of policy `version` (1 is the first), else what `find` finds.
template <typename Find>
std::uint32_t remembered_limit(std::uint32_t version, call::Memo::Word& word, Find find) {
    const std::uint64_t known = word.load(std::memory_order_relaxed);
    if (version != 0 && known >> 32 == version) {
        return static_cast<std::uint32_t>(known);
    }
    const std::uint32_t limit = find();
    word.store(std::uint64_t{version} << 32 | limit, std::memory_order_relaxed);
    return limit;
}

}  // namespace resonant::govern
