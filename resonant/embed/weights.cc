#include "resonant/embed/weights.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/sha.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "resonant/base/descriptor.h"

namespace resonant::embed {
namespace {

constexpr std::size_t kHeaderBytesMax = 1 << 20;
constexpr std::size_t kFingerprintBytes = 4096;

// A list of non-negative whole numbers, or false.
bool read_numbers(const nlohmann::json& list, std::vector<std::size_t>& numbers) {
    if (!list.is_array() || list.size() > 8) {
        return false;
    }
    for (const auto& item : list) {
        if (!item.is_number_unsigned()) {
            return false;
        }
        numbers.push_back(item.get<std::size_t>());
    }
    return true;
}

}  // namespace

Weights::Weights(Weights&& other) noexcept { *this = std::move(other); }

Weights& Weights::operator=(Weights&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    std::swap(data_begin_, other.data_begin_);
    std::swap(entries_, other.entries_);
    std::swap(fingerprint_, other.fingerprint_);
    return *this;
}

Weights::~Weights() {
    if (bytes_ != nullptr) {
        munmap(const_cast<std::byte*>(bytes_), size_);
    }
}

std::unexpected<Error> Weights::damaged(std::string_view what) const {
    return fail(Code::DataLoss,
                fmt::format("weights: {} is damaged: {}; remove it and run scripts/fetch_model.sh {}",
                            path_, what, std::filesystem::path(path_).parent_path().string()));
}

Result<Weights> Weights::open(const std::filesystem::path& path) {
    Weights weights;
    weights.path_ = path.string();
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (!file || fstat(file.get(), &status) != 0) {
        return fail_errno("weights: open " + weights.path_, errno);
    }
    if (status.st_size < 8) {
        return weights.damaged(fmt::format("it has {} bytes", status.st_size));
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    void* mapped = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
    if (mapped == MAP_FAILED) {
        return fail_errno("weights: map " + weights.path_, errno);
    }
    weights.bytes_ = static_cast<const std::byte*>(mapped);
    weights.size_ = size;
    RESONANT_CHECK(weights.read_header());
    return weights;
}

Status Weights::read_header() {
    std::uint64_t length = 0;
    std::memcpy(&length, bytes_, sizeof length);
    if (length > kHeaderBytesMax || length > size_ - sizeof length) {
        return damaged(fmt::format("it claims a header of {} bytes, the file has {}", length, size_));
    }
    const char* text = reinterpret_cast<const char*>(bytes_) + sizeof length;
    const auto header = nlohmann::json::parse(text, text + length, nullptr, false);
    if (!header.is_object()) {
        return damaged("its header is not a JSON object");
    }
    data_begin_ = sizeof length + length;
    std::size_t covered = 0;
    for (const auto& [name, json] : header.items()) {
        if (name != "__metadata__") {
            RESONANT_CHECK(read_entry(name, json));
            covered += entries_[name].end - entries_[name].begin;
        }
    }
    if (covered != size_ - data_begin_) {
        return damaged(fmt::format("its arrays take {} bytes, the file has {} for them", covered,
                                   size_ - data_begin_));
    }
    const std::size_t tail = std::min(kFingerprintBytes, size_ - data_begin_);
    std::vector<std::byte> sample(bytes_, bytes_ + data_begin_ + tail);
    sample.insert(sample.end(), bytes_ + size_ - tail, bytes_ + size_);
    SHA256(reinterpret_cast<const std::uint8_t*>(sample.data()), sample.size(), fingerprint_.data());
    return {};
}

Status Weights::read_entry(const std::string& name, const nlohmann::json& json) {
    Entry entry;
    std::vector<std::size_t> offsets;
    if (!json.is_object() || !json.contains("dtype") || !json["dtype"].is_string() ||
        !json.contains("shape") || !read_numbers(json["shape"], entry.shape) ||
        !json.contains("data_offsets") || !read_numbers(json["data_offsets"], offsets) ||
        offsets.size() != 2) {
        return damaged(fmt::format("array {} lacks dtype, shape or data_offsets", name));
    }
    entry.is_float = json["dtype"] == "F32";
    entry.begin = offsets[0];
    entry.end = offsets[1];
    if (entry.begin > entry.end || entry.end > size_ - data_begin_) {
        return damaged(fmt::format("array {} lies at bytes {} to {}, the data has {}", name,
                                   entry.begin, entry.end, size_ - data_begin_));
    }
    entries_[name] = std::move(entry);
    return {};
}

Result<std::span<const float>> Weights::array(std::string_view name,
                                              std::span<const std::size_t> shape) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
        return damaged(fmt::format("it has no array {}", name));
    }
    const Entry& entry = found->second;
    std::size_t count = 1;
    for (const std::size_t dimension : shape) {
        count *= dimension;
    }
    const std::byte* data = bytes_ + data_begin_ + entry.begin;
    if (!entry.is_float || !std::ranges::equal(entry.shape, shape) ||
        entry.end - entry.begin != count * sizeof(float) ||
        reinterpret_cast<std::uintptr_t>(data) % alignof(float) != 0) {
        return damaged(fmt::format("array {} is not float32 of the shape [{}]", name,
                                   fmt::join(shape, ", ")));
    }
    return std::span(reinterpret_cast<const float*>(data), count);
}

}  // namespace resonant::embed
