// Replays every saved input of fuzz/corpus through its target: what was found once stays found.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/targets.h"
#include "tests/support/repository.h"

namespace resonant::fuzz {
namespace {

const std::filesystem::path kCorpus = test::repository() / "fuzz/corpus";

std::vector<std::string> inputs_of(std::string_view target) {
    std::vector<std::string> inputs;
    for (const auto& entry : std::filesystem::directory_iterator(kCorpus / target)) {
        std::ifstream file(entry.path(), std::ios::binary);
        inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return inputs;
}

class Corpus : public testing::TestWithParam<Target> {};

TEST_P(Corpus, every_saved_input_keeps_the_properties) {
    const std::vector<std::string> inputs = inputs_of(GetParam().name);
    ASSERT_FALSE(inputs.empty()) << "fuzz/corpus/" << GetParam().name << " holds nothing";
    for (const std::string& input : inputs) {
        GetParam().run(input);
    }
}

TEST_P(Corpus, cut_and_flipped_inputs_keep_the_properties) {
    for (std::string input : inputs_of(GetParam().name)) {
        const std::size_t step = std::max<std::size_t>(input.size() / 64, 1);
        for (std::size_t at = 0; at < input.size(); at += step) {
            GetParam().run(std::string_view(input).substr(0, at));
            input[at] = static_cast<char>(input[at] ^ (1 << (at % 8)));
            GetParam().run(input);
            input[at] = static_cast<char>(input[at] ^ (1 << (at % 8)));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Targets, Corpus, testing::ValuesIn(kTargets),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace resonant::fuzz
