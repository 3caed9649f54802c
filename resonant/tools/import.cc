#include "resonant/tools/import.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <utility>

#include "resonant/broker/files.h"
#include "resonant/memory/digest.h"
#include "resonant/memory/galaxies.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/file_kind.h"
#include "resonant/tools/foreign_records.h"
#include "resonant/tools/load.h"
#include "resonant/tools/memory_table.h"
#include "resonant/tools/records.h"

namespace resonant::tools {
namespace {

constexpr std::string_view kStoreHead = "SQLite format 3";

// What is read, opened, and the name of its bytes.
struct Origin {
    std::function<Status(const TakeRecord&)> read;
    std::string digest;
    std::string format;
    std::string unit = "row";
};

bool is_table(std::string_view format) { return format == "parquet" || format == "arrow"; }
bool is_store(std::string_view format) { return format == "whitemagic" || format == "sqlite" || format == "store"; }

// Goes through the bytes once, so that the same ones are known again wherever they lie.
Result<std::string> digest_of(TextSource& text, const call::Call& call) {
    memory::Digest digest;
    for (std::string_view piece = text.take_piece(); !piece.empty(); piece = text.take_piece()) {
        if (call.is_cancelled()) {
            return fail(Code::Timeout, "cancelled before anything was stored");
        }
        digest.add(piece);
    }
    RESONANT_CHECK(text.failure());
    text.rewind();
    return memory::hex(digest.finish());
}

// SQLite reads where the file lies, with the log beside it; name, size and time stand for the bytes.
Result<Origin> open_store(Services& services, const call::Call& call, const std::string& format, const Reading& reading) {
    RESONANT_ASSIGN(const auto file, services.files->locate(text_of(call, "path")));
    struct stat about{};
    if (::stat(file.c_str(), &about) != 0) {
        return fail_errno("stat " + file.string(), errno);
    }
    Origin origin;
    origin.digest = fmt::format("{} {} {}.{}", file.string(), about.st_size, about.st_mtim.tv_sec,
                                about.st_mtim.tv_nsec);
    origin.format = format;
    if (format == "store") {
        RESONANT_ASSIGN(origin.format, kind_of_store(file));
    }
    origin.read = [file, format = origin.format, reading](const TakeRecord& take) {
        return format == "mem0"         ? mem0_store(file, take)
               : format == "whitemagic" ? whitemagic_store(file, take)
                                        : sqlite_store(file, take, reading.names);
    };
    return origin;
}

Result<Origin> open_table(Services& services, const call::Call& call, const std::string& format, const Reading& reading) {
    RESONANT_ASSIGN(Descriptor file, services.files->open(text_of(call, "path")));
    RESONANT_ASSIGN(Descriptor again, services.files->open(text_of(call, "path")));
    RESONANT_ASSIGN(TextSource text, TextSource::of_file(std::move(again), text_of(call, "path")));
    Origin origin;
    origin.format = format;
    RESONANT_ASSIGN(origin.digest, digest_of(text, call));
    const auto shared = std::make_shared<Descriptor>(std::move(file));
    origin.read = [shared, format, reading](const TakeRecord& take) {
        return table_records(format, *shared, take, reading.names);
    };
    return origin;
}

Result<Origin> open_text(TextSource opened, const call::Call& call, const std::string& format, Reading reading) {
    const auto text = std::make_shared<TextSource>(std::move(opened));
    Origin origin;
    origin.unit = "line";
    origin.format = format;
    RESONANT_ASSIGN(origin.digest, digest_of(*text, call));
    origin.read = [text, format, reading = std::move(reading)](const TakeRecord& take) {
        return read_records(format, *text, take, reading);
    };
    return origin;
}

Result<Origin> open_origin(Services& services, const call::Call& call) {
    std::string format = text_of(call, "format");
    if (has(call, "path") == has(call, "data")) {
        return fail(Code::InvalidArgument, "give either path or data");
    }
    Reading reading;
    RESONANT_ASSIGN(reading.names, RecordNames::of(call.arguments.value("columns", Json())));
    const std::filesystem::path path = text_of(call, "path");
    reading.name = path.stem().string();
    if (has(call, "data")) {
        if (is_table(format) || is_store(format)) {
            return fail(Code::InvalidArgument, format + " is no text; give its path in an import folder");
        }
        TextSource text(text_of(call, "data"));
        if (format.empty()) {
            RESONANT_ASSIGN(format, file_kind(text_of(call, "data").substr(0, kKindBytes), ""));
        }
        return open_text(std::move(text), call, format, std::move(reading));
    }
    RESONANT_ASSIGN(Descriptor file, services.files->open(path));
    RESONANT_ASSIGN(TextSource text, TextSource::of_file(std::move(file), path.string()));
    RESONANT_ASSIGN(const std::string head, text.head(kKindBytes));
    if (format.empty()) {
        RESONANT_ASSIGN(format, file_kind(head, path.filename().string()));
    }
    if (is_table(format)) {
        return open_table(services, call, format, reading);
    }
    return is_store(format) || head.starts_with(kStoreHead) ? open_store(services, call, format, reading)
                                                            : open_text(std::move(text), call, format, std::move(reading));
}

// The job is the same for the same bytes, read alike into the same galaxy by the same caller.
std::string job_of(const call::Call& call, const std::string& galaxy, const Origin& origin) {
    memory::Digest digest;
    for (const std::string& part : {origin.format, galaxy, call.caller.principal, origin.digest}) {
        digest.add(part);
        digest.add(std::string_view("\0", 1));
    }
    return memory::hex(digest.finish());
}

std::string name_of(const call::Call& call) {
    return has(call, "path") ? std::filesystem::path(text_of(call, "path")).filename().string() : "data";
}

// What was wrong with the whole, so that no more could be read; what came before it is kept.
std::unexpected<Error> broken_off(const call::Call& call, const Load& load, const Error& error) {
    const std::string rest =
        load.kept() == 0 ? ""
                         : fmt::format("; the {} records before it are kept: mend the file and import it again, what is "
                                       "known is skipped",
                                       load.kept());
    return fail(error.code, fmt::format("memory.import: {}: {}{}", name_of(call), error.message, rest));
}

}  // namespace

Result<Json> import_memories(Services& services, call::Call& call) {
    const std::string conflict = text_of(call, "on_conflict", "skip");
    Load::Options options;
    RESONANT_ASSIGN(options.galaxy, galaxy_of(services, call));
    RESONANT_CHECK(services.galaxies->check_open(options.galaxy));
    options.keeps_galaxies = !has(call, "galaxy");
    const auto origin = open_origin(services, call);
    if (!origin) {
        return fail(origin.error().code, fmt::format("memory.import: {}: {}", name_of(call), origin.error().message));
    }
    options.job = job_of(call, options.galaxy, *origin);
    options.source = has(call, "path") ? "import:" + name_of(call) : "import";
    options.unit = origin->unit;
    options.merge = conflict == "merge";
    options.twin = conflict == "copy" ? memory::Twin::Copy : memory::Twin::Reinforce;
    options.only_validate = flag_of(call, "validate_only");
    Load load(services, call, std::move(options));
    RESONANT_CHECK(load.begin());
    const Status read = origin->read([&](Record record, double share) { return load.take(std::move(record), share); });
    if (!read && load.has_failed()) {
        return std::unexpected(read.error());
    }
    RESONANT_CHECK(load.flush());
    if (!read) {
        return broken_off(call, load, read.error());
    }
    RESONANT_CHECK(load.finish());
    Json shown = load.shown();
    shown["format"] = origin->format;
    return shown;
}

}  // namespace resonant::tools
