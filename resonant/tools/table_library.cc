#include "resonant/tools/table_library.h"

#include <dlfcn.h>

#include <array>
#include <filesystem>

namespace resonant::tools {
namespace {

constexpr const char* kFile = "libresonant_tables.so";

// Beside the program, one folder up (test programs), or in ../lib (an installation).
void* find_library() {
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
    for (const auto& folder : {program, program / "..", program / ".." / "lib"}) {
        if (void* opened = ::dlopen((folder / kFile).c_str(), RTLD_NOW | RTLD_LOCAL)) {
            return opened;
        }
    }
    return nullptr;
}

Status outcome_of(int outcome, const char* what, const char* error) {
    return outcome == 0 ? Status() : fail(Code::InvalidArgument, std::string(what) + ": " + error);
}

}  // namespace

Result<TableLibrary> TableLibrary::load() {
    TableLibrary library;
    if (void* opened = find_library()) {
        library.write_ = reinterpret_cast<Write>(::dlsym(opened, "resonant_write_parquet"));
        library.read_ = reinterpret_cast<Read>(::dlsym(opened, "resonant_read_parquet"));
    }
    if (library.write_ == nullptr || library.read_ == nullptr) {
        return fail(Code::Unimplemented, std::string("parquet: ") + kFile +
                                           " is not beside the program; build it with ./dev build "
                                           "resonant_tables, or use the format arrow");
    }
    return library;
}

Status TableLibrary::write_parquet(ArrowArrayStream* stream, int fd) const {
    std::array<char, 256> error{};
    return outcome_of(write_(stream, fd, error.data(), error.size()), "write parquet", error.data());
}

Result<std::int64_t> TableLibrary::read_parquet(int fd, ArrowArrayStream* stream) const {
    std::array<char, 256> error{};
    long long rows = 0;
    RESONANT_CHECK(outcome_of(read_(stream, fd, &rows, error.data(), error.size()), "read parquet", error.data()));
    return std::int64_t{rows};
}

}  // namespace resonant::tools
