#include "resonant/tools/import.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <utility>

#include "resonant/broker/files.h"
#include "resonant/memory/digest.h"
#include "resonant/memory/galaxies.h"
#include "resonant/tools/arguments.h"
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
    std::string unit = "row";
};

bool is_table(std::string_view format) { return format == "parquet" || format == "arrow"; }

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
Result<Origin> open_store(Services& services, const call::Call& call) {
    RESONANT_ASSIGN(const auto file, services.files->locate(text_of(call, "path")));
    struct stat about{};
    if (::stat(file.c_str(), &about) != 0) {
        return fail_errno("stat " + file.string(), errno);
    }
    Origin origin;
    origin.digest = fmt::format("{} {} {}.{}", file.string(), about.st_size, about.st_mtim.tv_sec,
                                about.st_mtim.tv_nsec);
    const bool is_mem0 = text_of(call, "format") == "mem0";
    origin.read = [file, is_mem0](const TakeRecord& take) {
        return is_mem0 ? mem0_store(file, take) : whitemagic_store(file, take);
    };
    return origin;
}

Result<Origin> open_table(Services& services, const call::Call& call) {
    RESONANT_ASSIGN(Descriptor file, services.files->open(text_of(call, "path")));
    RESONANT_ASSIGN(Descriptor again, services.files->open(text_of(call, "path")));
    RESONANT_ASSIGN(TextSource text, TextSource::of_file(std::move(again), text_of(call, "path")));
    Origin origin;
    RESONANT_ASSIGN(origin.digest, digest_of(text, call));
    const auto shared = std::make_shared<Descriptor>(std::move(file));
    origin.read = [shared, format = text_of(call, "format")](const TakeRecord& take) {
        return table_records(format, *shared, take);
    };
    return origin;
}

Result<Origin> open_text(TextSource opened, const call::Call& call) {
    const auto text = std::make_shared<TextSource>(std::move(opened));
    Origin origin;
    origin.unit = "line";
    RESONANT_ASSIGN(origin.digest, digest_of(*text, call));
    origin.read = [text, format = text_of(call, "format")](const TakeRecord& take) {
        return read_records(format, *text, take);
    };
    return origin;
}

Result<Origin> open_origin(Services& services, const call::Call& call) {
    const std::string format = text_of(call, "format");
    if (has(call, "path") == has(call, "data")) {
        return fail(Code::InvalidArgument, "give either path or data");
    }
    if (has(call, "data")) {
        if (is_table(format) || format == "whitemagic") {
            return fail(Code::InvalidArgument, format + " is no text; give its path in an import folder");
        }
        return open_text(TextSource(text_of(call, "data")), call);
    }
    if (is_table(format)) {
        return open_table(services, call);
    }
    if (format == "whitemagic") {
        return open_store(services, call);
    }
    RESONANT_ASSIGN(Descriptor file, services.files->open(text_of(call, "path")));
    RESONANT_ASSIGN(TextSource text, TextSource::of_file(std::move(file), text_of(call, "path")));
    RESONANT_ASSIGN(const std::string head, text.head(kStoreHead.size()));
    return format == "mem0" && head == kStoreHead ? open_store(services, call)
                                                  : open_text(std::move(text), call);
}

// The job is the same for the same bytes, read alike into the same galaxy by the same caller.
std::string job_of(const call::Call& call, const std::string& galaxy, const std::string& what) {
    memory::Digest digest;
    for (const std::string& part : {text_of(call, "format"), galaxy, call.caller.principal, what}) {
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
    const auto origin = open_origin(services, call);
    if (!origin) {
        return fail(origin.error().code, "memory.import: " + origin.error().message);
    }
    options.job = job_of(call, options.galaxy, origin->digest);
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
    return load.shown();
}

}  // namespace resonant::tools
