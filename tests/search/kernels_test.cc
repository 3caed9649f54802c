#include "resonant/search/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>

namespace resonant::search {
namespace {

// Vectors of unit length as they come in practice: spread, in clusters, and the same many times
// over.
enum class Shape { Spread, Clustered, Doubled };

struct Sea {
    std::vector<RowId> ids;
    std::vector<float> rows;
    Vector query{};
};

Vector unit(std::mt19937_64& random) {
    std::normal_distribution<float> normal;
    Vector vector;
    float length = 0;
    for (float& value : vector) {
        value = normal(random);
        length += value * value;
    }
    for (float& value : vector) {
        value /= std::sqrt(length);
    }
    return vector;
}

Sea make_sea(std::mt19937_64& random, Shape shape, std::size_t size) {
    Sea sea;
    sea.query = unit(random);
    const std::vector<Vector> centres{unit(random), unit(random), unit(random)};
    for (std::size_t i = 0; i < size; ++i) {
        Vector vector = shape == Shape::Spread ? unit(random) : centres[random() % centres.size()];
        if (shape == Shape::Clustered) {
            const Vector noise = unit(random);
            for (std::size_t j = 0; j < kDimensions; ++j) {
                vector[j] = 0.95F * vector[j] + 0.3F * noise[j];
            }
        }
        sea.ids.push_back(i * 3 + 1);
        sea.rows.insert(sea.rows.end(), vector.begin(), vector.end());
    }
    return sea;
}

// The best k by sorting everything.
std::vector<Scored> naive(const Sea& sea, std::size_t k, const std::vector<RowId>* only,
                          const std::vector<RowId>* without) {
    std::vector<Scored> all;
    for (std::size_t i = 0; i < sea.ids.size(); ++i) {
        const auto has = [&](const std::vector<RowId>& ids) {
            return std::find(ids.begin(), ids.end(), sea.ids[i]) != ids.end();
        };
        if ((only == nullptr || has(*only)) && (without == nullptr || !has(*without))) {
            all.push_back(
                {dot_of(Kernel::Scalar)(sea.query.data(), &sea.rows[i * kDimensions]), sea.ids[i]});
        }
    }
    std::stable_sort(all.begin(), all.end(), [](const Scored& a, const Scored& b) {
        return a.score != b.score ? a.score > b.score : a.id < b.id;
    });
    all.resize(std::min(all.size(), k));
    return all;
}

bool same(const std::vector<Scored>& a, const std::vector<Scored>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Scored& x, const Scored& y) {
        return x.id == y.id &&
               std::bit_cast<std::uint32_t>(x.score) == std::bit_cast<std::uint32_t>(y.score);
    });
}

TEST(Kernels, every_kernel_of_this_machine_gives_the_bits_of_the_scalar_one) {
    std::mt19937_64 random(7);
    std::uniform_real_distribution<float> wild(-1e4F, 1e4F);
    for (int round = 0; round < 500; ++round) {
        Vector a;
        Vector b;
        for (std::size_t i = 0; i < kDimensions; ++i) {
            a[i] = wild(random);
            b[i] = wild(random) * std::ldexp(1.0F, static_cast<int>(random() % 40) - 20);
        }
        const float expected = dot_of(Kernel::Scalar)(a.data(), b.data());
        for (const Kernel kernel : kernels()) {
            EXPECT_EQ(std::bit_cast<std::uint32_t>(dot_of(kernel)(a.data(), b.data())),
                      std::bit_cast<std::uint32_t>(expected))
                << name_of(kernel);
        }
    }
}

TEST(Kernels, the_scalar_one_agrees_with_double_precision) {
    std::mt19937_64 random(11);
    for (int round = 0; round < 200; ++round) {
        const Vector a = unit(random);
        const Vector b = unit(random);
        double expected = 0;
        for (std::size_t i = 0; i < kDimensions; ++i) {
            expected += double{a[i]} * double{b[i]};
        }
        EXPECT_NEAR(dot_of(Kernel::Scalar)(a.data(), b.data()), expected, 1e-6);
    }
}

TEST(Kernels, the_best_one_is_the_last_of_the_list_and_scalar_is_always_there) {
    EXPECT_EQ(kernels().front(), Kernel::Scalar);
    EXPECT_EQ(kernels().back(), best_kernel());
    EXPECT_EQ(name_of(Kernel::Avx512), "avx512");
    // The test run prints these, so that a green run says which kernels it did not run.
    std::string run;
    std::string lacking;
    for (const Kernel kernel : {Kernel::Scalar, Kernel::Avx2, Kernel::Avx512}) {
        const bool can = std::ranges::find(kernels(), kernel) != kernels().end();
        std::string& list = can ? run : lacking;
        list.append(list.empty() ? "" : " ").append(name_of(kernel));
    }
    RecordProperty("kernels_run", run);
    RecordProperty("kernels_lacking", lacking);
}

TEST(TopK, a_scan_equals_sorting_everything) {
    const std::uint64_t seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    for (int round = 0; round < 60; ++round) {
        const auto shape = static_cast<Shape>(round % 3);
        const Sea sea = make_sea(random, shape, random() % 200);
        const std::size_t k = random() % 20;
        std::vector<RowId> some;
        for (const RowId id : sea.ids) {
            if (random() % 3 == 0) {
                some.push_back(id);
            }
        }
        for (const auto& [only, without] :
             {std::pair<std::vector<RowId>*, std::vector<RowId>*>{nullptr, nullptr},
              {&some, nullptr},
              {nullptr, &some}}) {
            const auto expected = naive(sea, k, only, without);
            for (const Kernel kernel : kernels()) {
                TopK best(k);
                scan({dot_of(kernel), sea.query.data(), only, without}, sea.ids, sea.rows.data(),
                     best);
                EXPECT_TRUE(same(best.take(), expected)) << name_of(kernel) << " round " << round;
            }
        }
    }
}

TEST(TopK, equal_scores_come_in_the_order_of_their_ids) {
    TopK best(3);
    for (const RowId id : {9U, 2U, 7U, 4U}) {
        best.offer({0.5F, id});
    }
    const auto taken = best.take();
    ASSERT_EQ(taken.size(), 3U);
    EXPECT_EQ(taken[0].id, 2U);
    EXPECT_EQ(taken[1].id, 4U);
    EXPECT_EQ(taken[2].id, 7U);
}

TEST(TopK, none_of_none_and_more_than_there_are) {
    EXPECT_TRUE(TopK(5).take().empty());
    TopK nothing(0);
    nothing.offer({1, 1});
    EXPECT_TRUE(nothing.take().empty());
    TopK many(5);
    many.offer({1, 1});
    EXPECT_EQ(many.take().size(), 1U);
}

}  // namespace
}  // namespace resonant::search
