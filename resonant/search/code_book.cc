// The layout of a code book and of codes: docs/formats/memory.md.
#include "resonant/search/code_book.h"

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "resonant/base/ensure.h"

namespace resonant::search {
namespace {

constexpr std::uint32_t kMagic = 0x4b4f4252;  // "RBOK"
constexpr std::uint32_t kBookVersion = 1;
constexpr int kByteCodeMax = 127;
constexpr float kNibbleMiddle = 7.5F;
constexpr float kFineQueryMax = 16'200;  // 127 * 128 - what rounding may add
constexpr double kNormTruncation = 1e-7; // of a squared norm, that float sums may hide

struct Header {
    std::uint32_t magic;
    std::uint32_t version;
    std::uint32_t byte_groups;
    std::uint32_t nibble_groups;
    std::uint32_t is_rotated;
    std::uint32_t dimensions;
    std::uint64_t checksum;  // of what follows the header
};
static_assert(sizeof(Header) == 32);

std::uint64_t checksum(std::span<const std::byte> bytes) {
    return code_kernels(best_kernel()).checksum(bytes.data(), bytes.size());
}

// The nearest integer; unlike std::nearbyint it is no call.
int rounded(float value) { return _mm_cvtss_si32(_mm_set_ss(value)); }

// The even factor keeps that any change of one word shows.
std::uint32_t folded(std::uint64_t sum) {
    return static_cast<std::uint32_t>(sum) + static_cast<std::uint32_t>(sum >> 32) * 0x9e3779b2U;
}

void append(std::vector<std::byte>& bytes, const std::vector<float>& numbers) {
    const auto more = std::as_bytes(std::span(numbers));
    bytes.insert(bytes.end(), more.begin(), more.end());
}

}  // namespace

void CodeBook::turn(Dot dot, const float* vector, float* out) const {
    if (!is_rotated()) {
        std::memcpy(out, vector, kDimensions * sizeof(float));
        return;
    }
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        out[i] = dot(&directions_[i * kDimensions], vector);
    }
}

void CodeBook::prepare(Dot dot, const float* query, float norm, CoarseQuery& out) const {
    std::array<float, kDimensions> turned;
    turn(dot, query, turned.data());
    double inside = 0;
    double scaled_squares = 0;
    float greatest = 1e-20F;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        inside += double{turned[i]} * double{turned[i]};
        turned[i] *= steps_[i];
        scaled_squares += double{turned[i]} * double{turned[i]};
        greatest = std::max(greatest, std::fabs(turned[i]));
    }
    out.step = greatest / kByteCodeMax;
    const float inverse = 1 / out.step;
    const std::size_t bytes = 4 * shape_.byte_groups;
    int sums[2] = {0, 0};
    double rounding = 0;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        const int code = std::clamp(rounded(turned[i] * inverse), -kByteCodeMax, kByteCodeMax);
        out.codes[i] = static_cast<std::int8_t>(code);
        out.wide[i] = static_cast<std::int16_t>(code);
        sums[i < bytes ? 0 : 1] += code;
        const double rest = double{turned[i]} - double{out.step} * code;
        rounding += rest * rest;
    }
    const float middle = 128.0F * static_cast<float>(sums[0]) + kNibbleMiddle * static_cast<float>(sums[1]);
    out.base = dot(query, mean_.data()) - out.step * middle;
    out.along = static_cast<float>(std::sqrt(scaled_squares) * 1.0001);
    const double squares = double{norm} * double{norm};
    out.across = static_cast<float>(std::sqrt(std::max(0.0, squares - inside) + kNormTruncation * squares) * 1.0001);
    out.rounding = static_cast<float>(std::sqrt(rounding));
    out.norm = norm;
}

void prepare_fine(const float* query, FineQuery& out) {
    float greatest = 1e-20F;
    for (std::size_t i = 0; i < kDimensions; ++i) {
        greatest = std::max(greatest, std::fabs(query[i]));
    }
    out.step = greatest / kFineQueryMax;
    const float inverse = 1 / out.step;
    std::int32_t sum = 0;
    double left_out = 0;
    for (std::size_t i = 0; i < kDimensions; ++i) {
        const int number = rounded(query[i] * inverse);
        const int high = (number + 64) >> 7;
        out.wide[i] = static_cast<std::int16_t>(number);
        out.high[i] = static_cast<std::int8_t>(high);
        out.low[i] = static_cast<std::int8_t>(number - (high << 7));
        sum += number;
        const double rest = double{query[i]} - double{out.step} * number;
        left_out += rest * rest;
    }
    out.offset = 128 * sum;
    out.error = static_cast<float>(std::sqrt(left_out) * 1.05);
}

