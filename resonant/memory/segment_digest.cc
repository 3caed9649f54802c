// What a Segment needs of SHA-256. Apart from what a reader does, which must not load OpenSSL.
#include "resonant/memory/digest.h"
#include "resonant/memory/segment.h"

namespace resonant::memory {

std::uint64_t signature_of(std::string_view kind, std::string_view name) {
    Digest digest;
    digest.add(kind);
    digest.add(std::string_view("\n"));
    digest.add(name);
    const Sha256 hash = digest.finish();
    return std::uint64_t{1} << (static_cast<unsigned>(hash[0]) % 64) |
           std::uint64_t{1} << (static_cast<unsigned>(hash[1]) % 64);
}

Status Segment::verify() const {
    bool is_whole = false;
    if (facts_.sha256.empty()) {
        is_whole = search::code_kernels(search::best_kernel()).checksum(bytes_, facts_.bytes) == facts_.checksum;
    } else {
        Digest digest;
        digest.add(std::span(bytes_, facts_.bytes));
        is_whole = hex(digest.finish()) == facts_.sha256;
    }
    if (!is_whole) {
        return fail(Code::DataLoss, "read Arrow segment " + path_.string() +
                                        ": its checksum differs from the manifest's; it is rebuilt from SQLite");
    }
    return {};
}

}  // namespace resonant::memory
