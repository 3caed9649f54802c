#include "resonant/sql/letters.h"

#include <sqlite3.h>

#include <algorithm>
#include <memory>
#include <new>
#include <string_view>

#include "resonant/base/spaceless.h"
#include "resonant/sql/failure.h"

namespace resonant::sql {
namespace {

using Give = int (*)(void*, int, const char*, int, int, int);

struct Letters {
    fts5_tokenizer words{};  // unicode61
    Fts5Tokenizer* made = nullptr;
};

// What unicode61 finds in a part of the text, told at its place in the whole.
struct Part {
    void* context;
    Give give;
    int offset;
};
int give_part(void* given, int flags, const char* token, int bytes, int start, int end) {
    const Part& part = *static_cast<Part*>(given);
    return part.give(part.context, flags, token, bytes, start + part.offset, end + part.offset);
}

int create(void* given, const char** words, int count, Fts5Tokenizer** made) {
    auto* const api = static_cast<fts5_api*>(given);
    auto letters = std::unique_ptr<Letters>(new (std::nothrow) Letters);
    void* data = nullptr;
    if (!letters) {
        return SQLITE_NOMEM;
    }
    int outcome = api->xFindTokenizer(api, "unicode61", &data, &letters->words);
    if (outcome == SQLITE_OK) {
        outcome = letters->words.xCreate(data, words, count, &letters->made);
    }
    *made = outcome == SQLITE_OK ? reinterpret_cast<Fts5Tokenizer*>(letters.release()) : nullptr;
    return outcome;
}

void destroy(Fts5Tokenizer* given) {
    const std::unique_ptr<Letters> letters(reinterpret_cast<Letters*>(given));
    letters->words.xDelete(letters->made);
}

// The first letter without spaces behind `at`, or the end.
std::size_t next_spaceless(std::string_view text, std::size_t at) {
    while (at < text.size()) {
        const Utf8Letter next = letter_at(text, at);
        if (is_spaceless(next.letter)) {
            break;
        }
        at += next.bytes;
    }
    return at;
}

int tokenize(Fts5Tokenizer* given, void* context, int flags, const char* begin, int count, Give give) {
    const Letters& letters = *reinterpret_cast<Letters*>(given);
    const std::string_view text(begin, begin == nullptr ? 0 : static_cast<std::size_t>(std::max(count, 0)));
    std::size_t at = 0;
    for (;;) {
        const std::size_t stop = next_spaceless(text, at);
        if (stop > at) {
            Part part{context, give, static_cast<int>(at)};
            const int outcome = letters.words.xTokenize(letters.made, &part, flags, begin + at, static_cast<int>(stop - at),
                                                        give_part);
            if (outcome != SQLITE_OK) {
                return outcome;
            }
        }
        if (stop >= text.size()) {
            return SQLITE_OK;
        }
        const auto bytes = static_cast<int>(letter_at(text, stop).bytes);
        const int start = static_cast<int>(stop);
        if (const int outcome = give(context, 0, begin + stop, bytes, start, start + bytes); outcome != SQLITE_OK) {
            return outcome;
        }
        at = stop + static_cast<std::size_t>(bytes);
    }
}

}  // namespace

Status add_letters(sqlite3* connection) {
    fts5_api* api = nullptr;
    sqlite3_stmt* statement = nullptr;
    int outcome = sqlite3_prepare_v2(connection, "SELECT fts5(?1)", -1, &statement, nullptr);
    if (outcome == SQLITE_OK) {
        sqlite3_bind_pointer(statement, 1, static_cast<void*>(&api), "fts5_api_ptr", nullptr);
        sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    if (outcome == SQLITE_OK && api != nullptr) {
        fts5_tokenizer made{create, destroy, tokenize};
        outcome = api->xCreateTokenizer(api, "letters", api, &made, nullptr);
    }
    if (outcome != SQLITE_OK || api == nullptr) {
        return fail_sqlite(connection, outcome == SQLITE_OK ? SQLITE_ERROR : outcome,
                           "open database: full text (FTS5) is not in this SQLite");
    }
    return {};
}

}  // namespace resonant::sql
