// The part of a CodeBook that makes codes of vectors. A row is gone through once, eight numbers at a time, in double
// precision: what a code leaves out must not be measured short.
#include "resonant/search/code_book.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>

#include "resonant/base/ensure.h"
#include "resonant/search/rotation.h"

namespace resonant::search {
namespace {

constexpr double kByteCodeMax = 127;
constexpr double kNibbleMiddle = 7.5;
constexpr double kNormTruncation = 1e-7;  // of a squared norm, that float sums may hide
constexpr double kPlaceMax = 1e6;         // beyond it a code says "far"
constexpr double kSquaresMax = 1e30;     // of a row: what is more is no vector
constexpr double kRounder = 6755399441055744.0;  // 1.5 * 2^52: added and taken away, it rounds to the nearest integer

// The compiler makes of these what the instruction set of the function offers into which they are inlined.
constexpr std::size_t kLanes = 8;
using Eight [[gnu::vector_size(64)]] = double;
using EightFloats [[gnu::vector_size(32)]] = float;
using EightBytes [[gnu::vector_size(8)]] = std::uint8_t;
using EightIntegers [[gnu::vector_size(32)]] = std::int32_t;

#define RESONANT_INLINE [[gnu::always_inline]] inline

RESONANT_INLINE void read(const float* from, Eight& to) {
    EightFloats floats;
    std::memcpy(&floats, from, sizeof floats);
    to = __builtin_convertvector(floats, Eight);
}
RESONANT_INLINE void clamp(Eight& value, double low, double high) {
    const Eight least = value - value + low;
    const Eight most = value - value + high;
    value = value < least ? least : value;
    value = value > most ? most : value;
}
RESONANT_INLINE void round(Eight& value) { value = (value + kRounder) - kRounder; }
RESONANT_INLINE void write(const Eight& value, double offset, std::uint8_t* to) {
    const EightIntegers integers = __builtin_convertvector(value + offset, EightIntegers);
    const EightBytes bytes = __builtin_convertvector(integers, EightBytes);
    std::memcpy(to, &bytes, sizeof bytes);
}
RESONANT_INLINE double sum(const Eight& value) {
    return ((value[0] + value[4]) + (value[2] + value[6])) + ((value[1] + value[5]) + (value[3] + value[7]));
}

// What a row is as codes see it.
struct Facts {
    double squares = 0;          // of the row
    double centred_squares = 0;  // of the row minus the mean
    double scale = 0;            // of its fine code
    double left_out = 0;         // squares of what the fine code leaves out
};
struct Coarse {
    double inside = 0;        // squares along the directions
    double rounding = 0;      // of what the coarse code leaves out, in steps
    double code_squares = 0;
};

// `centred`: float[384], the row minus `mean`.
RESONANT_INLINE Facts look_at(const float* row, const float* mean, float* centred) {
    Eight squares = {}, centred_squares = {};
    EightFloats greatest = {};
    for (std::size_t i = 0; i < kDimensions; i += kLanes) {
        EightFloats floats, means;
        std::memcpy(&floats, row + i, sizeof floats);
        std::memcpy(&means, mean + i, sizeof means);
        const EightFloats rest = floats - means;
        std::memcpy(centred + i, &rest, sizeof rest);
        const Eight value = __builtin_convertvector(floats, Eight);
        const Eight off = __builtin_convertvector(rest, Eight);
        squares += value * value;
        centred_squares += off * off;
        const EightFloats size = floats < 0.0F ? -floats : floats;
        greatest = size > greatest ? size : greatest;
    }
    float most = 1e-20F;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
        most = std::max(most, greatest[lane]);
    }
    return {sum(squares), sum(centred_squares), double{most / static_cast<float>(kByteCodeMax)}, 0};
}

RESONANT_INLINE void fine_codes(const float* row, Facts& facts, std::uint8_t* codes) {
    const double inverse = 1 / facts.scale;
    Eight left_out = {};
    for (std::size_t i = 0; i < kDimensions; i += kLanes) {
        Eight exact;
        read(row + i, exact);
        Eight code = exact * inverse;
        round(code);  // at most 127, as the scale is the greatest number / 127 but for a rounding of 2^-24
        write(code, 128, codes + i);
        const Eight rest = exact - facts.scale * code;
        left_out += rest * rest;
    }
    facts.left_out = sum(left_out);
}

// The code of each direction, one byte each: of the first `bytes` 8 bits, of the others 4. Both are multiples of 8.
// `inverses`: how many steps fit into 1; a division would take longer than all the rest.
RESONANT_INLINE Coarse coarse_codes(const float* turned, const double* inverses, std::size_t bytes, std::size_t count,
                                    std::uint8_t* codes) {
    Eight inside = {}, rounding = {}, code_squares = {};
    for (std::size_t i = 0; i < count; i += kLanes) {
        Eight value, inverse;
        read(turned + i, value);
        std::memcpy(&inverse, inverses + i, sizeof inverse);
        inside += value * value;
        const Eight exact = value * inverse;
        Eight place = exact;
        clamp(place, -kPlaceMax, kPlaceMax);
        const bool is_byte = i < bytes;
        const double middle = is_byte ? 0 : kNibbleMiddle;
        place += middle;
        round(place);
        clamp(place, is_byte ? -kByteCodeMax : 0, is_byte ? kByteCodeMax : 15);
        write(place, is_byte ? 128 : 0, codes + i);
        const Eight code = place - middle;
        const Eight off = exact - code;
        rounding += off * off;
        code_squares += code * code;
    }
    return {sum(inside), sum(rounding), sum(code_squares)};
}

struct Encoder {
    Facts (*row)(const float* row, const float* mean, float* centred, std::uint8_t* fine);
    Coarse (*coarse)(const float* turned, const double* inverses, std::size_t bytes, std::size_t count,
                     std::uint8_t* codes);
};

#define RESONANT_ENCODER(name, attribute)                                                                   \
    attribute Facts row_##name(const float* row, const float* mean, float* centred, std::uint8_t* fine) {   \
        Facts facts = look_at(row, mean, centred);                                                          \
        if (facts.squares < kSquaresMax) {                                                                  \
            fine_codes(row, facts, fine);                                                                   \
        }                                                                                                   \
        return facts;                                                                                       \
    }                                                                                                       \
    attribute Coarse coarse_##name(const float* turned, const double* inverses, std::size_t bytes,          \
                                   std::size_t count, std::uint8_t* codes) {                                \
        return coarse_codes(turned, inverses, bytes, count, codes);                                         \
    }
