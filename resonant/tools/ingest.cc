#include "resonant/tools/ingest.h"

#include <fmt/core.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>

#include "resonant/broker/files.h"
#include "resonant/memory/galaxies.h"
#include "resonant/tools/records.h"
#include "resonant/tools/remember.h"

namespace resonant::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFilesDefault = 200;
constexpr std::size_t kFilesMax = 5'000;
constexpr Bytes kFileMax = mebibytes(4);
constexpr std::size_t kPieceBytes = 4'000;  // of a text without headings: a few windows of the encoder
constexpr std::size_t kRefusedShown = 50;

struct Tally {
    std::size_t files = 0, stored = 0, known = 0, refused_count = 0;
    Json refused = Json::array();

    void refuse(const fs::path& file, const std::string& why) {
        ++refused_count;
        if (refused.size() < kRefusedShown) {
            refused.push_back({{"file", file.string()}, {"why", why}});
        }
    }
};

// The files beneath `path` that match, in order; one file is itself.
Result<std::vector<fs::path>> files_beneath(const Services& services, const fs::path& path,
                                            const std::string& pattern, std::size_t most) {
    for (const fs::path& folder : services.files->folders()) {
        const fs::path place = path.is_absolute() ? path : folder / path;
        std::error_code error;
        if (!fs::is_directory(place, error)) {
            continue;
        }
        const fs::path inside = fs::weakly_canonical(place, error).lexically_relative(
            fs::weakly_canonical(folder, error));
        if (inside.empty() || *inside.begin() == "..") {
            continue;  // Files would refuse each of them
        }
        std::vector<fs::path> found;
        for (fs::recursive_directory_iterator walk(place, error), end; !error && walk != end;
             walk.increment(error)) {
            const fs::path name = walk->path().lexically_relative(place);
            if (walk->is_regular_file(error) &&
                (pattern.empty() || ::fnmatch(pattern.c_str(), name.filename().c_str(), 0) == 0 ||
                 ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0)) {
                found.push_back(walk->path());
            }
        }
        std::sort(found.begin(), found.end());
        found.resize(std::min(found.size(), most));
        return found;
    }
    return std::vector<fs::path>{path};
}

std::string_view type_of(const fs::path& file) {
    constexpr std::array<std::string_view, 6> kProse = {".md", ".markdown", ".txt", ".rst", ".adoc", ""};
    const std::string suffix = file.extension().string();
    return std::find(kProse.begin(), kProse.end(), suffix) == kProse.end() ? "code" : "note";
}

// Cut at blank lines where there are any, else at line ends.
std::vector<std::string> pieces_of(const std::string& text) {
    std::vector<std::string> pieces;
    std::string_view rest = text;
    while (!rest.empty()) {
        std::size_t end = rest.size();
        if (end > kPieceBytes) {
            end = rest.rfind("\n\n", kPieceBytes);
            end = end == std::string_view::npos || end == 0 ? rest.rfind('\n', kPieceBytes) : end;
            end = end == std::string_view::npos || end == 0 ? rest.find('\n', kPieceBytes) : end;
            end = std::min(end, rest.size());
        }
        const std::string_view piece = rest.substr(0, end);
        if (piece.find_first_not_of(" \t\r\n") != std::string_view::npos) {
            pieces.emplace_back(piece);
        }
        rest.remove_prefix(std::min(rest.size(), end + 1));
    }
    return pieces;
}

Result<std::vector<Record>> records_of(const fs::path& file, const std::string& text) {
    const std::string suffix = file.extension().string();
    std::vector<Record> records;
    if (suffix == ".md" || suffix == ".markdown") {
        TextSource source(text);
        const auto take = [&](Record record, double) -> Status {
            records.push_back(std::move(record));
            return {};
        };
        RESONANT_CHECK(read_records("markdown", source, take, {.name = file.stem().string()}));
        return records;
    }
    for (std::string& piece : pieces_of(text)) {
        Record record;
        record.line = records.size() + 1;
        record.memory.content = std::move(piece);
        record.memory.title = file.filename().string();
        records.push_back(std::move(record));
    }
    return records;
}

Status take_file(Services& services, const call::Call& call, const fs::path& file,
                 const std::string& galaxy, Tally& tally) {
    const Result<std::string> text = services.files->read(file, kFileMax);
    if (!text) {
        tally.refuse(file, text.error().message);
        return {};
    }
    if (text->find('\0') != std::string::npos) {
        tally.refuse(file, "it is no text: it holds a zero byte");
        return {};
    }
    const auto records = records_of(file, *text);
    if (!records) {
        tally.refuse(file, records.error().message);
        return {};
    }
    ++tally.files;
    if (flag_of(call, "validate_only")) {
        tally.stored += records->size();
        return {};
    }
    return services.database->write([&](sql::Connection&) -> Status {
        for (const Record& record : *records) {
            if (!record.refusal.empty()) {
                tally.refuse(file, fmt::format("line {}: {}", record.line, record.refusal));
                continue;
            }
            memory::Memory memory = record.memory;
            memory.galaxy = galaxy;
            memory.source = "file:" + file.string();
            memory.type = type_of(file);
            const auto added = remember(services, call, memory, 0);
            if (!added && added.error().code != Code::InvalidArgument) {
                return std::unexpected(added.error());
            }
            if (!added) {
                tally.refuse(file, added.error().message);
            } else {
                ++(added->reinforced ? tally.known : tally.stored);
            }
        }
        return {};
    });
}

}  // namespace

Result<Json> ingest_files(Services& services, call::Call& call) {
    const std::string galaxy = text_of(call, "name");
    RESONANT_CHECK(services.galaxies->check_open(galaxy));
    const auto most = static_cast<std::size_t>(std::clamp<std::int64_t>(
        integer_of(call, "max_files", kFilesDefault), 1, static_cast<std::int64_t>(kFilesMax)));
    RESONANT_ASSIGN(const auto files, files_beneath(services, text_of(call, "path"),
                                                    text_of(call, "pattern"), most));
    Tally tally;
    for (std::size_t i = 0; i < files.size(); ++i) {
        if (call.is_cancelled()) {
            return fail(Code::Timeout, fmt::format("galaxy.ingest: cancelled after {} of {} files; those "
                                                   "are kept, and skipped when it runs again",
                                                   i, files.size()));
        }
        RESONANT_CHECK(take_file(services, call, files[i], galaxy, tally));
        if (call.progress) {
            call.progress(static_cast<double>(i + 1), static_cast<double>(files.size()),
                          fmt::format("{} of {} files", i + 1, files.size()));
        }
    }
    Json answer = {{"galaxy", galaxy},
                   {"files", tally.files},
                   {"stored", tally.stored},
                   {"known", tally.known},
                   {"refused", tally.refused_count}};
    if (tally.refused_count > 0) {
        answer["refusals"] = tally.refused;
    }
    if (flag_of(call, "validate_only")) {
        answer["validated_only"] = true;
    }
    return answer;
}

}  // namespace resonant::tools
