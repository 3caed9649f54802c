#include "resonant/mcp/client_records.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "resonant/base/ensure.h"
#include "resonant/base/secret.h"
#include "resonant/base/sha256.h"

namespace resonant::mcp {
namespace {

constexpr std::size_t kNameDigits = 32, kSealDigits = 32;
constexpr std::size_t kFileBytesMax = 4 * kRecordsBytesMax;  // more is never written, and not read
constexpr std::size_t kSlack = 64 * 1024;                    // bytes that are over before the file is written anew

std::string name_of(std::string_view key) { return sha256_hex(key, kNameDigits); }

std::string seal_of(std::string_view secret, std::string_view covered) {
    return hmac_sha256_hex(secret, covered, kSealDigits);
}

}  // namespace

ClientRecords::ClientRecords(std::filesystem::path file, std::string secret)
    : path_(std::move(file)), secret_(std::move(secret)) {}

Result<std::unique_ptr<ClientRecords>> ClientRecords::open(std::filesystem::path file, std::string secret) {
    std::unique_ptr<ClientRecords> made(new ClientRecords(std::move(file), std::move(secret)));
    const Descriptor old(::open(made->path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!old && errno != ENOENT) {
        return fail_errno("client records: reading " + made->path_.string(), errno);
    }
    std::error_code ignored;
    const auto size = old ? std::filesystem::file_size(made->path_, ignored) : 0;
    std::string text(ignored ? 0 : std::min<std::size_t>(size, kFileBytesMax), '\0');
    std::size_t got = 0;
    for (ssize_t more = 1; old && more > 0 && got < text.size(); got += static_cast<std::size_t>(std::max<ssize_t>(more, 0))) {
        more = ::read(old.get(), text.data() + got, text.size() - got);
    }
    text.resize(got);
    for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
        made->read_line(std::string_view(text).substr(at, end - at));
    }
    RESONANT_CHECK(made->write_anew());
    return made;
}

// A line is the hash of a key, the seal of both, and the text; an empty text says that the record is over.
std::string ClientRecords::line_of(std::string_view name, std::string_view text) const {
    const std::string covered = fmt::format("{} {}", name, text);
    return fmt::format("{} {} {}\n", name, seal_of(secret_, covered), text);
}

bool ClientRecords::read_line(std::string_view line) {
    constexpr std::size_t kHead = kNameDigits + 1 + kSealDigits + 1;
    if (line.size() < kHead || line.size() > kHead + kRecordBytesMax || line[kNameDigits] != ' ' || line[kHead - 1] != ' ') {
        return false;
    }
    const std::string_view name = line.substr(0, kNameDigits), text = line.substr(kHead);
    if (!is_same_secret(line.substr(kNameDigits + 1, kSealDigits), seal_of(secret_, fmt::format("{} {}", name, text)))) {
        return false;
    }
    forget(std::string(name));
    if (!text.empty()) {
        keep(std::string(name), std::string(text));
    }
    return true;
}

void ClientRecords::forget(const std::string& name) {
    const auto found = by_name_.find(name);
    if (found != by_name_.end()) {
        live_bytes_ -= found->second->text.size();
        records_.erase(found->second);
        by_name_.erase(found);
    }
}

void ClientRecords::keep(std::string name, std::string text) {
    live_bytes_ += text.size();
    records_.push_back({name, std::move(text)});
    by_name_.emplace(std::move(name), std::prev(records_.end()));
    while (records_.size() > kRecordsMax || live_bytes_ > kRecordsBytesMax) {
        forget(std::string(records_.front().name));
    }
}

std::optional<std::string> ClientRecords::find(std::string_view key) const {
    const auto found = by_name_.find(name_of(key));
    return found == by_name_.end() ? std::nullopt : std::optional(found->second->text);
}

Status ClientRecords::put(std::string_view key, std::string_view text) {
    RESONANT_ENSURE(!text.empty() && text.find('\n') == std::string_view::npos, "a record is one line");
    if (text.size() > kRecordBytesMax) {
        RESONANT_CHECK(drop(key));
        return fail(Code::InvalidArgument, fmt::format("client records: {} bytes of one client, {} are kept at most",
                                                       text.size(), kRecordBytesMax));
    }
    const std::string name = name_of(key);
    if (const auto found = by_name_.find(name); found != by_name_.end() && found->second->text == text) {
        return {};
    }
    forget(name);
    keep(name, std::string(text));
    return append(line_of(name, text));
}

Status ClientRecords::drop(std::string_view key) {
    const std::string name = name_of(key);
    if (!by_name_.contains(name)) {
        return {};
    }
    forget(name);
    return append(line_of(name, {}));
}

Status ClientRecords::append(const std::string& line) {
    if (file_bytes_ + line.size() > 2 * live_bytes_ + records_.size() * 100 + kSlack) {
        return write_anew();
    }
    // One write to the end: a kill leaves all of it or a torn line, which is not read.
    const ssize_t written = ::write(file_.get(), line.data(), line.size());
    if (written != static_cast<ssize_t>(line.size())) {
        return fail_errno("client records: writing " + path_.string(), written < 0 ? errno : ENOSPC);
    }
    file_bytes_ += line.size();
    return {};
}

Status ClientRecords::write_anew() {
    const std::string beside = path_.string() + ".new";
    Descriptor fresh(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fresh) {
        return fail_errno("client records: making " + beside, errno);
    }
    std::string text;
    for (const Record& record : records_) {
        text += line_of(record.name, record.text);
    }
    const ssize_t written = ::write(fresh.get(), text.data(), text.size());
    if (written != static_cast<ssize_t>(text.size())) {
        return fail_errno("client records: writing " + beside, written < 0 ? errno : ENOSPC);
    }
    if (::rename(beside.c_str(), path_.c_str()) != 0) {
        return fail_errno("client records: putting " + path_.string() + " in place", errno);
    }
    file_ = std::move(fresh);
    file_bytes_ = text.size();
    return {};
}

}  // namespace resonant::mcp
