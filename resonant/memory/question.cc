#include "resonant/memory/question.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "resonant/memory/word_query.h"

namespace resonant::memory {
namespace {

constexpr std::int64_t kDayNs = 86'400'000'000'000;
constexpr std::size_t kSpeakerBytes = 64;  // how far into a text its speaker may stand
constexpr std::size_t kPiecesMax = 1024;

constexpr std::array<std::string_view, 12> kMonths = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

// Runs of letters and digits, in small letters; at most kPiecesMax.
std::vector<std::string> pieces_of(std::string_view text) {
    std::vector<std::string> pieces;
    std::string piece;
    const auto finish = [&] {
        if (!piece.empty() && pieces.size() < kPiecesMax) {
            pieces.push_back(piece);
        }
        piece.clear();
    };
    for (const char letter : text) {
        if (letter >= 'A' && letter <= 'Z') {
            piece += static_cast<char>(letter - 'A' + 'a');
        } else if (is_digit(letter) || (letter >= 'a' && letter <= 'z') ||
                   static_cast<unsigned char>(letter) >= 0x80) {
            piece += letter;
        } else {
            finish();
        }
    }
    finish();
    return pieces;
}

// The number that a piece is, with or without "st", "nd", "rd", "th" or a time; 0 for none.
int number_of(std::string_view piece) {
    int number = 0;
    const auto [stop, error] = std::from_chars(piece.data(), piece.data() + piece.size(), number);
    const std::string_view rest(stop, piece.data() + piece.size());
    const bool is_clock = rest.size() > 1 && rest[0] == 't' && is_digit(rest[1]);  // 08T13:56
    const bool is_whole = rest.empty() || rest == "st" || rest == "nd" || rest == "rd" ||
                          rest == "th" || is_clock;
    return error == std::errc() && is_whole && number > 0 ? number : 0;
}

bool is_year(int number) { return number >= 1900 && number < 2100; }
bool is_day(int number) { return number >= 1 && number <= 31; }

int month_of(std::string_view piece) {
    for (std::size_t i = 0; i < kMonths.size(); ++i) {
        if (piece == kMonths[i] || (piece.size() == 3 && kMonths[i].starts_with(piece)) ||
            (piece == "sept" && i == 8)) {
            return static_cast<int>(i) + 1;
        }
    }
    return 0;
}

// Words that are months only beside a number: "may", "march", "mar", "dec" in code, ...
bool is_doubtful(std::string_view piece) { return piece.size() <= 4 || piece == "march"; }

class DateReader {
  public:
    explicit DateReader(std::string_view text) : pieces_(pieces_of(text.substr(0, kDateTextMax))) {}

    std::vector<Date> read() {
        for (std::size_t i = 0; i < pieces_.size();) {
            i += read_at(i);
        }
        return std::move(found_);
    }

  private:
    int number_at(std::size_t i) const { return i < pieces_.size() ? number_of(pieces_[i]) : 0; }

    // Returns how many pieces were taken.
    std::size_t read_at(std::size_t i) {
        const int number = number_at(i);
        if (is_year(number)) {
            const int month = number_at(i + 1);
            const int day = number_at(i + 2);
            if (month >= 1 && month <= 12 && is_day(day)) {
                found_.push_back({number, month, day});
                return 3;
            }
            found_.push_back({number, 0, 0});
            return 1;
        }
        const int month = month_of(pieces_[i]);
        return month == 0 ? 1 : read_month(i, month);
    }
    std::size_t read_month(std::size_t i, int month) {
        Date date{0, month, 0};
        std::size_t next = i + 1;
        const std::size_t before = i > 0 && pieces_[i - 1] == "of" ? 2 : 1;
        if (i >= before && is_day(number_at(i - before))) {
            date.day = number_at(i - before);
        } else if (is_day(number_at(next))) {
            date.day = number_at(next++);
        }
        if (is_year(number_at(next))) {
            date.year = number_at(next++);
        }
        if (date.day == 0 && date.year == 0 && is_doubtful(pieces_[i])) {
            return 1;
        }
        found_.push_back(date);
        return next - i;
    }

