#include "resonant/search/code_kernels.h"

#include <immintrin.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "resonant/base/ensure.h"

namespace resonant::search {
namespace {

constexpr std::size_t kAheadBytes = 8'192;  // asked for before they are read
static_assert(kDimensions % 64 == 0);

// Sixteen running sums over 32-bit words, and the sums of those (as ZFS's fletcher4): the compiler makes of it what the
// instruction set of the function it is inlined into offers.
using Words [[gnu::vector_size(64)]] = std::uint32_t;

[[gnu::always_inline]] inline void fletcher(const std::byte* bytes, std::size_t count, Words& first, Words& second) {
    std::size_t at = 0;
    for (; at + kAheadBytes + sizeof(Words) <= count; at += sizeof(Words)) {
        __builtin_prefetch(bytes + at + kAheadBytes);  // the processor's own ends with each page
        Words words;
        std::memcpy(&words, bytes + at, sizeof words);
        first += words;
        second += first;
    }
    for (; at + sizeof(Words) <= count; at += sizeof(Words)) {
        Words words;
        std::memcpy(&words, bytes + at, sizeof words);
        first += words;
        second += first;
    }
    if (at < count) {
        Words words = {};
        std::memcpy(&words, bytes + at, count - at);
        first += words;
        second += first;
    }
}

[[gnu::always_inline]] inline std::uint64_t folded(const Words& first, const Words& second, std::size_t count) {
    auto low = static_cast<std::uint32_t>(count);
    std::uint32_t high = ~low;
    for (std::uint32_t lane = 0; lane < 16; ++lane) {  // odd factors: no lane's change is lost
        low += first[lane] * (2 * lane + 1);
        high += second[lane] * (2 * lane + 1) + first[lane] * (lane + 1);
    }
    return std::uint64_t{high} << 32 | low;
}

[[gnu::always_inline]] inline std::uint64_t whole(const std::byte* bytes, std::size_t count) {
    Words first = {};
    Words second = {};
    fletcher(bytes, count, first, second);
    return folded(first, second, count);
}

[[gnu::always_inline]] inline void more(const std::byte* bytes, std::size_t count, ByteSums& sums) {
    Words first;
    Words second;
    std::memcpy(&first, sums.first.data(), sizeof first);
    std::memcpy(&second, sums.second.data(), sizeof second);
    fletcher(bytes, count, first, second);
    std::memcpy(sums.first.data(), &first, sizeof first);
    std::memcpy(sums.second.data(), &second, sizeof second);
    sums.count += count;
}

#define RESONANT_CHECKSUM(name, attribute)                                                  \
    attribute std::uint64_t checksum_##name(const std::byte* bytes, std::size_t count) {    \
        return whole(bytes, count);                                                         \
    }                                                                                       \
    attribute void sum_##name(const std::byte* bytes, std::size_t count, ByteSums& sums) {  \
        more(bytes, count, sums);                                                           \
    }
RESONANT_CHECKSUM(scalar, )
RESONANT_CHECKSUM(avx2, [[gnu::target("avx2")]])
RESONANT_CHECKSUM(avx512, [[gnu::target("avx512f,avx512bw")]])
#undef RESONANT_CHECKSUM

// What is left to do with the bounds of one block; true when the walk must stop behind it.
inline bool take_block(const CoarseBounds& found, std::uint32_t take, CoarseRun& run) {
    std::uint32_t hot = 0;
    for (std::uint32_t left = take; left != 0; left &= left - 1) {
        const auto lane = static_cast<std::uint32_t>(std::countr_zero(left));
        if (found.estimates[lane] > run.threshold) {
            hot |= 1U << lane;
            continue;
        }
        run.rows[run.count] = static_cast<std::uint32_t>(run.next * kBlockRows + lane);
        run.bounds[run.count++] = found.bounds[lane];
    }
    run.hot = hot;
    return hot != 0 || run.count + kBlockRows > run.capacity;
}

void bounds_scalar(const CoarseShape& shape, const CoarseQuery& query, const std::byte* block, CoarseBounds& out) {
    const auto* codes = reinterpret_cast<const std::uint8_t*>(block);
    std::array<std::int32_t, kBlockRows> sums{};
    const std::int8_t* q = query.codes.data();
    for (std::size_t group = 0; group < shape.byte_groups; ++group, codes += kLineBytes, q += 4) {
        for (std::size_t i = 0; i < kLineBytes; ++i) {
            sums[i / 4] += codes[i] * q[i % 4];
        }
    }
    for (std::size_t group = 0; group < shape.nibble_groups; ++group, codes += kLineBytes, q += 8) {
        for (std::size_t i = 0; i < kLineBytes; ++i) {
            sums[i / 4] += (codes[i] & 15) * q[i % 4] + (codes[i] >> 4) * q[4 + i % 4];
        }
    }
    std::array<std::uint16_t, 2 * kBlockRows> norms;
    std::memcpy(norms.data(), codes, sizeof norms);
    for (std::size_t row = 0; row < kBlockRows; ++row) {
        out.estimates[row] = query.step * static_cast<float>(sums[row]) + query.base;
        out.bounds[row] = out.estimates[row] + (query.along * from_half(norms[row]) +
                                                (query.across * from_half(norms[kBlockRows + row]) + query.slack));
    }
}

