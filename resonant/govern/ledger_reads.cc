#include "resonant/govern/ledger_reads.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace resonant::govern {
namespace {

// Like calls have like keys.
std::string key_of(const ReadRow& row) {
    Serial key;
    key.text(row.principal);
    key.text(row.role);
    key.text(row.session);
    key.text(row.tool);
    row.arguments_hash ? key.blob(view_of(*row.arguments_hash)) : key.null();
    key.integer(row.ok ? 1 : 0);
    return std::move(key.buffer());
}

void serialise(const ReadRow& row, Serial& serial) {
    serial.text(row.principal);
    serial.text(row.role);
    serial.text(row.session);
    serial.text(row.tool);
    row.arguments_hash ? serial.blob(view_of(*row.arguments_hash)) : serial.null();
    serial.integer(row.ok ? 1 : 0);
    serial.integer(row.count);
    serial.integer(row.first_ns);
    serial.integer(row.last_ns);
    serial.integer(row.duration_ns);
}

// Reads what Serial wrote; every step may find the bytes damaged.
class Source {
  public:
    explicit Source(std::string_view bytes) : bytes_(bytes) {}

    bool number(std::uint64_t& value) {
        if (bytes_.size() < sizeof value) {
            return false;
        }
        std::memcpy(&value, bytes_.data(), sizeof value);
        bytes_.remove_prefix(sizeof value);
        return true;
    }
    bool mark(char expected) {
        if (bytes_.empty() || bytes_[0] != expected) {
            return false;
        }
        bytes_.remove_prefix(1);
        return true;
    }
    bool bytes(std::string_view& value) {
        std::uint64_t size = 0;
        if (!number(size) || size > bytes_.size()) {
            return false;
        }
        value = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
        return true;
    }
    bool text(std::string& value) {
        std::string_view found;
        if (!mark('T') || !bytes(found)) {
            return false;
        }
        value = found;
        return true;
    }
    bool integer(std::int64_t& value) {
        std::uint64_t number_read = 0;
        if (!mark('I') || !number(number_read)) {
            return false;
        }
        value = static_cast<std::int64_t>(number_read);
        return true;
    }
    bool hash(std::optional<Hash>& value) {
        if (mark('N')) {
            return true;
        }
        std::string_view found;
        if (!mark('B') || !bytes(found) || found.size() != sizeof(Hash)) {
            return false;
        }
        std::memcpy(value.emplace().data(), found.data(), found.size());
        return true;
    }
    bool empty() const { return bytes_.empty(); }

  private:
    std::string_view bytes_;
};

}  // namespace

void ReadNotes::add(const call::Call& call, const Hash& arguments_hash, bool ok, Nanos duration) {
    merge({.principal = call.caller.principal,
           .role = std::string(call::name_of(call.caller.role)),
           .session = call.session,
           .tool = call.contract->name,
           .arguments_hash = arguments_hash,
           .ok = ok,
           .count = 1,
           .first_ns = call.at.count,
           .last_ns = call.at.count,
           .duration_ns = duration.count});
}

void ReadNotes::merge(ReadRow row) {
    const std::lock_guard lock(mutex_);
    std::string key = key_of(row);
    auto found = rows_.find(key);
    if (found == rows_.end() && rows_.size() >= kReadRowsMax) {
        row.arguments_hash.reset();
        row.session.clear();
        key = key_of(row);
        found = rows_.find(key);
    }
    if (found == rows_.end()) {
        rows_.emplace(std::move(key), std::move(row));
        return;
    }
    ReadRow& held = found->second;
    held.count += row.count;
    held.first_ns = std::min(held.first_ns, row.first_ns);
    held.last_ns = std::max(held.last_ns, row.last_ns);
    held.duration_ns += row.duration_ns;
}

std::vector<ReadRow> ReadNotes::take() {
    std::map<std::string, ReadRow, std::less<>> taken;
    {
        const std::lock_guard lock(mutex_);
        taken.swap(rows_);
    }
    std::vector<ReadRow> rows;
    rows.reserve(taken.size());
    for (auto& [key, row] : taken) {
        rows.push_back(std::move(row));
    }
    return rows;
}

void ReadNotes::give_back(std::vector<ReadRow> rows) {
    for (ReadRow& row : rows) {
        merge(std::move(row));
    }
}

std::string pack(const std::vector<ReadRow>& rows, std::vector<Hash>& leaves) {
    Serial blob;
    for (const ReadRow& row : rows) {
        Serial serial;
        serialise(row, serial);
        leaves.push_back(merkle_leaf(serial.bytes()));
        blob.blob(serial.bytes());
    }
    return std::move(blob.buffer());
}

std::optional<std::vector<ReadRow>> unpack(std::string_view blob, std::vector<Hash>* leaves) {
    std::vector<ReadRow> rows;
    Source source(blob);
    while (!source.empty()) {
        std::string_view bytes;
        if (!source.mark('B') || !source.bytes(bytes)) {
            return std::nullopt;
        }
        ReadRow row;
        std::int64_t ok = 0;
        Source fields(bytes);
        const bool whole = fields.text(row.principal) && fields.text(row.role) && fields.text(row.session) &&
                           fields.text(row.tool) && fields.hash(row.arguments_hash) && fields.integer(ok) &&
                           fields.integer(row.count) && fields.integer(row.first_ns) && fields.integer(row.last_ns) &&
                           fields.integer(row.duration_ns) && fields.empty();
        if (!whole) {
            return std::nullopt;
        }
        row.ok = ok != 0;
        if (leaves != nullptr) {
            leaves->push_back(merkle_leaf(bytes));
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace resonant::govern