    std::vector<std::string> pieces_;
    std::vector<Date> found_;
};

int count_word(std::string_view piece) {
    constexpr std::array<std::string_view, 10> kCounts = {"one", "two",   "three", "four", "five",
                                                          "six", "seven", "eight", "nine", "ten"};
    const auto at = std::find(kCounts.begin(), kCounts.end(), piece);
    if (at != kCounts.end()) {
        return static_cast<int>(at - kCounts.begin()) + 1;
    }
    return piece == "a" || piece == "an" ? 1 : piece == "last" || piece == "past" ? 1 : number_of(piece);
}

int days_in(std::string_view unit) {
    constexpr std::array<std::pair<std::string_view, int>, 4> kUnits = {
        {{"day", 1}, {"week", 7}, {"month", 31}, {"year", 366}}};
    for (const auto& [name, days] : kUnits) {
        if (unit == name || (unit.size() == name.size() + 1 && unit.starts_with(name) && unit.back() == 's')) {
            return days;
        }
    }
    return 0;
}

std::optional<std::pair<std::int64_t, std::int64_t>> span_of(const std::vector<std::string>& pieces,
                                                             std::int64_t now_ns) {
    const std::int64_t today = now_ns / kDayNs * kDayNs;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        if (pieces[i] == "yesterday") {
            return std::pair(today - kDayNs, today);
        }
        if (pieces[i] == "today") {
            return std::pair(today, now_ns);
        }
        const int days = days_in(pieces[i]);
        const int count = days == 0 || i == 0 ? 0 : count_word(pieces[i - 1]);
        if (count == 0) {
            continue;
        }
        const std::int64_t length = std::min<std::int64_t>(std::int64_t{count} * days, 36'600);
        const bool is_ago = i + 1 < pieces.size() && pieces[i + 1] == "ago";
        const bool is_last = pieces[i - 1] == "last" || pieces[i - 1] == "past";
        if (is_ago) {  // "three weeks ago" is told to the week
            return std::pair(now_ns - (length + days) * kDayNs, now_ns - (length - days) * kDayNs);
        }
        if (is_last) {
            return std::pair(now_ns - 2 * length * kDayNs, now_ns);
        }
    }
    return std::nullopt;
}

double match(const Date& asked, const Date& said) {
    const bool same_year = asked.year == 0 || asked.year == said.year;
    const bool same_month = asked.month == 0 || asked.month == said.month;
    if (!same_year || !same_month) {
        return 0;
    }
    if (asked.month == 0) {
        return 0.4;  // a year is a wide net
    }
    return asked.day == 0 || asked.day == said.day ? 1 : 0.5;
}

}  // namespace

std::vector<Date> dates_in(std::string_view text) { return DateReader(text).read(); }

std::string_view speaker_part(std::string_view content) {
    const std::string_view start = content.substr(0, std::min(kSpeakerBytes, content.find('\n')));
    const std::size_t colon = start.rfind(": ");
    return colon == std::string_view::npos ? std::string_view() : start.substr(0, colon);
}

Question question_of(std::string_view query, std::int64_t now_ns) {
    Question question;
    question.dates = dates_in(query);
    const std::vector<std::string> pieces = pieces_of(query.substr(0, kDateTextMax));
    question.span_ns = span_of(pieces, now_ns);
    for (const std::string& piece : pieces) {
        if (piece.size() > 1 && !is_stop_word(piece)) {
            question.words.push_back(piece);
        }
    }
    return question;
}

std::string named_by(const Question& question, const Memory& memory) {
    std::string places(speaker_part(memory.content));
    places += ' ' + memory.title + ' ' + memory.source;
    for (const std::string& tag : memory.tags) {
        places += ' ' + tag;
    }
    for (const std::string& piece : pieces_of(places)) {
        if (std::find(question.words.begin(), question.words.end(), piece) != question.words.end() &&
            number_of(piece) == 0 && month_of(piece) == 0) {
            return piece;
        }
    }
    return {};
}

double time_match(const Question& question, const Memory& memory) {
    if (question.span_ns && memory.created_ns >= question.span_ns->first &&
        memory.created_ns <= question.span_ns->second) {
        return 1;
    }
    if (question.dates.empty()) {
        return 0;
    }
    std::string places = memory.title + '\n' + memory.source + '\n' + memory.session + '\n';
    for (const std::string& tag : memory.tags) {
        places += tag + '\n';
    }
    double best = 0;
    for (const std::string_view text : {std::string_view(places), std::string_view(memory.content)}) {
        for (const Date& said : dates_in(text)) {
            for (const Date& asked : question.dates) {
                best = std::max(best, match(asked, said));
            }
        }
    }
    return best;
}

}  // namespace resonant::memory
