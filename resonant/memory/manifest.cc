#include "resonant/memory/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>

#include "resonant/json/json.h"
#include "resonant/memory/digest.h"
#include "resonant/memory/durable_file.h"

namespace resonant::memory {
namespace {

constexpr std::size_t kManifestBytesMax = 4 * 1024 * 1024;

// What a reader checks: it costs next to nothing, where SHA-256 takes its library a millisecond to start.
std::string checksum(Json document) {
    document.erase("sha256");
    document.erase("checksum");
    const std::string text = document.dump();
    const auto bytes = std::as_bytes(std::span(text));
    return fmt::format("{:016x}", code_kernels(best_kernel()).checksum(bytes.data(), bytes.size()));
}

// What anybody can check: of all but itself.
std::string sha256(const Json& document) {
    Digest digest;
    digest.add(document.dump());
    return hex(digest.finish());
}

constexpr std::array<const char*, kColumns> kColumnNames = {
    "memory_id", "embedding", "is_protected", "created_ns", "is_archived",
    "signature", "coarse_code", "fine_code", "fine_facts"};

// Words of 64 bits are text: JSON's numbers are doubles to most readers.
std::string word(std::uint64_t value) { return fmt::format("{:016x}", value); }

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

// A norm is an upper bound, so it may only be rounded up; integers are written alike by every JSON library.
std::uint64_t milli(float norm) { return static_cast<std::uint64_t>(double{norm} * 1000) + 1; }
float from_milli(std::uint64_t norm) { return static_cast<float>(static_cast<double>(norm) / 1000 * 1.000001); }

Json to_json(const SegmentFacts& facts) {
    Json columns = Json::object();
    for (std::size_t i = 0; i < kColumns; ++i) {
        const Extent& each = facts.columns[i];
        if (each.bytes > 0) {
            columns[kColumnNames[i]] = {each.offset, each.bytes, word(each.checksum)};
        }
    }
    return {{"file", facts.file},
            {"rows", facts.rows},
            {"bytes", facts.bytes},
            {"sha256", facts.sha256},
            {"columns", std::move(columns)},
            {"code_book", word(facts.book)},
            {"code_norm_milli", milli(facts.code_norm)},
            {"row_norm_milli", milli(facts.row_norm)},
            {"watermark", facts.watermark},
            {"gone", facts.gone},
            {"zones", facts.zones},
            {"protected", facts.is_protected},
            {"archived", facts.is_archived},
            {"signature_all", word(facts.signature_all)},
            {"signature_any", word(facts.signature_any)},
            {"created_min", facts.created_min},
            {"created_max", facts.created_max}};
}

SegmentFacts facts_from(const Json& each) {
    SegmentFacts facts;
    each.at("file").get_to(facts.file);
    each.at("rows").get_to(facts.rows);
    each.at("bytes").get_to(facts.bytes);
    each.at("sha256").get_to(facts.sha256);
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

Json to_json(const Manifest& manifest) {
    Json segments = Json::array();
    for (const SegmentFacts& each : manifest.segments) {
        segments.push_back(to_json(each));
    }
    Json document = {{"format", "resonant.data_sea"},     {"version", kManifestVersion},
                     {"readable_from", kManifestVersion}, {"generation", manifest.generation},
                     {"files", manifest.files},           {"model", manifest.model},
                     {"dimensions", kDimensions},         {"watermark", manifest.watermark},
                     {"facts", manifest.facts},           {"versions", manifest.versions},
                     {"moves", manifest.moves},           {"code_book", manifest.book},
                     {"code_book_rows", manifest.book_rows}, {"built_ns", manifest.built_ns},
                     {"segments", std::move(segments)}};
    document["checksum"] = checksum(document);
    document["sha256"] = sha256(document);
    return document;
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
    const Json document = Json::parse(text.str(), nullptr, false);
    if (!document.is_object()) {
        return damaged(path, "it is no JSON object");
    }
    try {
        if (document.at("checksum") != checksum(document)) {
            return damaged(path, "its checksum differs");
        }
        if (document.value("readable_from", 1) > kManifestVersion ||
            document.at("version") < kManifestVersion || document.at("dimensions") != kDimensions) {
            return damaged(path, "it is of another version");
        }
        return from_json(document);
    } catch (const Json::exception& wrong) {
        return damaged(path, wrong.what());
    }
}

Status write_manifest(const std::filesystem::path& folder, const Manifest& manifest) {
    const std::string text = to_json(manifest).dump(1) + "\n";
    RESONANT_ASSIGN(auto file, DurableFile::create(folder, kManifestFile));
    RESONANT_CHECK(file->append(std::as_bytes(std::span(text))));
    return file->commit();
}

}  // namespace resonant::memory
