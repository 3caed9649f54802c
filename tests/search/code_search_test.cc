// Coarse to fine: whatever the vectors, the book, the kernel, k and the choice of rows, the answer is the full scan's.
#include "resonant/search/code_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <random>

#include "tests/support/allocations.h"

namespace resonant::search {
namespace {

using Random = std::mt19937_64;
using Rows = std::vector<float>;

Vector unit(Random& random) {
    std::normal_distribution<float> normal;
    Vector vector;
    float squares = 0;
    for (float& number : vector) {
        number = normal(random);
        squares += number * number;
    }
    for (float& number : vector) {
        number /= std::sqrt(squares);
    }
    return vector;
}

void append(Rows& rows, const Vector& vector) { rows.insert(rows.end(), vector.begin(), vector.end()); }

Vector mixed(const Vector& a, float share, const Vector& b) {
    Vector sum;
    float squares = 0;
    for (std::size_t i = 0; i < kDimensions; ++i) {
        sum[i] = a[i] + share * b[i];
        squares += sum[i] * sum[i];
    }
    for (float& number : sum) {
        number /= std::sqrt(squares);
    }
    return sum;
}

// Kinds of vectors, the adversarial ones too.
struct Shape {
    const char* name;
    std::function<Vector(Random&, std::size_t row)> make;
};

std::vector<Shape> shapes(Random& random) {
    std::vector<Vector> centres;
    for (int i = 0; i < 20; ++i) {
        centres.push_back(unit(random));
    }
    const Vector one = unit(random);
    return {
        {"spread", [](Random& r, std::size_t) { return unit(r); }},
        {"clustered", [=](Random& r, std::size_t) { return mixed(centres[r() % 20], 0.6F, unit(r)); }},
        {"of few directions",
         [=](Random& r, std::size_t) {
             Vector vector = mixed(centres[r() % 20], 1.0F, centres[r() % 20]);
             return mixed(vector, 0.1F, unit(r));
         }},
        {"doubled", [=](Random& r, std::size_t) { return centres[r() % 20]; }},
        {"nearly equal", [=](Random& r, std::size_t) { return mixed(one, 1e-4F, unit(r)); }},
        {"one-hot",
         [](Random&, std::size_t row) {
             Vector vector{};
             vector[row % kDimensions] = row % 2 == 0 ? 1.0F : -1.0F;
             return vector;
         }},
        {"zero", [](Random& r, std::size_t) { return r() % 2 == 0 ? Vector{} : unit(r); }},
        {"of many lengths",
         [](Random& r, std::size_t) {
             Vector vector = unit(r);
             const float length = std::ldexp(1.0F, static_cast<int>(r() % 30) - 15);
             for (float& number : vector) {
                 number *= length;
             }
             return vector;
         }},
    };
}

// Coded rows with everything that they point to.
struct Owned {
    Rows vectors;
    std::vector<RowId> ids;
    CodeBook book;
    Codes codes;
    std::vector<std::byte> last_block;

