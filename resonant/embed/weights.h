// Weights is a safetensors file mapped for reading: named float32 arrays that lie in the page cache, shared
// by every process that maps the same file, and cost memory only where they are touched.
//
// Any thread; read-only after open().
//
// Invariants:
//   (1) The header was checked before any number was used: every array lies inside the file, sizes agree
//       with shapes, and the arrays fill the file exactly, so a file cut short is noticed.
//   (2) Who replaces the file writes a new one and renames it; cutting a mapped file short kills its readers.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"

namespace resonant::embed {

class Weights {
  public:
    // Maps `path` and checks its header. NotFound when absent, DataLoss when damaged or cut short.
    static Result<Weights> open(const std::filesystem::path& path);
    Weights(Weights&& other) noexcept;
    Weights& operator=(Weights&& other) noexcept;
    ~Weights();

    // The array `name`, which must be float32 of exactly this shape; DataLoss otherwise.
    Result<std::span<const float>> array(std::string_view name,
                                         std::span<const std::size_t> shape) const;
    // SHA-256 of the header and of the first and last 4 KiB of data: tells models of one shape apart.
    const std::array<std::uint8_t, 32>& fingerprint() const { return fingerprint_; }

  private:
    struct Entry {
        bool is_float = false;
        std::vector<std::size_t> shape;
        std::size_t begin = 0;  // from the start of the data
        std::size_t end = 0;
    };

    Weights() = default;
    Status read_header();
    Status read_entry(const std::string& name, const nlohmann::json& json);
    std::unexpected<Error> damaged(std::string_view what) const;

    std::string path_;
    const std::byte* bytes_ = nullptr;
    std::size_t size_ = 0;
    std::size_t data_begin_ = 0;
    std::map<std::string, Entry, std::less<>> entries_;
    std::array<std::uint8_t, 32> fingerprint_{};
};

}  // namespace resonant::embed
