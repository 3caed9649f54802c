#include "resonant/memory/manifest.h"

#include <cerrno>
#include <fstream>
#include <sstream>

#include "resonant/json/json.h"
#include "resonant/memory/digest.h"
#include "resonant/memory/durable_file.h"

namespace resonant::memory {
namespace {

constexpr std::size_t kManifestBytesMax = 4 * 1024 * 1024;

std::string checksum(Json document) {
    document.erase("sha256");
    Digest digest;
    digest.add(document.dump());
    return hex(digest.finish());
}

Json to_json(const Manifest& manifest) {
    Json segments = Json::array();
    for (const SegmentFacts& each : manifest.segments) {
        segments.push_back({{"file", each.file},
                            {"rows", each.rows},
                            {"bytes", each.bytes},
                            {"sha256", each.sha256}});
    }
    Json document = {{"format", "resonant.data_sea"},     {"version", kManifestVersion},
                     {"generation", manifest.generation}, {"files", manifest.files},
                     {"model", manifest.model},           {"dimensions", kDimensions},
                     {"watermark", manifest.watermark},   {"facts", manifest.facts},
                     {"built_ns", manifest.built_ns},     {"segments", std::move(segments)}};
    document["sha256"] = checksum(document);
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
    document.at("built_ns").get_to(manifest.built_ns);
    for (const Json& each : document.at("segments")) {
        manifest.segments.push_back(
            {each.at("file"), each.at("rows"), each.at("bytes"), each.at("sha256")});
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
        sum += each.rows;
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
        if (document.at("sha256") != checksum(document)) {
            return damaged(path, "its SHA-256 differs");
        }
        if (document.at("version") != kManifestVersion ||
            document.at("dimensions") != kDimensions) {
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