    Owned(Rows rows, CodeBook made, Kernel kernel = best_kernel()) : vectors(std::move(rows)), book(std::move(made)) {
        for (std::size_t i = 0; i < vectors.size() / kDimensions; ++i) {
            ids.push_back((i * 7919) % 100'003 + 1);  // no order
        }
        codes = *book.encode(vectors, ids, kernel);
        const std::size_t whole = ids.size() / kBlockRows;
        last_block.resize(book.shape().block_bytes());
        if (ids.size() % kBlockRows != 0) {
            widen_block(book.shape(), codes.coarse.data() + whole * book.shape().block_bytes(),
                        ids.size() % kBlockRows, last_block.data());
        }
    }
    CodedRows view() const {
        return {"test", &book, ids, vectors.data(), codes.coarse.data(), last_block.data(), codes.fine.data(),
                codes.facts.data(), codes.code_norm, codes.row_norm};
    }
};

using Admit = std::function<bool(std::size_t row)>;

std::vector<Scored> full_scan(const std::vector<const Owned*>& parts, const Vector& query, std::size_t k,
                              const Admit& admit = [](std::size_t) { return true; }) {
    std::vector<Scored> all;
    for (const Owned* part : parts) {
        for (std::size_t i = 0; i < part->ids.size(); ++i) {
            if (admit(i)) {
                all.push_back({dot_of(Kernel::Scalar)(query.data(), &part->vectors[i * kDimensions]), part->ids[i]});
            }
        }
    }
    std::sort(all.begin(), all.end());
    all.resize(std::min(k, all.size()));
    return all;
}

testing::AssertionResult same(std::span<const Scored> found, const std::vector<Scored>& expected) {
    if (found.size() != expected.size()) {
        return testing::AssertionFailure() << found.size() << " found, expected " << expected.size();
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (found[i].id != expected[i].id ||
            std::bit_cast<std::uint32_t>(found[i].score) != std::bit_cast<std::uint32_t>(expected[i].score)) {
            return testing::AssertionFailure() << "place " << i << ": " << found[i].id << " " << found[i].score
                                               << ", expected " << expected[i].id << " " << expected[i].score;
        }
    }
    return testing::AssertionSuccess();
}

std::vector<Scored> search_all(const Owned& owned, const Vector& query, std::size_t k) {
    CodeSearch search;
    EXPECT_TRUE(search.begin(query.data(), k));
    search.scan(owned.view());
    const auto found = search.finish();
    EXPECT_TRUE(found.has_value());
    return {found->begin(), found->end()};
}

std::vector<CodeBook> books(const Rows& rows) {
    std::vector<CodeBook> made{CodeBook::plain(rows)};
    if (rows.size() / kDimensions >= kDimensions) {
        made.push_back(CodeBook::rotated(rows, {8, 16}));
        made.push_back(CodeBook::rotated(rows, {2, 3}));
    }
    return made;
}

class CodeSearchTest : public testing::Test {
  protected:
    CodeSearchTest() : seed_(std::random_device()()), random_(seed_), trace_(__FILE__, __LINE__, "seed " + std::to_string(seed_)) {}

    Rows make(const Shape& shape, std::size_t count) {
        Rows rows;
        for (std::size_t i = 0; i < count; ++i) {
            append(rows, shape.make(random_, i));
        }
        return rows;
    }

