#include "resonant/memory/manifest.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <simdjson.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "resonant/base/descriptor.h"

namespace resonant::memory {
namespace {

constexpr std::size_t kManifestBytesMax = 64 * 1024 * 1024;  // about a KB a segment

namespace ondemand = simdjson::ondemand;

struct Word {
    std::uint64_t value = 0;
};

// An object of the document as it is gone through: no tree is made of it, since a reader's first answer waits for this.
// What is asked for in the order of the text, which has names sorted, is found in one pass. The first member that is
// missing or of another kind is named in `why`, and nothing is taken after it.
class Members {
  public:
    Members(ondemand::object object, std::string& why) : object_(object), why_(why) {}

    template <typename Value>
    void take(const char* name, Value& to) {
        if (why_.empty()) {
            refuse(!read(object_[name], to), name);
        }
    }
    // Leaves `to` as it is where there is no such member.
    template <typename Value>
    void take_if(const char* name, Value& to) {
        if (why_.empty()) {
            const Found found = object_[name];
            refuse(found.error() != simdjson::NO_SUCH_FIELD && !read(found, to), name);
        }
    }
    void refuse(bool is_wrong, const char* name) {
        if (is_wrong && why_.empty()) {
            why_ = std::string("its member ") + name + " is missing or not what it should be";
        }
    }

  private:
    using Found = simdjson::simdjson_result<ondemand::value>;

    template <typename Value>
    static bool read(Found found, Value& to) {
        return found.get(to) == simdjson::SUCCESS;
    }
    static bool read(Found found, std::string& to) {
        std::string_view text;
        const bool is_text = read(found, text);
        to = text;
        return is_text;
    }
    // Words of 64 bits are text: JSON's numbers are doubles to most readers.
    static bool read(Found found, Word& to) {
        std::string_view digits;
        if (!read(found, digits)) {
            return false;
        }
        const char* end = digits.data() + digits.size();
        const auto [stop, error] = std::from_chars(digits.data(), end, to.value, 16);
        return error == std::errc() && stop == end;
    }
    // Never below what was written (manifest_writer.cc).
    static bool read(Found found, float& to) {
        std::uint64_t milli = 0;
        const bool is_number = read(found, milli);
        to = static_cast<float>(static_cast<double>(milli) / 1000 * 1.000001);
        return is_number;
    }
    static bool read(Found found, Extent& to) {
        ondemand::array parts;
        if (!read(found, parts)) {
            return false;
        }
        std::size_t part = 0;
        bool is_right = true;
        Word checksum;
        for (Found each : parts) {
            is_right = is_right && (part == 0   ? read(each, to.offset)
                                    : part == 1 ? read(each, to.bytes)
                                    : part == 2 && read(each, checksum));
            ++part;
        }
        to.checksum = checksum.value;
        return is_right && part == 3;
    }
    template <typename Each>
    static bool read_each(Found found, Each put) {
        ondemand::array values;
        bool is_right = read(found, values);
        if (is_right) {
            for (Found each : values) {
                std::uint64_t value = 0;
                is_right = is_right && read(each, value) && put(value);
            }
        }
        return is_right;
    }
    static bool read(Found found, std::vector<MemoryId>& to) {
        return read_each(found, [&](std::uint64_t value) {
            to.push_back(value);
            return true;
        });
    }
    static bool read(Found found, std::array<std::size_t, kZones>& to) {
        std::size_t count = 0;
        return read_each(found, [&](std::uint64_t value) { return count < to.size() && (to[count++] = value, true); }) &&
               count == to.size();
    }

