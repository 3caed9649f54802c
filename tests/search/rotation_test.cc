#include "resonant/search/rotation.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace resonant::search {
namespace {

std::vector<float> unit_rows(std::mt19937_64& random, std::size_t count) {
    std::vector<float> rows(count * kDimensions);
    std::normal_distribution<float> normal;
    for (std::size_t row = 0; row < count; ++row) {
        double squares = 0;
        for (std::size_t i = 0; i < kDimensions; ++i) {
            rows[row * kDimensions + i] = normal(random);
            squares += double{rows[row * kDimensions + i]} * double{rows[row * kDimensions + i]};
        }
        for (std::size_t i = 0; i < kDimensions; ++i) {
            rows[row * kDimensions + i] = static_cast<float>(double{rows[row * kDimensions + i]} / std::sqrt(squares));
        }
    }
    return rows;
}

// The bounds of codes allow for 2e-5 in all: what each direction may be off by is far less.
TEST(Rotation, every_kernel_gives_what_dot_products_in_double_precision_give_nearly) {
    std::mt19937_64 random(7);
    const std::vector<float> rows = unit_rows(random, Rotation::kRows);
    for (const std::size_t count : {std::size_t{8}, std::size_t{32}, std::size_t{40}, std::size_t{192}, kDimensions}) {
        const std::vector<float> directions = unit_rows(random, count);
        for (const Kernel kernel : kernels()) {
            const Rotation rotation(directions, kernel);
            ASSERT_GE(rotation.width(), count);
            std::vector<float> turned(Rotation::kRows * rotation.width(), -1);
            rotation.turn(rows.data(), turned.data());
            for (std::size_t row = 0; row < Rotation::kRows; ++row) {
                for (std::size_t at = 0; at < rotation.width(); ++at) {
                    double expected = 0;
                    for (std::size_t i = 0; i < kDimensions && at < count; ++i) {
                        expected += double{rows[row * kDimensions + i]} * double{directions[at * kDimensions + i]};
                    }
                    ASSERT_NEAR(double{turned[row * rotation.width() + at]}, expected, 1e-7)
                        << name_of(kernel) << ", row " << row << ", direction " << at << " of " << count;
                }
            }
            std::vector<float> first(turned.size(), -1);
            rotation.turn_first(rows.data(), first.data(), count / 2);
            for (std::size_t row = 0; row < Rotation::kRows; ++row) {
                const auto from = static_cast<std::ptrdiff_t>(row * rotation.width());
                const auto some = static_cast<std::ptrdiff_t>(count / 2);
                EXPECT_TRUE(std::equal(turned.begin() + from, turned.begin() + from + some, first.begin() + from))
                    << name_of(kernel) << ", row " << row << ", the first half of " << count;
            }
        }
    }
}

TEST(Rotation, there_may_be_no_directions) {
    const Rotation rotation({}, best_kernel());
    EXPECT_EQ(rotation.width(), 0U);
    const std::vector<float> rows(Rotation::kRows * kDimensions);
    rotation.turn(rows.data(), nullptr);
}

}  // namespace
}  // namespace resonant::search