    std::uint64_t seed_;
    Random random_;
    testing::ScopedTrace trace_;
};

TEST_F(CodeSearchTest, answers_equal_the_full_scan_for_every_shape_book_kernel_and_k) {
    for (const Shape& shape : shapes(random_)) {
        SCOPED_TRACE(shape.name);
        const Rows rows = make(shape, 900 + random_() % 40);
        for (const CodeBook& book : books(rows)) {
            const Owned owned(rows, book, kernels()[random_() % kernels().size()]);
            for (int round = 0; round < 6; ++round) {
                const Vector query = round == 0 ? Vector{} : round < 4 ? shape.make(random_, random_()) : unit(random_);
                const std::size_t k = std::array{1, 10, 3, 64, 1000, 0}[static_cast<std::size_t>(round)];
                const auto expected = full_scan({&owned}, query, k);
                for (const Kernel kernel : kernels()) {
                    CodeSearch search(kernel);
                    ASSERT_TRUE(search.begin(query.data(), k));
                    search.scan(owned.view());
                    EXPECT_TRUE(same(*search.finish(), expected))
                        << name_of(kernel) << " " << book.shape().byte_groups << "," << book.shape().nibble_groups;
                }
            }
        }
    }
}

TEST_F(CodeSearchTest, codes_of_every_kernel_are_alike_and_bound_what_they_stand_for) {
    for (const Shape& shape : shapes(random_)) {
        SCOPED_TRACE(shape.name);
        const Rows rows = make(shape, 437);  // the last block is incomplete, the last pair of rows, too
        for (const CodeBook& book : books(rows)) {
            const Owned expected(rows, book, Kernel::Scalar);
            const Vector query = unit(random_);
            const auto right = full_scan({&expected}, query, 20);
            for (const Kernel kernel : kernels()) {
                const Owned owned(rows, book, kernel);
                EXPECT_TRUE(same(search_all(owned, query, 20), right)) << name_of(kernel);
                for (std::size_t i = 0; i < owned.codes.facts.size(); ++i) {
                    EXPECT_NEAR(owned.codes.facts[i].residual, expected.codes.facts[i].residual,
                                1e-4F * (1 + expected.codes.facts[i].residual));
                }
            }
        }
    }
}

TEST_F(CodeSearchTest, rows_in_several_parts_of_any_size_and_choice_are_one_search) {
    const auto kinds = shapes(random_);
    const Rows first = make(kinds[1], 700);
    const CodeBook book = CodeBook::rotated(first, {8, 16});
    std::vector<Owned> parts;
    parts.emplace_back(first, book);
    for (const std::size_t count : {1U, 15U, 16U, 17U, 200U, 31U}) {
        parts.emplace_back(make(kinds[count % 3], count), book);
        for (RowId& id : parts.back().ids) {
            id += parts.size() * 1'000'000;
        }
        parts.back() = Owned(parts.back());
        parts.back().codes = *book.encode(parts.back().vectors, parts.back().ids);
        if (count % kBlockRows != 0) {
            widen_block(book.shape(), parts.back().codes.coarse.data() + count / kBlockRows * book.shape().block_bytes(),
                        count % kBlockRows, parts.back().last_block.data());
        }
    }
    std::vector<const Owned*> all;
    for (const Owned& part : parts) {
        all.push_back(&part);
    }
    for (int round = 0; round < 60; ++round) {
        const Vector query = kinds[random_() % 3].make(random_, 0);
        const std::size_t k = 1 + random_() % 30;
        const std::size_t begin = random_() % 20;
        const std::size_t end = begin + 1 + random_() % 800;
        const std::size_t rarity = std::array{1, 2, 40}[random_() % 3];
        std::vector<std::uint16_t> masks(64);
        std::size_t likely = 0;
        for (std::size_t row = 0; row < masks.size() * kBlockRows; ++row) {
            if (random_() % rarity == 0) {
                masks[row / kBlockRows] = static_cast<std::uint16_t>(masks[row / kBlockRows] | 1U << row % kBlockRows);
                likely += row >= begin && row < end ? 1 : 0;
            }
        }
        std::vector<RowId> without;
        for (const Owned* part : all) {
            for (const RowId id : part->ids) {
                if (random_() % 10 == 0) {
                    without.push_back(id);
                }
            }
        }
        std::sort(without.begin(), without.end());
        std::vector<Scored> expected;
        for (const Owned* part : all) {
            for (const Scored& each : full_scan({part}, query, SIZE_MAX, [&](std::size_t row) {
                     return row >= begin && row < end && (masks[row / kBlockRows] >> row % kBlockRows & 1) != 0 &&
                            !std::binary_search(without.begin(), without.end(), part->ids[row]);
                 })) {
                expected.push_back(each);
            }
        }
        std::sort(expected.begin(), expected.end());
        expected.resize(std::min(k, expected.size()));
        for (const Kernel kernel : kernels()) {
            CodeSearch search(kernel);
            ASSERT_TRUE(search.begin(query.data(), k));
            for (const Owned* part : all) {
                search.scan(part->view(), {begin, end, masks.data(), likely, &without});
            }
            EXPECT_TRUE(same(*search.finish(), expected)) << name_of(kernel) << " round " << round;
        }
    }
}

TEST_F(CodeSearchTest, rows_far_from_what_the_book_was_made_for_are_found_all_the_same) {
    const auto kinds = shapes(random_);
    const CodeBook book = CodeBook::rotated(make(kinds[4], 500), {8, 16});  // nearly equal rows: tiny steps
    const Owned owned(make(kinds[0], 500), book);
    for (int round = 0; round < 20; ++round) {
        const Vector query = unit(random_);
        CodeSearch search;
        ASSERT_TRUE(search.begin(query.data(), 10));
        search.scan(owned.view());
        EXPECT_TRUE(same(*search.finish(), full_scan({&owned}, query, 10)));
    }
}

TEST_F(CodeSearchTest, more_candidates_than_there_are_places_for_are_looked_at_in_between) {
    const auto kinds = shapes(random_);
    const Rows few = make(kinds[4], 400);
    Rows many;
    while (many.size() < 40'000 * kDimensions) {
        many.insert(many.end(), few.begin(), few.end());
    }
    const Owned owned(many, CodeBook::plain(few));
    const Vector query = kinds[4].make(random_, 0);
    CodeSearch search;
    ASSERT_TRUE(search.begin(query.data(), 10));
    search.scan(owned.view());
    EXPECT_TRUE(same(*search.finish(), full_scan({&owned}, query, 10)));
}

TEST_F(CodeSearchTest, few_vectors_are_read_where_directions_are_few) {
    const auto kinds = shapes(random_);
    const Owned owned(make(kinds[2], 5'000), CodeBook::choose(make(kinds[2], 4'224), 5'000));
    EXPECT_TRUE(owned.book.is_rotated());
    EXPECT_FALSE(CodeBook::choose(make(kinds[0], 4'224), 5'000).is_rotated()) << "spread vectors have no leading directions";
    CodeSearch search;
    const Vector query = kinds[2].make(random_, 0);
    ASSERT_TRUE(search.begin(query.data(), 10));
    search.scan(owned.view());
    ASSERT_TRUE(search.finish());
    EXPECT_LT(search.counts().vectors, 300U);
}

TEST_F(CodeSearchTest, numbers_that_are_none_are_refused) {
    Vector query = unit(random_);
    CodeSearch search;
    for (const float bad : {NAN, HUGE_VALF, -HUGE_VALF}) {
        query[383] = bad;
        EXPECT_EQ(search.begin(query.data(), 10).error().code, Code::InvalidArgument);
        const std::vector<RowId> ids{1};
        EXPECT_EQ(CodeBook::plain(Rows(kDimensions, 0.5F)).encode(query, ids).error().code, Code::InvalidArgument);
    }
    query[383] = 1e20F;  // beyond what the bounds are proved for, not beyond float32
    const Owned owned(make(shapes(random_)[0], 100), CodeBook::plain(Rows(kDimensions, 0.5F)));
    ASSERT_TRUE(search.begin(query.data(), 10));
    search.scan(owned.view());
    EXPECT_TRUE(same(*search.finish(), full_scan({&owned}, query, 10)));
}

TEST_F(CodeSearchTest, a_changed_vector_id_or_fine_code_is_refused_not_scored) {
    Owned owned(make(shapes(random_)[0], 40), CodeBook::plain(make(shapes(random_)[0], 40)));
    const Vector query = unit(random_);
    const auto ask = [&] {
        CodeSearch search;
        EXPECT_TRUE(search.begin(query.data(), 40));
        search.scan(owned.view());
        return search.finish().has_value();
    };
    EXPECT_TRUE(ask());
    const auto spoil = [&](auto& what, auto by) {
        what = static_cast<std::remove_reference_t<decltype(what)>>(what + by);
        EXPECT_FALSE(ask());
        what = static_cast<std::remove_reference_t<decltype(what)>>(what - by);
    };
    spoil(owned.ids[7], 1);
    spoil(owned.codes.facts[9].vector_check, 1);
    float& number = owned.vectors[11 * kDimensions + 5];
    number = std::bit_cast<float>(std::bit_cast<std::uint32_t>(number) ^ 1U);
    EXPECT_FALSE(ask());
}

TEST_F(CodeSearchTest, a_search_allocates_nothing_once_it_has_warmed_up) {
    const Owned owned(make(shapes(random_)[1], 3'000), CodeBook::plain(make(shapes(random_)[1], 400)));
    const Vector query = unit(random_);
    CodeSearch search;
    const auto ask = [&] {
        EXPECT_TRUE(search.begin(query.data(), 10));
        search.scan(owned.view());
        EXPECT_TRUE(search.finish());
    };
    ask();
    const test::Allocations allocations;
    ask();
    EXPECT_EQ(allocations.count(), 0U);
}

TEST(CodeKernels, integers_and_checksums_are_equal_on_every_kernel) {
    Random random(5);
    std::vector<std::uint8_t> bytes(20'000);
    for (std::uint8_t& byte : bytes) {
        byte = static_cast<std::uint8_t>(random());
    }
    const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
    const CodeKernels& scalar = code_kernels(Kernel::Scalar);
    for (int round = 0; round < 300; ++round) {
        FineQuery fine;
        CoarseQuery coarse;
        coarse.step = 1;
        for (std::size_t i = 0; i < kDimensions; ++i) {
            const int number = static_cast<int>(random() % 32'401) - 16'200;
            fine.wide[i] = static_cast<std::int16_t>(number);
            fine.high[i] = static_cast<std::int8_t>((number + 64) >> 7);
            fine.low[i] = static_cast<std::int8_t>(number - (((number + 64) >> 7) << 7));
            coarse.codes[i] = static_cast<std::int8_t>(random() % 255 - 127);
            coarse.wide[i] = coarse.codes[i];
        }
        if (round == 0) {
            fine.wide.fill(16'200);
            fine.high.fill(127);
            fine.low.fill(-56);
        }
        const CoarseShape shape{random() % 20, random() % 30};
        const std::size_t at = random() % 1000;
        const std::size_t count = random() % 3000;
        CoarseBounds expected;
        scalar.bounds(shape, coarse, data + at, expected);
        for (const Kernel kernel : kernels()) {
            const CodeKernels& tried = code_kernels(kernel);
            EXPECT_EQ(tried.fine(fine, bytes.data() + at), scalar.fine(fine, bytes.data() + at)) << name_of(kernel);
            EXPECT_EQ(tried.checksum(data + at, count), scalar.checksum(data + at, count)) << name_of(kernel);
            ByteSums pieces;
            const std::size_t first = count / kLineBytes / 2 * kLineBytes;
            tried.sum(data + at, first, pieces);
            tried.sum(data + at + first, count - first, pieces);
            EXPECT_EQ(checksum_of(pieces), scalar.checksum(data + at, count)) << "in pieces, " << name_of(kernel);
            CoarseBounds found;
            tried.bounds(shape, coarse, data + at, found);
            EXPECT_EQ(found.estimates, expected.estimates) << name_of(kernel);
        }
    }
}

TEST(CodeKernels, a_checksum_sees_every_changed_bit) {
    const CodeKernels& kernels_now = code_kernels(best_kernel());
    std::vector<std::byte> bytes(1'537, std::byte{0x5a});
    const std::uint64_t whole = kernels_now.checksum(bytes.data(), bytes.size());
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        EXPECT_NE(kernels_now.checksum(bytes.data(), bytes.size()), whole) << bit;
        bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    }
    EXPECT_NE(kernels_now.checksum(bytes.data(), bytes.size() - 1), whole);
}

TEST(CodeKernels, half_floats_are_rounded_up) {
    for (const double value : {0.0, 1e-9, 6e-8, 0.1, 1.0, 1.0001, 3.14159, 65'504.0, 1e6}) {
        EXPECT_GE(double{from_half(half_above(value))}, value);
        EXPECT_LE(double{from_half(half_above(value))}, value > 65'504 ? HUGE_VAL : value * 1.001 + 6e-8);
    }
    EXPECT_TRUE(std::isinf(from_half(half_above(NAN))));
}

TEST(CodeBook, comes_back_from_its_bytes_and_no_flipped_bit_goes_unseen) {
    Random random(3);
    const Rows rows = [&] {
        Rows made;
        for (int i = 0; i < 400; ++i) {
            append(made, unit(random));
        }
        return made;
    }();
    for (const CodeBook& book : books(rows)) {
        auto bytes = book.bytes();
        const auto again = CodeBook::parse(bytes);
        ASSERT_TRUE(again);
        EXPECT_EQ(again->id(), book.id());
        EXPECT_EQ(again->bytes(), bytes);
        for (std::size_t at = 0; at < bytes.size(); at += at < 40 ? 1 : 97) {
            bytes[at] ^= std::byte{0x10};
            const auto damaged = CodeBook::parse(bytes);
            EXPECT_FALSE(damaged) << at;
            bytes[at] ^= std::byte{0x10};
        }
        EXPECT_FALSE(CodeBook::parse(std::span(bytes).first(bytes.size() - 4)));
        EXPECT_FALSE(CodeBook::parse({}));
    }
}

}  // namespace
}  // namespace resonant::search