void walk_scalar(const CoarseShape& shape, const CoarseQuery& query, CoarseRun& run) {
    run.hot = 0;
    bool stop = false;
    for (; run.next < run.end && !stop; ++run.next) {
        const std::uint32_t wanted = run.masks == nullptr ? 0xffffU : run.masks[run.next];
        if (wanted == 0) {
            continue;
        }
        CoarseBounds found;
        bounds_scalar(shape, query, run.blocks + run.next * shape.block_bytes(), found);
        std::uint32_t take = 0;
        for (std::uint32_t row = 0; row < kBlockRows; ++row) {
            take |= !(found.bounds[row] < run.threshold) ? 1U << row : 0U;
        }
        take &= wanted;
        stop = take != 0 && take_block(found, take, run);
    }
}

std::int32_t fine_scalar(const FineQuery& query, const std::uint8_t* codes) {
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < kDimensions; ++i) {
        sum += codes[i] * query.wide[i];
    }
    return sum;
}

// Integer products of 8 rows: half a line each group. `q` has the numbers of the query as 16 bits.
struct HalfSums {
    __m256i low;   // rows 0 1 4 5, two sums each
    __m256i high;  // rows 2 3 6 7
};

[[gnu::target("avx2,fma,f16c")]] inline __m256i sums_avx2(const CoarseShape& shape, const CoarseQuery& query,
                                                          const std::byte* block, std::size_t half) {
    const __m256i zero = _mm256_setzero_si256();
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i ones = _mm256_set1_epi16(1);
    HalfSums sums{zero, zero};
    __m256i folded = zero;
    const std::byte* line = block + 32 * half;
    std::size_t at = 0;
    for (std::size_t group = 0; group < shape.byte_groups; ++group, line += kLineBytes, at += 4) {
        long long four;
        std::memcpy(&four, &query.wide[at], sizeof four);
        const __m256i q = _mm256_set1_epi64x(four);
        const __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(line));
        sums.low = _mm256_add_epi32(sums.low, _mm256_madd_epi16(_mm256_unpacklo_epi8(codes, zero), q));
        sums.high = _mm256_add_epi32(sums.high, _mm256_madd_epi16(_mm256_unpackhi_epi8(codes, zero), q));
    }
    for (std::size_t group = 0; group < shape.nibble_groups; ++group, line += kLineBytes, at += 8) {
        int four;
        int next_four;
        std::memcpy(&four, &query.codes[at], sizeof four);
        std::memcpy(&next_four, &query.codes[at + 4], sizeof next_four);
        const __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(line));
        const __m256i a = _mm256_maddubs_epi16(_mm256_and_si256(codes, nibble), _mm256_set1_epi32(four));
        const __m256i b = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(codes, 4), nibble),
                                               _mm256_set1_epi32(next_four));
        folded = _mm256_add_epi32(folded, _mm256_madd_epi16(_mm256_add_epi16(a, b), ones));  // at most 4 * 15 * 127
    }
    return _mm256_add_epi32(folded, _mm256_hadd_epi32(sums.low, sums.high));
}

// Estimates and bounds of a block; returns the rows whose bound is not below the threshold.
[[gnu::target("avx2,fma,f16c")]] inline std::uint32_t bound_avx2(const CoarseShape& shape, const CoarseQuery& query,
                                                                 const std::byte* block, float threshold,
                                                                 CoarseBounds& out) {
    const std::byte* norms = block + (shape.lines() - 1) * kLineBytes;
    std::uint32_t take = 0;
    for (std::size_t half = 0; half < 2; ++half) {
        const auto halves = [&](std::size_t at) __attribute__((target("avx2,fma,f16c"))) {
            return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(norms + at + 16 * half)));
        };
        const __m256 estimate =
            _mm256_fmadd_ps(_mm256_set1_ps(query.step), _mm256_cvtepi32_ps(sums_avx2(shape, query, block, half)),
                            _mm256_set1_ps(query.base));
        const __m256 across =
            _mm256_fmadd_ps(_mm256_set1_ps(query.across), halves(kLineBytes / 2), _mm256_set1_ps(query.slack));
        const __m256 bound =
            _mm256_add_ps(estimate, _mm256_fmadd_ps(_mm256_set1_ps(query.along), halves(0), across));
        _mm256_store_ps(out.estimates.data() + 8 * half, estimate);
        _mm256_store_ps(out.bounds.data() + 8 * half, bound);
        const auto reached = static_cast<std::uint32_t>(
            _mm256_movemask_ps(_mm256_cmp_ps(bound, _mm256_set1_ps(threshold), _CMP_NLT_UQ)));
        take |= reached << (8 * half);
    }
    return take;
}

