// Where the repository lies on this machine: tests read its documents and corpora.
//
// Any thread.
#pragma once

#include <filesystem>
#include <string_view>

namespace resonant::test {

std::filesystem::path repository();
// The whole of one of its files; fails the test when it is not there.
std::string file_of_repository(std::string_view path);

}  // namespace resonant::test
