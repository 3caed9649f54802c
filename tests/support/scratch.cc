#include "tests/support/scratch.h"

#include <cstdlib>
#include <string>
#include <system_error>

#include "resonant/base/ensure.h"

namespace resonant::test {

Scratch::Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "resonant-test-XXXXXX").string();
    RESONANT_ENSURE(::mkdtemp(name.data()) != nullptr, "a test needs a writable temporary folder");
    path_ = name;
}

Scratch::~Scratch() {
    std::error_code ignored;  // a left-over folder fails no test
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace resonant::test
