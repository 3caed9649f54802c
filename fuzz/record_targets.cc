// Files that strangers bring to memory.import.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "fuzz/targets.h"
#include "resonant/base/ensure.h"
#include "resonant/tools/memory_table.h"
#include "resonant/tools/records.h"

namespace resonant::fuzz {
namespace {

// What reading gave, in words: every record, and how it ended.
template <typename Read>
std::string told_by(const Read& read) {
    std::string told;
    double share = 0;
    const Status ended = read([&](tools::Record record, double at) -> Status {
        RESONANT_ENSURE(!record.refusal.empty() || tools::refusal_of(record.memory).empty(),
                        "what is not refused may be stored");
        RESONANT_ENSURE(at >= share, "reading goes forward");
        share = at;
        told += std::to_string(record.line) + record.refusal + record.key + record.memory.title + record.memory.content +
                std::to_string(record.ties.size()) + "\n";
        return {};
    });
    return told + (ended ? "" : ended.error().message);
}

Descriptor file_of(std::string_view bytes) {
    Descriptor file(::memfd_create("fuzz", MFD_CLOEXEC));
    RESONANT_ENSURE(::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "room");
    return file;
}

}  // namespace

void records(std::string_view bytes) {
    const std::size_t line = std::min(bytes.find('\n'), bytes.size());
    const std::string format(bytes.substr(0, line));
    const std::string_view rest = bytes.substr(std::min(line + 1, bytes.size()));
    if (format == "arrow") {
        const Descriptor file = file_of(rest);
        told_by([&](const tools::TakeRecord& take) { return tools::table_records("arrow", file, take); });
        return;
    }
    tools::TextSource at_hand{std::string(rest)};
    auto file = tools::TextSource::of_file(file_of(rest), "fuzz");
    RESONANT_ENSURE(file.has_value(), "a file of memory opens");
    const auto of_text = told_by([&](const auto& take) { return tools::read_records(format, at_hand, take); });
    const auto of_file = told_by([&](const auto& take) { return tools::read_records(format, *file, take); });
    RESONANT_ENSURE(of_text == of_file, "a file says what the text says");
}

}  // namespace resonant::fuzz
