#include "tests/support/repository.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace resonant::test {

std::filesystem::path repository() { return RESONANT_SOURCE_DIR; }

std::string file_of_repository(std::string_view path) {
    const std::ifstream file(repository() / path);
    EXPECT_TRUE(file.is_open()) << path;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace resonant::test
