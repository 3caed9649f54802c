#include "resonant/govern/ledger_head.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

namespace resonant::govern {
namespace {

constexpr std::string_view kMark = "ledger1 ";  // then 20 digits, a space, 64 digits, spaces, a line end

std::optional<Hash> hash_from(std::string_view text) {
    Hash hash{};
    for (std::size_t i = 0; i < hash.size(); ++i) {
        unsigned value = 0;
        const char* begin = text.data() + 2 * i;
        const auto [end, error] = std::from_chars(begin, begin + 2, value, 16);
        if (error != std::errc{} || end != begin + 2) {
            return std::nullopt;
        }
        hash[i] = static_cast<std::byte>(value);
    }
    return hash;
}

}  // namespace

Result<std::unique_ptr<HeadFile>> HeadFile::open(const std::filesystem::path& file, bool fresh) {
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (fresh ? O_CREAT : 0);
    Descriptor descriptor(::open(file.c_str(), flags, 0600));
    if (!descriptor && (errno == EROFS || errno == EACCES)) {
        descriptor = Descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));  // verify still can
    }
    if (!descriptor && errno != ENOENT) {
        return fail_errno("open " + file.string(), errno);
    }
    std::unique_ptr<HeadFile> head(new HeadFile(file, std::move(descriptor)));
    if (fresh) {
        RESONANT_CHECK(head->write({}));
        if (::fsync(head->descriptor_.get()) != 0) {
            return fail_errno("sync " + file.string(), errno);
        }
    }
    return head;
}

Result<Ledger::Head> HeadFile::read() const {
    if (!descriptor_) {
        return fail(Code::NotFound, fmt::format("{} is missing, so nobody can tell whether the ledger's tail was cut", file_.string()));
    }
    std::array<char, kHeadBytes> buffer{};
    const ssize_t got = ::pread(descriptor_.get(), buffer.data(), buffer.size(), 0);
    const std::string_view line(buffer.data(), buffer.size());
    Ledger::Head head;
    const char* number = line.data() + kMark.size();
    const bool numbered = got == static_cast<ssize_t>(kHeadBytes) && line.starts_with(kMark) &&
                          std::from_chars(number, number + 20, head.seq).ptr == number + 20;
    const std::optional<Hash> hash = numbered ? hash_from(line.substr(kMark.size() + 21)) : std::nullopt;
    if (!hash) {
        return fail(Code::DataLoss, fmt::format("{} cannot be read, so nobody can tell whether the ledger's tail was cut", file_.string()));
    }
    head.hash = *hash;
    return head;
}

Status HeadFile::write(const Ledger::Head& head) {
    if (!descriptor_) {
        descriptor_ = Descriptor(::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!descriptor_) {
            return fail_errno("open " + file_.string(), errno);
        }
    }
    std::string line = fmt::format("{}{:020} {}", kMark, head.seq, hex(head.hash));
    line.resize(kHeadBytes - 1, ' ');
    line += '\n';
    // A write that stops half-way is gone on with: half a head would bear false witness.
    for (std::size_t done = 0; done < line.size();) {
        const ssize_t written = ::pwrite(descriptor_.get(), line.data() + done, line.size() - done, static_cast<off_t>(done));
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return fail_errno("write " + file_.string(), written == 0 ? ENOSPC : errno);
        }
        done += static_cast<std::size_t>(written);
    }
    return {};
}

}  // namespace resonant::govern
