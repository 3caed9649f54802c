#include "resonant/embed/tokenizer.h"

#include <fmt/core.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>

namespace resonant::embed {
namespace {

constexpr std::size_t kVocabularySize = 30522;
constexpr std::size_t kWordCharactersMax = 100;  // a longer word is unknown, as in the original

using CodePoint = std::int32_t;

bool is_ideograph(CodePoint c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_punctuation(CodePoint c) {
    if (c < 128) {
        return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
               (c >= 123 && c <= 126);
    }
    const auto category = utf8proc_category(c);
    return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool is_space(CodePoint c) {
    const auto category = utf8proc_category(c);
    return c == '\t' || c == '\n' || c == '\r' || category == UTF8PROC_CATEGORY_ZS ||
           category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

bool is_dropped(CodePoint c) {
    if (c == 0 || c == 0xFFFD) {
        return true;
    }
    const auto category = utf8proc_category(c);
    return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
           category == UTF8PROC_CATEGORY_CN || category == UTF8PROC_CATEGORY_CO ||
           category == UTF8PROC_CATEGORY_CS;
}

// Takes the next code point off `rest`; -1 for a byte that is no UTF-8.
CodePoint take(std::string_view& rest) {
    CodePoint c = -1;
    const auto used =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(rest.data()),
                         static_cast<utf8proc_ssize_t>(std::min<std::size_t>(rest.size(), 4)), &c);
    rest.remove_prefix(used > 0 ? static_cast<std::size_t>(used) : 1);
    return used > 0 ? c : -1;
}

}  // namespace

Result<Tokenizer> Tokenizer::open(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        return fail_errno("tokenizer: open " + path.string(), errno);
    }
    Tokenizer made;
    made.text_ = std::make_unique<const std::string>(std::istreambuf_iterator<char>(file),
                                                     std::istreambuf_iterator<char>());
    std::string_view rest = *made.text_;
    TokenId id = 0;
    for (; !rest.empty(); ++id) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        const bool goes_on = line.size() > 2 && line.starts_with("##");
        (goes_on ? made.tails_ : made.heads_).emplace(goes_on ? line.substr(2) : line, id);
        made.piece_bytes_max_ = std::max(made.piece_bytes_max_, line.size());
        if (line.size() == 1 && is_punctuation(line[0])) {
            made.signs_.push_back(id);
        }
    }
    const auto start = made.heads_.find("[CLS]");
    const auto stop = made.heads_.find("[SEP]");
    const auto unknown = made.heads_.find("[UNK]");
    const auto end = made.heads_.end();
    if (static_cast<std::size_t>(id) != kVocabularySize || start == end || stop == end ||
        unknown == end) {
        return fail(Code::DataLoss,
                    fmt::format("tokenizer: {} holds {} tokens, the model knows {} with [CLS], [SEP] "
                                "and [UNK]; remove it and run scripts/fetch_model.sh {}",
                                path.string(), id, kVocabularySize, path.parent_path().string()));
    }
    made.start_ = start->second;
    made.stop_ = stop->second;
    made.unknown_ = unknown->second;
    return made;
}

bool Tokenizer::is_sign(TokenId token) const { return std::ranges::binary_search(signs_, token); }

// Greedy, longest piece first. A word of which some part is no piece is unknown as a whole.
void Tokenizer::add_word(const std::vector<CodePoint>& word, std::vector<TokenId>& out) const {
    if (word.empty()) {
        return;
    }
    if (word.size() > kWordCharactersMax) {
        out.push_back(unknown_);
        return;
    }
    std::array<utf8proc_uint8_t, 4 * kWordCharactersMax + 4> bytes{};
    std::array<std::size_t, kWordCharactersMax + 1> ends{};  // where each character begins
    for (std::size_t i = 0; i < word.size(); ++i) {
        const auto length = utf8proc_encode_char(word[i], bytes.data() + ends[i]);
        ends[i + 1] = ends[i] + static_cast<std::size_t>(length);
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), ends[word.size()]);
    const std::size_t size_before = out.size();
    for (std::size_t from = 0; from < word.size();) {
        const Pieces& pieces = from == 0 ? heads_ : tails_;
        auto found = pieces.end();
        std::size_t to = word.size();
        for (; to > from; --to) {
            const std::size_t length = ends[to] - ends[from];
            if (length <= piece_bytes_max_ &&
                (found = pieces.find(text.substr(ends[from], length))) != pieces.end()) {
                break;
            }
        }
        if (found == pieces.end()) {
            out.resize(size_before);
            out.push_back(unknown_);
            return;
        }
        out.push_back(found->second);
        from = to;
    }
}

std::vector<TokenId> Tokenizer::tokens(std::string_view text, std::size_t tokens_max) const {
    std::vector<TokenId> out;
    std::vector<CodePoint> word;
    const auto end_word = [&] {
        add_word(word, out);
        word.clear();
    };
    while (!text.empty() && out.size() < tokens_max) {
        const CodePoint c = take(text);
        if (c < 0) {
            continue;
        }
        if (is_space(c)) {
            end_word();
            continue;
        }
        if (is_dropped(c)) {
            continue;
        }
        if (is_ideograph(c)) {
            end_word();
        }
        std::array<CodePoint, 32> parts{};
        int boundary = 0;
        const auto count =
            utf8proc_decompose_char(c, parts.data(), parts.size(), UTF8PROC_DECOMPOSE, &boundary);
        for (utf8proc_ssize_t i = 0; i < count; ++i) {
            const CodePoint part = utf8proc_tolower(parts[static_cast<std::size_t>(i)]);
            if (utf8proc_category(part) == UTF8PROC_CATEGORY_MN) {
                continue;
            }
            const bool stands_alone = is_punctuation(part);
            if (stands_alone) {
                end_word();
            }
            // One character more than a known word may have already says "unknown".
            if (word.size() <= kWordCharactersMax) {
                word.push_back(part);
            }
            if (stands_alone) {
                end_word();
            }
        }
        if (is_ideograph(c)) {
            end_word();
        }
    }
    end_word();
    out.resize(std::min(out.size(), tokens_max));
    return out;
}

}  // namespace resonant::embed