    ondemand::object object_;
    std::string& why_;
};
SegmentFacts facts_from(ondemand::object object, std::string& why) {
    SegmentFacts facts;
    Members members(object, why);
    Word book, checksum, all, any;
    ondemand::object columns;
    members.take("archived", facts.is_archived);
    members.take("bytes", facts.bytes);
    members.take_if("checksum", checksum);
    members.take("code_book", book);
    members.take("code_norm_milli", facts.code_norm);
    members.take("columns", columns);
    if (why.empty()) {
        Members places(columns, why);
        for (std::size_t i = 0; i < kColumns; ++i) {
            places.take_if(kColumnNames[i], facts.columns[i]);
        }
    }
    members.take("created_max", facts.created_max);
    members.take("created_min", facts.created_min);
    members.take("file", facts.file);
    members.take_if("galaxy", facts.galaxy);
    members.take("gone", facts.gone);
    members.take("protected", facts.is_protected);
    members.take("row_norm_milli", facts.row_norm);
    members.take("rows", facts.rows);
    members.take("sha256", facts.sha256);
    members.take("signature_all", all);
    members.take("signature_any", any);
    members.take("watermark", facts.watermark);
    members.take("zones", facts.zones);
    facts.checksum = checksum.value;
    facts.book = book.value;
    facts.signature_all = all.value;
    facts.signature_any = any.value;
    members.refuse(facts.gone.size() > facts.rows || !std::ranges::is_sorted(facts.gone), "gone");
    return facts;
}

// What a document says of itself, before anything else of it is believed.
void look_at(ondemand::object document, std::string_view text, std::string& why) {
    std::string_view checksum;
    std::int64_t dimensions = 0, version = 0, readable_from = 1;
    Members members(document, why);
    members.take("checksum", checksum);
    members.take("dimensions", dimensions);
    members.take_if("readable_from", readable_from);
    members.take("version", version);
    if (why.empty() && checksum != manifest_checksum(text)) {
        why = "its checksum differs";
    } else if (why.empty() && (readable_from > kManifestVersion || version < kManifestVersionMin ||
                               dimensions != std::int64_t{kDimensions})) {
        why = "it is of another version";
    }
}

Manifest manifest_from(ondemand::object document, std::string& why) {
    Manifest manifest;
    Members members(document, why);
    ondemand::array segments;
    members.take("built_ns", manifest.built_ns);
    members.take("code_book", manifest.book);
    members.take("code_book_rows", manifest.book_rows);
    members.take("facts", manifest.marks.facts);
    members.take("files", manifest.files);
    members.take("generation", manifest.generation);
    members.take("model", manifest.model);
    members.take("moves", manifest.marks.moves);
    members.take("segments", segments);
    if (why.empty()) {
        for (simdjson::simdjson_result<ondemand::value> each : segments) {
            ondemand::object segment;
            members.refuse(each.get(segment) != simdjson::SUCCESS, "segments");
            if (!why.empty()) {
                return manifest;
            }
            manifest.segments.push_back(facts_from(segment, why));
        }
    }
    members.take("versions", manifest.marks.versions);
    members.take("watermark", manifest.watermark);
    return manifest;
}

std::unexpected<Error> damaged(const std::filesystem::path& path, const std::string& how) {
    return fail(Code::DataLoss,
                "read manifest " + path.string() + ": " + how + "; it is rebuilt from SQLite");
}

}  // namespace

// From the text as it lies there: to write the document anew takes as long as to read it. A reader needs no more, and
// SHA-256 takes its library a millisecond to start.
std::string manifest_checksum(std::string_view text) {
    std::string bare(text.size(), '\0');  // never longer: what is written in a character's place is one character
    std::size_t size = 0;
    std::size_t member = 1;  // where the document's member at hand begins
    int depth = 0;
    bool is_quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char each = text[i];
        if (is_quoted) {
            bare[size++] = each;
            if (each == '\\' && i + 1 < text.size()) {
                bare[size++] = text[++i];
            }
            is_quoted = each != '"';
            continue;
        }
        if (each == ' ' || each == '\n' || each == '\t' || each == '\r') {
            continue;
        }
        is_quoted = each == '"';
        depth += each == '{' || each == '[' ? 1 : 0;
        if (depth == 1 && (each == ',' || each == '}')) {
            const std::string_view ended = std::string_view(bare).substr(0, size).substr(std::min(member, size));
            if (ended.starts_with("\"checksum\":") || ended.starts_with("\"sha256\":")) {
                size = member - 1;  // with the comma, or the brace, before it
                bare[size++] = member == 1 ? '{' : ',';
            } else {
                bare[size++] = ',';
            }
            member = size;
        } else {
            bare[size++] = each;
        }
        depth -= each == '}' || each == ']' ? 1 : 0;
    }
    bare.resize(size);
    if (bare.ends_with(',')) {
        bare.back() = '}';
    }
    const auto bytes = std::as_bytes(std::span(bare));
    return fmt::format("{:016x}", search::code_kernels(search::best_kernel()).checksum(bytes.data(), bytes.size()));
}

std::size_t Manifest::rows() const {
    std::size_t sum = 0;
    for (const SegmentFacts& each : segments) {
        sum += each.rows - each.gone.size();
    }
    return sum;
}

std::size_t Manifest::gone() const {
    std::size_t sum = 0;
    for (const SegmentFacts& each : segments) {
        sum += each.gone.size();
    }
    return sum;
}

bool Manifest::is_mixed() const {
    return std::ranges::any_of(segments, [](const SegmentFacts& each) { return each.galaxy.empty(); });
}

Result<std::optional<Manifest>> read_manifest(const std::filesystem::path& folder) {
    const std::filesystem::path path = folder / kManifestFile;
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file && errno == ENOENT) {
        return std::nullopt;
    }
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0 || status.st_size < 0 ||
        static_cast<std::size_t>(status.st_size) > kManifestBytesMax) {
        return damaged(path, "it cannot be read or is too large");
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    simdjson::padded_string text(size);
    if (::pread(file.get(), text.data(), size, 0) != status.st_size) {
        return damaged(path, "it is cut short");
    }
    ondemand::parser parser;
    ondemand::document document;
    ondemand::object object;
    if (parser.iterate(text).get(document) != simdjson::SUCCESS || document.get_object().get(object) != simdjson::SUCCESS) {
        return damaged(path, "it is no JSON object");
    }
    std::string why;
    look_at(object, std::string_view(text), why);
    if (why.empty() && object.reset().error() != simdjson::SUCCESS) {
        why = "it is no JSON object";
    }
    Manifest manifest;
    if (why.empty()) {
        manifest = manifest_from(object, why);
    }
    if (!why.empty()) {
        return damaged(path, why);
    }
    return manifest;
}

}  // namespace resonant::memory
