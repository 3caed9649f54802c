// How a Manifest is written. Apart from its reading, which must not load OpenSSL.
#include "resonant/memory/manifest.h"

#include <fmt/core.h>

#include "resonant/json/json.h"
#include "resonant/memory/digest.h"
#include "resonant/memory/durable_file.h"

namespace resonant::memory {
namespace {

// What anybody can check: of all but itself.
std::string sha256(const Json& document) {
    Digest digest;
    digest.add(document.dump());
    return hex(digest.finish());
}

// Words of 64 bits are text: JSON's numbers are doubles to most readers.
std::string word(std::uint64_t value) { return fmt::format("{:016x}", value); }

// A norm is an upper bound, so it may only be rounded up; integers are written alike by every JSON library.
std::uint64_t milli(float norm) { return static_cast<std::uint64_t>(double{norm} * 1000) + 1; }

Json to_json(const SegmentFacts& facts) {
    Json columns = Json::object();
    for (std::size_t i = 0; i < kColumns; ++i) {
        const Extent& each = facts.columns[i];
        if (each.bytes > 0) {
            columns[kColumnNames[i]] = {each.offset, each.bytes, word(each.checksum)};
        }
    }
    return {{"file", facts.file},
            {"galaxy", facts.galaxy},
            {"rows", facts.rows},
            {"bytes", facts.bytes},
            {"checksum", word(facts.checksum)},
            {"sha256", facts.sha256},  // version 2 wants one, and rebuilds where it is not the file's
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

Json to_json(const Manifest& manifest) {
    Json segments = Json::array();
    for (const SegmentFacts& each : manifest.segments) {
        segments.push_back(to_json(each));
    }
    Json document = {{"format", "resonant.data_sea"},     {"version", kManifestVersion},
                     {"readable_from", kManifestVersionMin}, {"generation", manifest.generation},
                     {"files", manifest.files},           {"model", manifest.model},
                     {"dimensions", kDimensions},         {"watermark", manifest.watermark},
                     {"facts", manifest.marks.facts},           {"versions", manifest.marks.versions},
                     {"moves", manifest.marks.moves},           {"code_book", manifest.book},
                     {"code_book_rows", manifest.book_rows}, {"built_ns", manifest.built_ns},
                     {"segments", std::move(segments)}};
    document["checksum"] = manifest_checksum(document.dump());
    document["sha256"] = sha256(document);
    return document;
}

}  // namespace

Status write_manifest(const std::filesystem::path& folder, const Manifest& manifest) {
    const std::string text = to_json(manifest).dump() + "\n";
    RESONANT_ASSIGN(auto file, DurableFile::create(folder, kManifestFile));
    RESONANT_CHECK(file->append(std::as_bytes(std::span(text))));
    return file->commit();
}

}  // namespace resonant::memory