std::uint32_t fine_check(const CodeKernels& kernels, const std::uint8_t* codes, const FineFacts& facts) {
    const auto* bytes = reinterpret_cast<const std::byte*>(codes);
    return folded(kernels.checksum(bytes, kDimensions)) + std::bit_cast<std::uint32_t>(facts.scale) * 3 +
           std::bit_cast<std::uint32_t>(facts.residual) * 5;
}

std::uint32_t vector_check(const CodeKernels& kernels, const float* vector, RowId id) {
    const auto* bytes = reinterpret_cast<const std::byte*>(vector);
    return folded(kernels.checksum(bytes, kDimensions * sizeof(float))) + static_cast<std::uint32_t>(id) * 3 +
           static_cast<std::uint32_t>(id >> 32) * 5;
}

void widen_block(const CoarseShape& shape, const std::byte* narrow, std::size_t lanes, std::byte* block) {
    std::memset(block, 0, shape.block_bytes());
    const std::size_t last = shape.lines() - 1;
    for (std::size_t line = 0; line < last; ++line) {
        std::memcpy(block + line * kLineBytes, narrow + line * 4 * lanes, 4 * lanes);
    }
    std::memcpy(block + last * kLineBytes, narrow + last * 4 * lanes, 2 * lanes);
    std::memcpy(block + last * kLineBytes + kLineBytes / 2, narrow + last * 4 * lanes + 2 * lanes, 2 * lanes);
}

std::vector<std::byte> CodeBook::bytes() const {
    std::vector<std::byte> all(sizeof(Header));
    append(all, mean_);
    append(all, steps_);
    append(all, directions_);
    const Header header{kMagic,
                        kBookVersion,
                        static_cast<std::uint32_t>(shape_.byte_groups),
                        static_cast<std::uint32_t>(shape_.nibble_groups),
                        is_rotated() ? 1U : 0U,
                        kDimensions,
                        checksum(std::span(all).subspan(sizeof(Header)))};
    std::memcpy(all.data(), &header, sizeof header);
    return all;
}

Result<CodeBook> CodeBook::parse(std::span<const std::byte> bytes) {
    Header header{};
    const auto refuse = [](const char* how) {
        return fail(Code::DataLoss, std::string("read code book: ") + how + "; it is made anew from SQLite");
    };
    if (bytes.size() < sizeof header) {
        return refuse("it is cut short");
    }
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.magic != kMagic || header.version != kBookVersion || header.dimensions != kDimensions ||
        header.byte_groups > kDimensions / 4 || header.byte_groups % 2 != 0 || header.nibble_groups > kDimensions / 8 || header.is_rotated > 1) {
        return refuse("it is none, or of another version");
    }
    CodeBook book;
    book.shape_ = {header.byte_groups, header.nibble_groups};
    const std::size_t directions = book.shape_.directions();
    const std::size_t turned = header.is_rotated == 1 ? directions * kDimensions : 0;
    const std::size_t numbers = kDimensions + directions + turned;
    const auto body = bytes.subspan(sizeof header);
    if (directions == 0 || directions > kDimensions || body.size() != numbers * sizeof(float) ||
        checksum(body) != header.checksum) {
        return refuse("its checksum differs");
    }
    book.mean_.resize(kDimensions);
    book.steps_.resize(directions);
    book.directions_.resize(turned);
    const std::byte* at = body.data();
    for (std::vector<float>* part : {&book.mean_, &book.steps_, &book.directions_}) {
        if (!part->empty()) {
            std::memcpy(part->data(), at, part->size() * sizeof(float));
        }
        at += part->size() * sizeof(float);
    }
    book.id_ = checksum(bytes);
    return book;
}

void CodeBook::seal() { id_ = checksum(bytes()); }

}  // namespace resonant::search