[[gnu::target("avx2,fma,f16c")]] void bounds_avx2(const CoarseShape& shape, const CoarseQuery& query,
                                                  const std::byte* block, CoarseBounds& out) {
    bound_avx2(shape, query, block, 0, out);
}

[[gnu::target("avx2,fma,f16c")]] void walk_avx2(const CoarseShape& shape, const CoarseQuery& query, CoarseRun& run) {
    run.hot = 0;
    bool stop = false;
    for (; run.next < run.end && !stop; ++run.next) {
        const std::uint32_t wanted = run.masks == nullptr ? 0xffffU : run.masks[run.next];
        if (wanted == 0) {
            continue;
        }
        CoarseBounds found;
        const std::uint32_t take =
            wanted & bound_avx2(shape, query, run.blocks + run.next * shape.block_bytes(), run.threshold, found);
        stop = take != 0 && take_block(found, take, run);
    }
}

[[gnu::target("avx2")]] std::int32_t fine_avx2(const FineQuery& query, const std::uint8_t* codes) {
    __m256i sums = _mm256_setzero_si256();
    for (std::size_t i = 0; i < kDimensions; i += 16) {
        const __m256i wide =
            _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + i)));
        const __m256i q = _mm256_load_si256(reinterpret_cast<const __m256i*>(query.wide.data() + i));
        sums = _mm256_add_epi32(sums, _mm256_madd_epi16(wide, q));
    }
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
    return _mm_cvtsi128_si32(four);
}

#define RESONANT_VNNI [[gnu::target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma,f16c")]]

struct Bounds512 {
    __m512 estimates;
    __m512 bounds;
};

RESONANT_VNNI inline __m512i four(const std::int8_t* at) {
    int bits;
    std::memcpy(&bits, at, sizeof bits);
    return _mm512_set1_epi32(bits);
}

RESONANT_VNNI inline Bounds512 bound_avx512(const CoarseShape& shape, const CoarseQuery& query,
                                            const std::byte* block) {
    __m512i a = _mm512_setzero_si512();
    __m512i b = a;
    __m512i c = a;
    const __m512i nibble = _mm512_set1_epi8(15);
    const std::int8_t* q = query.codes.data();
    for (std::size_t group = 0; group < shape.byte_groups; ++group, block += kLineBytes, q += 4) {
        a = _mm512_dpbusd_epi32(a, _mm512_loadu_si512(block), four(q));
    }
    for (std::size_t group = 0; group < shape.nibble_groups; ++group, block += kLineBytes, q += 8) {
        const __m512i codes = _mm512_loadu_si512(block);
        b = _mm512_dpbusd_epi32(b, _mm512_and_si512(codes, nibble), four(q));
        c = _mm512_dpbusd_epi32(c, _mm512_and_si512(_mm512_srli_epi16(codes, 4), nibble), four(q + 4));
    }
    const auto* norms = reinterpret_cast<const __m256i*>(block);
    const __m512 rounding = _mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(norms));
    const __m512 remainder = _mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(norms + 1));
    const __m512 product = _mm512_maskz_cvtepi32_ps(0xffff, _mm512_add_epi32(a, _mm512_add_epi32(b, c)));
    const __m512 estimates =
        _mm512_fmadd_ps(_mm512_set1_ps(query.step), product, _mm512_set1_ps(query.base));
    const __m512 across = _mm512_fmadd_ps(_mm512_set1_ps(query.across), remainder, _mm512_set1_ps(query.slack));
    return {estimates, _mm512_add_ps(estimates, _mm512_fmadd_ps(_mm512_set1_ps(query.along), rounding, across))};
}

RESONANT_VNNI void bounds_avx512(const CoarseShape& shape, const CoarseQuery& query, const std::byte* block,
                                 CoarseBounds& out) {
    const Bounds512 found = bound_avx512(shape, query, block);
    _mm512_store_ps(out.estimates.data(), found.estimates);
    _mm512_store_ps(out.bounds.data(), found.bounds);
}

