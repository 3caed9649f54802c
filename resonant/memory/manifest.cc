#include "resonant/memory/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>

#include "resonant/json/json.h"

namespace resonant::memory {
namespace {

constexpr std::size_t kManifestBytesMax = 4 * 1024 * 1024;

// Words of 64 bits are text: JSON's numbers are doubles to most readers.
std::uint64_t word(const Json& text) {
    const auto& digits = text.get_ref<const std::string&>();
    std::uint64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value, 16);
    if (error != std::errc() || stop != end) {
        throw Json::type_error::create(302, "no hexadecimal number: " + digits, &text);
    }
    return value;
}

// Never below what was written (manifest_writer.cc).
float from_milli(std::uint64_t norm) { return static_cast<float>(static_cast<double>(norm) / 1000 * 1.000001); }

SegmentFacts facts_from(const Json& each) {
    SegmentFacts facts;
    each.at("file").get_to(facts.file);
    each.at("rows").get_to(facts.rows);
    each.at("bytes").get_to(facts.bytes);
    facts.sha256 = each.value("sha256", std::string());
    if (facts.sha256.empty()) {
        facts.checksum = word(each.at("checksum"));
    }
    const Json& columns = each.at("columns");
    for (std::size_t i = 0; i < kColumns; ++i) {
        if (const auto found = columns.find(kColumnNames[i]); found != columns.end()) {
            facts.columns[i] = {found->at(0), found->at(1), word(found->at(2))};
        }
    }
    facts.book = word(each.at("code_book"));
    facts.code_norm = from_milli(each.at("code_norm_milli"));
    facts.row_norm = from_milli(each.at("row_norm_milli"));
    each.at("watermark").get_to(facts.watermark);
    each.at("gone").get_to(facts.gone);
    if (facts.gone.size() > facts.rows || !std::ranges::is_sorted(facts.gone)) {
        throw Json::other_error::create(502, "rows that are gone are too many or not sorted", &each);
    }
    each.at("zones").get_to(facts.zones);
    each.at("protected").get_to(facts.is_protected);
    each.at("archived").get_to(facts.is_archived);
    facts.signature_all = word(each.at("signature_all"));
    facts.signature_any = word(each.at("signature_any"));
    each.at("created_min").get_to(facts.created_min);
    each.at("created_max").get_to(facts.created_max);
    return facts;
}

// Throws what nlohmann throws when a member is missing or of another type.
Manifest from_json(const Json& document) {
    Manifest manifest;
    document.at("generation").get_to(manifest.generation);
    document.at("files").get_to(manifest.files);
    document.at("model").get_to(manifest.model);
    document.at("watermark").get_to(manifest.watermark);
    document.at("facts").get_to(manifest.facts);
    document.at("versions").get_to(manifest.versions);
    document.at("moves").get_to(manifest.moves);
    document.at("code_book").get_to(manifest.book);
    document.at("code_book_rows").get_to(manifest.book_rows);
    document.at("built_ns").get_to(manifest.built_ns);
    for (const Json& each : document.at("segments")) {
        manifest.segments.push_back(facts_from(each));
    }
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
    std::string bare;
    bare.reserve(text.size());
    std::size_t member = 1;  // where the document's member at hand begins
    int depth = 0;
    bool is_quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char each = text[i];
        if (is_quoted) {
            bare.push_back(each);
            if (each == '\\' && i + 1 < text.size()) {
                bare.push_back(text[++i]);
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
            const std::string_view ended = std::string_view(bare).substr(std::min(member, bare.size()));
            if (ended.starts_with("\"checksum\":") || ended.starts_with("\"sha256\":")) {
                bare.resize(member - 1);  // with the comma, or the brace, before it
                bare.push_back(member == 1 ? '{' : ',');
            } else {
                bare.push_back(',');
            }
            member = bare.size();
        } else {
            bare.push_back(each);
        }
        depth -= each == '}' || each == ']' ? 1 : 0;
    }
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

Result<std::optional<Manifest>> read_manifest(const std::filesystem::path& folder) {
    const std::filesystem::path path = folder / kManifestFile;
    std::error_code missing;
    const auto size = std::filesystem::file_size(path, missing);
    if (missing == std::errc::no_such_file_or_directory) {
        return std::nullopt;
    }
    if (missing || size > kManifestBytesMax) {
        return damaged(path, "it cannot be read or is too large");
    }
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    const Json document = Json::parse(text.view(), nullptr, false);
    if (!document.is_object()) {
        return damaged(path, "it is no JSON object");
    }
    try {
        if (document.at("checksum") != manifest_checksum(text.view())) {
            return damaged(path, "its checksum differs");
        }
        if (document.value("readable_from", 1) > kManifestVersion ||
            document.at("version") < kManifestVersionMin || document.at("dimensions") != kDimensions) {
            return damaged(path, "it is of another version");
        }
        return from_json(document);
    } catch (const Json::exception& wrong) {
        return damaged(path, wrong.what());
    }
}

}  // namespace resonant::memory
