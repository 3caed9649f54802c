#include "resonant/embed/encoder_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace resonant::embed {
namespace {

constexpr unsigned kSeed = 20240117;

std::vector<float> random_floats(std::size_t count, std::mt19937& random) {
    std::normal_distribution<float> normal(0.0F, 0.5F);
    std::vector<float> values(count);
    for (float& value : values) {
        value = normal(random);
    }
    return values;
}

class EveryKernel : public testing::TestWithParam<const Kernels*> {
  protected:
    EveryKernel() { RecordProperty("seed", std::to_string(kSeed)); }
    std::mt19937 random_{kSeed};
    const Kernels& kernels_ = *GetParam();
};

INSTANTIATE_TEST_SUITE_P(Kernels, EveryKernel, testing::ValuesIn(available_kernels()),
                         [](const auto& kernels) { return std::string(kernels.param->name); });

// The test run prints these, so that a green run says which kernels it did not run.
TEST(EncoderKernels, this_processor_runs_the_plain_kernels_and_names_those_it_lacks) {
    std::string run;
    std::string lacking;
    for (const Kernels* kernels : all_kernels()) {
        const auto can = available_kernels();
        std::string& list = std::find(can.begin(), can.end(), kernels) != can.end() ? run : lacking;
        list.append(list.empty() ? "" : " ").append(kernels->name);
    }
    RecordProperty("kernels_run", run);
    RecordProperty("kernels_lacking", lacking);
    EXPECT_EQ(available_kernels().front(), all_kernels().front());
    EXPECT_EQ(best_float32_kernels().precision, Precision::Float32);
}

TEST_P(EveryKernel, a_linear_map_is_the_sum_of_products_for_any_number_of_rows) {
    for (const std::size_t inputs : {std::size_t{384}, std::size_t{1536}}) {
        // One whole chunk and a part of the next; packed weights come in whole panels.
        const std::size_t kOutputs = kernels_.pack == nullptr ? 68 : 96;
        const double error = kernels_.precision == Precision::Float32   ? 1e-4
                             : kernels_.precision == Precision::Float16 ? 0.075
                                                                        : 0.15;
        for (const std::size_t rows : {1, 2, 3, 4, 5, 7, 9, 24, 25, 28, 50}) {
            const auto weight = random_floats(kOutputs * inputs, random_);
            const auto bias = random_floats(kOutputs, random_);
            const auto x = random_floats(rows * inputs, random_);
            std::vector<float> y(rows * (kOutputs + 4), -7.0F);
            Linear map{weight.data(), bias.data(), kOutputs, inputs};
            std::vector<std::uint16_t> packed(kOutputs * inputs);
            if (kernels_.pack != nullptr) {
                kernels_.pack(map, packed.data());
                map.packed = packed.data();
            }
            kernels_.linear(map, x.data(), rows, y.data(), kOutputs + 4);
            for (std::size_t row = 0; row < rows; ++row) {
                for (std::size_t output = 0; output < kOutputs; ++output) {
                    double expected = bias[output];
                    for (std::size_t i = 0; i < inputs; ++i) {
                        expected += static_cast<double>(weight[output * inputs + i]) *
                                    static_cast<double>(x[row * inputs + i]);
                    }
                    ASSERT_NEAR(y[row * (kOutputs + 4) + output], expected, error)
                        << rows << " rows, row " << row << ", output " << output;
                }
                ASSERT_EQ(y[row * (kOutputs + 4) + kOutputs], -7.0F) << "wrote beyond its outputs";
            }
        }
    }
}

TEST_P(EveryKernel, gelu_follows_its_formula_from_far_below_to_far_above_zero) {
    std::vector<float> values;
    for (int i = -320; i < 320; ++i) {
        values.push_back(static_cast<float>(i) / 16.0F);
    }
    auto got = values;
    kernels_.gelu(got);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double x = values[i];
        EXPECT_NEAR(got[i], x * 0.5 * (1 + std::erf(x / std::sqrt(2.0))), 2e-6) << x;
    }
}

TEST_P(EveryKernel, normalised_rows_have_mean_zero_and_variance_one_before_gain_and_shift) {
    const std::vector<float> ones(kHidden, 1.0F), zeroes(kHidden, 0.0F);
    auto x = random_floats(3 * kHidden, random_);
    const auto more = random_floats(3 * kHidden, random_);
    kernels_.add_and_normalise(x.data(), more.data(), {ones.data(), zeroes.data()}, 3);
    for (std::size_t row = 0; row < 3; ++row) {
        double sum = 0, squares = 0;
        for (std::size_t i = 0; i < kHidden; ++i) {
            const double value = x[row * kHidden + i];
            sum += value;
            squares += value * value;
        }
        EXPECT_NEAR(sum / kHidden, 0, 1e-5);
        EXPECT_NEAR(squares / kHidden, 1, 1e-4);
    }
}

// The textbook's attention of one head, in double precision.
std::vector<double> reference_attention(const std::vector<float>& qkv, std::size_t tokens,
                                        std::size_t head, std::size_t token) {
    const auto at = [&](std::size_t t, std::size_t part, std::size_t d) {
        return static_cast<double>(qkv[t * 3 * kHidden + part * kHidden + head * kHeadWidth + d]);
    };
    std::vector<double> weights(tokens), out(kHeadWidth);
    double sum = 0;
    for (std::size_t t = 0; t < tokens; ++t) {
        double score = 0;
        for (std::size_t d = 0; d < kHeadWidth; ++d) {
            score += at(token, 0, d) * at(t, 1, d);
        }
        weights[t] = std::exp(score / std::sqrt(static_cast<double>(kHeadWidth)));
        sum += weights[t];
    }
    for (std::size_t t = 0; t < tokens; ++t) {
        for (std::size_t d = 0; d < kHeadWidth; ++d) {
            out[d] += weights[t] / sum * at(t, 2, d);
        }
    }
    return out;
}

TEST_P(EveryKernel, attention_equals_the_textbook_at_and_around_the_padding) {
    for (const std::size_t tokens : {1, 2, 3, 31, 32, 33, 100}) {
        const auto qkv = random_floats(tokens * 3 * kHidden, random_);
        std::vector<float> out(tokens * kHidden);
        std::vector<float> scratch(attention_scratch_floats(tokens), NAN);
        kernels_.attention(qkv.data(), tokens, out.data(), scratch.data());
        for (const std::size_t head : {std::size_t{0}, kHeads - 1}) {
            for (std::size_t token = 0; token < tokens; ++token) {
                const auto expected = reference_attention(qkv, tokens, head, token);
                for (std::size_t d = 0; d < kHeadWidth; ++d) {
                    ASSERT_NEAR(out[token * kHidden + head * kHeadWidth + d], expected[d], 1e-5)
                        << tokens << " tokens, token " << token;
                }
            }
        }
    }
}

}  // namespace
}  // namespace resonant::embed
