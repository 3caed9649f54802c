#include "resonant/memory/word_lengths.h"

#include <algorithm>

#include "resonant/memory/rows.h"
#include "resonant/sql/term_postings.h"

namespace resonant::memory {
namespace {

constexpr std::size_t kKeptMax = 2'000'000;
constexpr unsigned kLengthBits = 24;
constexpr std::uint64_t kLengthMax = (1U << kLengthBits) - 1;

Result<std::uint64_t> facts_of(sql::Connection& connection) {
    RESONANT_ASSIGN(auto row, connection.prepare("SELECT value FROM memory_state WHERE key = 'facts'"));
    RESONANT_CHECK(row.step());
    return static_cast<std::uint64_t>(row.integer(0));
}

}  // namespace

Result<std::vector<std::uint32_t>> WordLengths::of(sql::Connection& connection, std::span<const MemoryId> ids,
                                                   bool is_committed) {
    std::vector<std::uint32_t> lengths(ids.size());
    std::vector<std::size_t> missing;
    // One more, so that none is 0.
    RESONANT_ASSIGN(const std::uint64_t facts, facts_of(connection));
    const std::uint64_t mark = facts + 1;
    {
        const std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const std::uint64_t kept = is_committed && ids[i] < kept_.size() ? kept_[ids[i]] : 0;
            if (kept >> kLengthBits == mark) {
                lengths[i] = static_cast<std::uint32_t>(kept & kLengthMax);
            } else {
                missing.push_back(i);
            }
        }
    }
    if (missing.empty()) {
        return lengths;
    }
    RESONANT_ASSIGN(auto row, connection.prepare("SELECT sz FROM memory_words_docsize WHERE id = ?"));
    for (const std::size_t i : missing) {
        RESONANT_ASSIGN(const bool is_there, row.reset().bind(1, sql_id(ids[i])).step());
        if (!is_there) {
            return fail(Code::DataLoss, "recall: the text index does not know the length of " + wire_id(ids[i]) +
                                            "; run resonant memory rebuild");
        }
        lengths[i] = sql::tokens_of(row.blob(0));
    }
    if (is_committed) {
        const std::lock_guard lock(mutex_);
        const std::size_t needed = std::min<std::size_t>(ids.back() + 1, kKeptMax);
        if (kept_.size() < needed) {
            kept_.resize(needed);
        }
        for (const std::size_t i : missing) {
            if (ids[i] < kept_.size() && lengths[i] <= kLengthMax) {
                kept_[ids[i]] = mark << kLengthBits | lengths[i];
            }
        }
    }
    return lengths;
}

}  // namespace resonant::memory