RESONANT_ENCODER(scalar, )
RESONANT_ENCODER(avx2, [[gnu::target("avx2")]])
RESONANT_ENCODER(avx512, [[gnu::target("avx512f,avx512bw,avx512vl,avx512dq")]])
#undef RESONANT_ENCODER
#undef RESONANT_INLINE

const Encoder& encoder_of(Kernel kernel) {
    static constexpr std::array<Encoder, 3> kAll = {
        {{&row_scalar, &coarse_scalar}, {&row_avx2, &coarse_avx2}, {&row_avx512, &coarse_avx512}}};
    return kAll[static_cast<std::size_t>(kernel)];
}

// Codes of one row into its lane of a block of `lanes` rows.
void place_codes(const CoarseShape& shape, const std::uint8_t* codes, std::size_t lane, std::size_t lanes,
                 std::byte* block) {
    std::byte* to = block + lane * 4;
    const std::size_t line = 4 * lanes;
    for (std::size_t group = 0; group < shape.byte_groups; ++group, codes += 4, to += line) {
        std::memcpy(to, codes, 4);
    }
    for (std::size_t group = 0; group < shape.nibble_groups; ++group, codes += 8, to += line) {
        std::uint32_t low = 0;
        std::uint32_t high = 0;
        std::memcpy(&low, codes, sizeof low);
        std::memcpy(&high, codes + 4, sizeof high);
        low |= high << 4;  // none is above 15: nothing crosses from byte to byte
        std::memcpy(to, &low, sizeof low);
    }
}

