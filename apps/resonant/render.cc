#include "apps/resonant/render.h"

#include <fmt/core.h>

#include <array>
#include <cmath>
#include <ctime>
#include <optional>
#include <string_view>

#include "resonant/base/printable.h"

namespace resonant::app {
namespace {

constexpr std::int64_t kNanosASecond = 1'000'000'000;

bool is_scalar(const Json& value) { return !value.is_structured() || value.empty(); }

std::string number_in_words(const Json& value) {
    if (!value.is_number_float()) {
        return json::dump(value);
    }
    const double number = value.get<double>();
    if (std::isfinite(number) && number == std::floor(number) && std::abs(number) < 1e15) {
        return fmt::format("{:.0f}", number);
    }
    return fmt::format("{:.4g}", number);
}

// The clock's own words: local time with its offset.
std::string local_time(std::int64_t nanos) {
    const std::time_t seconds = nanos / kNanosASecond;
    std::tm parts{};
    std::array<char, 40> text{};
    if (::localtime_r(&seconds, &parts) == nullptr || std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S%z", &parts) == 0) {
        return fmt::format("{} ns", nanos);
    }
    return text.data();
}

std::string distance(std::int64_t nanos, Nanos now) {
    const double seconds = static_cast<double>(now.count - nanos) / kNanosASecond;
    return seconds >= 0 ? duration_in_words(seconds) + " ago" : "in " + duration_in_words(-seconds);
}

// A time as the kernel writes it, "2026-12-01T11:20:53.123Z"; nothing for any other text.
std::optional<std::int64_t> time_of(const std::string& text) {
    std::tm parts{};
    const char* const rest = text.size() >= 20 && text.size() <= 35 && text.back() == 'Z' ? ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) : nullptr;
    if (rest == nullptr || (*rest != 'Z' && *rest != '.')) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(::timegm(&parts)) * kNanosASecond;
}

struct Unit {
    std::string_view suffix;
    double seconds;  // of one; 0: bytes
};

constexpr std::array<Unit, 5> kUnits = {{{"_s", 1}, {"_ms", 1e-3}, {"_us", 1e-6}, {"_ns", 1e-9}, {"_bytes", 0}}};

struct Member {
    std::string key;
    std::string value;
};

// A number with its unit in the name: the name without it, the number in words.
std::optional<Member> with_unit(const std::string& key, const Json& value, Nanos now) {
    if (!value.is_number()) {
        return std::nullopt;
    }
    for (const Unit& unit : kUnits) {
        if (!key.ends_with(unit.suffix) || key.size() == unit.suffix.size()) {
            continue;
        }
        const double number = value.get<double>();
        const std::string name = key.substr(0, key.size() - unit.suffix.size());
        if (unit.suffix == "_ns" && number > 1e18) {  // since 1970
            const auto nanos = value.get<std::int64_t>();
            return Member{name, fmt::format("{} ({})", local_time(nanos), distance(nanos, now))};
        }
        return Member{name, unit.seconds == 0 ? bytes_in_words(number) : duration_in_words(number * unit.seconds)};
    }
    if (key == "bytes") {
        return Member{key, bytes_in_words(value.get<double>())};
    }
    return std::nullopt;
}

// One line as it is, more of them indented below.
std::string text_in_words(const std::string& text, const std::string& margin) {
    const std::string safe = printable(text, Lines::Kept);
    if (safe.find('\n') == std::string::npos) {
        return safe;
    }
    std::string out;
    std::size_t at = 0;
    while (at <= safe.size()) {
        const std::size_t end = std::min(safe.find('\n', at), safe.size());
        out += "\n" + margin + "  | " + safe.substr(at, end - at);
        at = end + 1;
    }
    return out;
}

class Writer {
  public:
    explicit Writer(Nanos now) : now_(now) {}

    void write(const Json& value, const std::string& margin) {
        if (is_scalar(value)) {
            out_ += margin + scalar(value, margin) + "\n";
        } else if (value.is_array()) {
            for (const Json& item : value) {
                write_item(item, margin);
            }
        } else {
            for (const auto& [key, item] : value.items()) {
                write_member(key, item, margin);
            }
        }
    }
    std::string take() { return std::move(out_); }

  private:
    void write_item(const Json& item, const std::string& margin) {
        if (is_scalar(item)) {
            out_ += margin + "- " + scalar(item, margin) + "\n";
            return;
        }
        const std::size_t start = out_.size();
        write(item, margin + "  ");
        out_[start + margin.size()] = '-';
    }
    void write_member(const std::string& key, const Json& item, const std::string& margin) {
        if (const std::optional<Member> member = with_unit(key, item, now_)) {
            out_ += margin + printable(member->key) + ": " + member->value + "\n";
        } else if (is_scalar(item)) {
            out_ += margin + printable(key) + ": " + scalar(item, margin) + "\n";
        } else {
            out_ += margin + printable(key) + ":\n";
            write(item, margin + "  ");
        }
    }
    std::string scalar(const Json& value, const std::string& margin) const {
        if (value.is_string()) {
            const auto& text = value.get_ref<const std::string&>();
            const std::optional<std::int64_t> at = time_of(text);
            return at ? fmt::format("{} ({})", text, distance(*at, now_)) : text_in_words(text, margin);
        }
        if (value.is_null()) {
            return "-";
        }
        if (value.is_boolean()) {
            return value.get<bool>() ? "yes" : "no";
        }
        return value.is_structured() ? (value.is_array() ? "(none)" : "(empty)") : number_in_words(value);
    }

    Nanos now_;
    std::string out_;
};

}  // namespace

std::string render(const Json& value, Nanos now) {
    Writer writer(now);
    writer.write(value, "");
    return writer.take();
}

std::string duration_in_words(double seconds) {
    if (!std::isfinite(seconds)) {
        return "unknown";
    }
    if (seconds < 0) {
        return "-" + duration_in_words(-seconds);
    }
    if (seconds < 1e-3) {
        return seconds == 0 ? "0 s" : fmt::format("{:.3g} us", seconds * 1e6);
    }
    if (seconds < 1) {
        return fmt::format("{:.3g} ms", seconds * 1e3);
    }
    if (seconds < 60) {
        return fmt::format("{:.3g} s", seconds);
    }
    struct Step {
        std::int64_t seconds;
        const char* name;
        std::int64_t below;
        const char* smaller;
    };
    constexpr std::array<Step, 3> kSteps = {{{86'400, "d", 3'600, "h"}, {3'600, "h", 60, "min"}, {60, "min", 1, "s"}}};
    const double most = 1e15;
    const auto whole = static_cast<std::int64_t>(std::min(seconds, most));
    for (const Step& step : kSteps) {
        if (whole >= step.seconds) {
            const std::int64_t rest = whole % step.seconds / step.below;
            return rest == 0 ? fmt::format("{} {}", whole / step.seconds, step.name)
                             : fmt::format("{} {} {} {}", whole / step.seconds, step.name, rest, step.smaller);
        }
    }
    return fmt::format("{} s", whole);
}

std::string bytes_in_words(double bytes) {
    constexpr std::array<const char*, 4> kNames = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024 * 10) {
        return fmt::format("{:.0f} bytes", bytes);
    }
    std::size_t step = 0;
    double value = bytes / 1024;
    while (value >= 1024 && step + 1 < kNames.size()) {
        value /= 1024;
        ++step;
    }
    return fmt::format("{:.4g} {}", value, kNames[step]);
}

}  // namespace resonant::app