RESONANT_VNNI void walk_avx512(const CoarseShape& shape, const CoarseQuery& query, CoarseRun& run) {
    run.hot = 0;
    const __m512 threshold = _mm512_set1_ps(run.threshold);
    const std::size_t block_bytes = shape.block_bytes();
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    bool stop = false;
    for (; run.next < run.end && !stop; ++run.next) {
        const auto wanted = static_cast<__mmask16>(run.masks == nullptr ? 0xffffU : run.masks[run.next]);
        if (wanted == 0) {
            continue;
        }
        const std::byte* block = run.blocks + run.next * block_bytes;
        for (std::size_t at = 0; at < block_bytes; at += kLineBytes) {  // across pages, where the processor's own ends
            _mm_prefetch(reinterpret_cast<const char*>(block + kAheadBytes + at), _MM_HINT_T0);
        }
        const Bounds512 found = bound_avx512(shape, query, block);
        const __mmask16 take = _mm512_mask_cmp_ps_mask(wanted, found.bounds, threshold, _CMP_NLT_UQ);
        if (take == 0) {
            continue;
        }
        const __mmask16 hot = _mm512_mask_cmp_ps_mask(take, found.estimates, threshold, _CMP_GT_OQ);
        const auto cool = static_cast<__mmask16>(take & ~hot);
        const __m512i rows = _mm512_add_epi32(lanes, _mm512_set1_epi32(static_cast<int>(run.next * kBlockRows)));
        _mm512_mask_compressstoreu_epi32(run.rows + run.count, cool, rows);
        _mm512_mask_compressstoreu_ps(run.bounds + run.count, cool, found.bounds);
        run.count += static_cast<std::size_t>(std::popcount(static_cast<std::uint32_t>(cool)));
        run.hot = hot;
        stop = hot != 0 || run.count + kBlockRows > run.capacity;
    }
}

RESONANT_VNNI std::int32_t fine_avx512(const FineQuery& query, const std::uint8_t* codes) {
    __m512i high = _mm512_setzero_si512();
    __m512i low = high;
#pragma GCC unroll 6
    for (std::size_t i = 0; i < kDimensions; i += 64) {
        const __m512i row = _mm512_loadu_si512(codes + i);
        high = _mm512_dpbusd_epi32(high, row, _mm512_load_si512(query.high.data() + i));
        low = _mm512_dpbusd_epi32(low, row, _mm512_load_si512(query.low.data() + i));
    }
    const __m512i sums = _mm512_add_epi32(_mm512_maskz_slli_epi32(0xffff, high, 7), low);
    const __m256i eight = _mm256_add_epi32(_mm512_maskz_extracti32x8_epi32(0xff, sums, 0),
                                           _mm512_maskz_extracti32x8_epi32(0xff, sums, 1));
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
    return _mm_cvtsi128_si32(four);
}

#undef RESONANT_VNNI

}  // namespace

const CodeKernels& code_kernels(Kernel kernel) {
    static constexpr std::array<CodeKernels, 3> kAll = {{
        {&bounds_scalar, &walk_scalar, &fine_scalar, &checksum_scalar, &sum_scalar},
        {&bounds_avx2, &walk_avx2, &fine_avx2, &checksum_avx2, &sum_avx2},
        {&bounds_avx512, &walk_avx512, &fine_avx512, &checksum_avx512, &sum_avx512},
    }};
    dot_of(kernel);  // ensures that this processor runs it
    return kAll[static_cast<std::size_t>(kernel)];
}

std::uint64_t checksum_of(const ByteSums& sums) {
    Words first;
    Words second;
    std::memcpy(&first, sums.first.data(), sizeof first);
    std::memcpy(&second, sums.second.data(), sizeof second);
    return folded(first, second, sums.count);
}

float from_half(std::uint16_t half) {
    const std::uint32_t exponent = half >> 10 & 31;
    const std::uint32_t fraction = half & 1023;
    if (exponent == 0) {
        return std::ldexp(static_cast<float>(fraction), -24);
    }
    if (exponent == 31) {
        return fraction == 0 ? HUGE_VALF : NAN;
    }
    return std::bit_cast<float>((exponent + 112) << 23 | fraction << 13);
}

std::uint16_t half_above(double value) {
    constexpr std::uint16_t kInfinity = 0x7c00;
    if (!(value <= 65504)) {
        return kInfinity;
    }
    if (value < 0x1p-14) {  // below the normal ones, halves are multiples of 2^-24
        return static_cast<std::uint16_t>(std::ceil(value * 0x1p24));
    }
    const auto bits = std::bit_cast<std::uint64_t>(value);
    constexpr int kCut = 52 - 10;  // what a half has no room for
    const auto up = static_cast<std::uint64_t>((bits & ((std::uint64_t{1} << kCut) - 1)) != 0);
    return static_cast<std::uint16_t>((bits >> kCut) - (std::uint64_t{1023 - 15} << 10) + up);
}

}  // namespace resonant::search