// The half floats of a row's lane: what its code leaves out along the directions, and what lies outside of them.
void place_norms(const Coarse& coarse, double centred_squares, std::size_t lane, std::size_t lanes, std::byte* norms) {
    const double outside = std::max(0.0, centred_squares - coarse.inside) + kNormTruncation * (1 + centred_squares);
    const std::uint16_t halves[2] = {half_above(std::sqrt(coarse.rounding) * 1.0001 + 1e-6),
                                     half_above(std::sqrt(outside) * 1.0001)};
    std::memcpy(norms + lane * sizeof halves[0], &halves[0], sizeof halves[0]);
    std::memcpy(norms + (lanes + lane) * sizeof halves[0], &halves[1], sizeof halves[1]);
}

}  // namespace

Result<Codes> CodeBook::encode(std::span<const float> rows, std::span<const RowId> ids, Kernel kernel) const {
    RESONANT_ENSURE(rows.size() == ids.size() * kDimensions, "a vector for each id");
    std::vector<const float*> places;
    places.reserve(ids.size());
    for (std::size_t row = 0; row < ids.size(); ++row) {
        places.push_back(rows.data() + row * kDimensions);
    }
    return encode(places, ids, kernel);
}

Result<Codes> CodeBook::encode(std::span<const float* const> rows, std::span<const RowId> ids, Kernel kernel) const {
    RESONANT_ENSURE(rows.size() == ids.size(), "a vector for each id");
    const CodeKernels& kernels = code_kernels(kernel);
    const Encoder& encoder = encoder_of(kernel);
    const Rotation rotation(directions_, kernel);
    Codes codes;
    codes.coarse.resize(ids.size() * shape_.row_bytes());
    codes.fine.resize(rows.size() * kDimensions);
    codes.facts.resize(ids.size());
    std::array<Vector, Rotation::kRows> centred{};
    std::array<double, Rotation::kRows> squares{};
    std::vector<float> turned(Rotation::kRows * rotation.width());
    std::vector<double> inverses;
    for (const float step : steps_) {
        inverses.push_back(1 / double{step});
    }
    for (std::size_t first = 0; first < ids.size(); first += Rotation::kRows) {
        const std::size_t count = std::min(Rotation::kRows, ids.size() - first);
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t row = first + i;
            const float* vector = rows[row];
            std::uint8_t* fine = codes.fine.data() + row * kDimensions;
            const Facts found = encoder.row(vector, mean_.data(), centred[i].data(), fine);
            squares[i] = found.centred_squares;
            if (!(found.squares < kSquaresMax)) {
                return fail(Code::InvalidArgument,
                            "code vector of row " + std::to_string(ids[row]) +
                                ": it holds NaN, infinity or numbers beyond reason; embed it anew");
            }
            codes.row_norm = std::max(codes.row_norm, static_cast<float>(std::sqrt(found.squares) * 1.0001));
            FineFacts& facts = codes.facts[row];
            facts = {static_cast<float>(found.scale), static_cast<float>(std::sqrt(found.left_out) * 1.0001), 0, 0};
            facts.fine_check = fine_check(kernels, fine, facts);
            facts.vector_check = vector_check(kernels, vector, ids[row]);
        }
        rotation.turn(centred.front().data(), turned.data());
        for (std::size_t i = 0; i < count; ++i) {
            std::array<std::uint8_t, kDimensions> numbers;
            const Coarse coarse = encoder.coarse(is_rotated() ? &turned[i * rotation.width()] : centred[i].data(),
                                                 inverses.data(), 4 * shape_.byte_groups, steps_.size(), numbers.data());
            const std::size_t block = (first + i) / kBlockRows;
            const std::size_t lane = (first + i) % kBlockRows;
            const std::size_t lanes = std::min(kBlockRows, ids.size() - block * kBlockRows);
            std::byte* const to = codes.coarse.data() + block * shape_.block_bytes();
            place_codes(shape_, numbers.data(), lane, lanes, to);
            place_norms(coarse, squares[i], lane, lanes, to + (shape_.lines() - 1) * 4 * lanes);
            codes.code_norm = std::max(codes.code_norm, static_cast<float>(std::sqrt(coarse.code_squares) * 1.0001));
        }
    }
    return codes;
}

}  // namespace resonant::search
