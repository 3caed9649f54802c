#include "resonant/tools/clauses.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace resonant::tools {
namespace {

constexpr std::size_t kWordsMin = 3, kBytesMin = 20;
constexpr std::size_t kRequestMax = 8'192;  // bytes that are read

// Words that open a new part, and those that do so behind a comma only.
constexpr std::array<std::string_view, 6> kOpeners = {"then", "also", "additionally", "furthermore",
                                                      "moreover", "finally"};
constexpr std::array<std::string_view, 3> kAfterComma = {"and", "but", "so"};
// Full stops and the like of scripts without spaces, as UTF-8.
constexpr std::array<std::string_view, 4> kWideStops = {"\u3002", "\uff01", "\uff1f", "\uff1b"};

struct Word {
    std::string_view text;
    bool line_ends = false;  // a new line comes behind it
};

std::vector<Word> words_of(std::string_view text) {
    std::vector<Word> words;
    for (std::size_t at = 0; at < text.size();) {
        const bool space = std::isspace(static_cast<unsigned char>(text[at])) != 0;
        if (space) {
            if (text[at] == '\n' && !words.empty()) {
                words.back().line_ends = true;
            }
            ++at;
            continue;
        }
        std::size_t end = at;
        bool wide = false;
        while (end < text.size() && std::isspace(static_cast<unsigned char>(text[end])) == 0 && !wide) {
            wide = std::ranges::any_of(kWideStops, [&](std::string_view stop) {
                return text.substr(end).starts_with(stop);
            });
            end += wide ? 3 : 1;
        }
        words.push_back({text.substr(at, end - at), wide});
        at = end;
    }
    return words;
}

// In lower case, without signs at its ends.
std::string bare(std::string_view word) {
    std::string letters;
    for (const char c : word) {
        if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
            letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        }
    }
    return letters;
}

bool stops(const Word& word) {
    constexpr std::string_view kStops = ".!?;";
    return word.line_ends || kStops.find(word.text.back()) != std::string_view::npos;
}

bool has(const auto& list, std::string_view word) { return std::ranges::find(list, word) != list.end(); }

// One part as it grows; kept when it says enough.
class Part {
  public:
    void add(std::string_view word) {
        text_ += text_.empty() ? "" : " ";
        text_ += word;
        ++words_;
    }
    void close(std::vector<std::string>& parts) {
        constexpr std::string_view kSigns = " ,.;!?";
        text_.resize(std::min(text_.size(), text_.find_last_not_of(kSigns) + 1));
        if (words_ >= kWordsMin || text_.size() >= kBytesMin) {
            parts.push_back(text_);
        }
        text_.clear();
        words_ = 0;
    }

  private:
    std::string text_;
    std::size_t words_ = 0;
};

}  // namespace

std::vector<std::string> clauses_of(std::string_view request) {
    const std::vector<Word> words = words_of(request.substr(0, kRequestMax));
    std::vector<std::string> parts;
    Part part;
    bool comma = false;
    for (std::size_t i = 0; i < words.size() && parts.size() < kClausesMax; ++i) {
        const std::string word = bare(words[i].text);
        const bool chain = word == "as" && i + 2 < words.size() && words[i + 1].text == "well" &&
                           words[i + 2].text == "as";
        if (chain || has(kOpeners, word) || (comma && has(kAfterComma, word))) {
            part.close(parts);
            i += chain ? 2 : 0;
        } else {
            part.add(words[i].text);
            if (stops(words[i])) {
                part.close(parts);
            }
        }
        comma = words[i].text.ends_with(',');
    }
    if (parts.size() < kClausesMax) {
        part.close(parts);
    }
    return parts.size() > 1 ? parts : std::vector<std::string>();
}

}  // namespace resonant::tools
