// A GovernedHome is a home without a kernel: database, memory and ledger as the dispatcher uses them, each change
// with its intent and outcome in one transaction. Small enough to be made a thousand times in a test.
//
// Belongs to one thread.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/base/random.h"
#include "resonant/govern/ledger.h"
#include "resonant/memory/data_sea.h"
#include "resonant/runtime/verification.h"
#include "tests/support/word_embedder.h"

namespace resonant::test {

class GovernedHome {
  public:
    explicit GovernedHome(std::filesystem::path root) : home{std::move(root)} {
        contract_.name = "memory.add";
        contract_.access = call::Access::Write;
    }

    Status open() {
        close();
        RESONANT_ASSIGN(database, sql::Database::open(home.database(), {.readers = 1}));
        RESONANT_ASSIGN(sea, memory::DataSea::open(*database, home.segments(), &embedder, clock, {}));
        RESONANT_ASSIGN(ledger, govern::Ledger::open(*database, clock));
        return {};
    }
    void close() {
        ledger.reset();
        sea.reset();
        database.reset();
    }

    // Intent, rows and outcome in one transaction.
    Status governed(const std::function<Status()>& change) {
        clock.advance(Nanos{1'000});
        call::Call call;
        call.contract = &contract_;
        call.caller.principal = "ann";
        return database->write([&](sql::Connection&) -> Status {
            RESONANT_ASSIGN(const std::uint64_t intent, ledger->intent(call));
            {
                const sql::Observer observer(*database, sql::Observer::Mode::Allow);
                RESONANT_CHECK(change());
                for (const auto& [table, rows] : observer.changes()) {
                    call.effects.rows_inserted += rows.inserted;
                    call.effects.rows_updated += rows.updated;
                }
            }
            RESONANT_CHECK(ledger->outcome(intent, call, {}));
            return {};
        });
    }
    Result<memory::MemoryId> add(const std::string& content) {
        memory::Added added;
        RESONANT_CHECK(governed([&]() -> Status {
            memory::Memory memory;
            memory.content = content;
            memory.owner = "ann";
            RESONANT_ASSIGN(added, sea->add(memory));
            return {};
        }));
        return added.id;
    }
    Status update(memory::MemoryId id, const std::string& content) {
        memory::Update update;
        update.content = content;
        return governed([&] { return sea->update(id, update, "ann"); });
    }
    Status catch_up() {
        RESONANT_CHECK(sea->catch_up(100, nullptr));
        return {};
    }

    bool has(const std::string& content) {
        const auto page = sea->search(content, {}, 3, "", "ann");
        return page && !page->hits.empty() && page->hits.front().memory.content == content;
    }
    // What `resonant memory verify` finds; nothing when all is well.
    std::vector<std::string> findings() const {
        const Result<Json> found = runtime::verify_home(home);
        return found ? found->at("findings").get<std::vector<std::string>>() : std::vector{found.error().message};
    }

    const runtime::Home home;
    ManualClock clock;
    WordEmbedder embedder;
    std::unique_ptr<sql::Database> database;
    std::unique_ptr<memory::DataSea> sea;
    std::unique_ptr<govern::Ledger> ledger;

  private:
    call::Contract contract_;
};

// A folder in memory where there is one, so that a thousand syncs cost nothing: what a disk may do wrong is
// up to the tests.
class MemoryScratch {
  public:
    MemoryScratch() {
        const std::filesystem::path memory = "/dev/shm";
        const auto root = std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
        path_ = root / ("resonant-durability-" + SystemRandom().hex(8));
        std::filesystem::create_directories(path_);
    }
    MemoryScratch(const MemoryScratch&) = delete;
    MemoryScratch& operator=(const MemoryScratch&) = delete;
    ~MemoryScratch() { std::filesystem::remove_all(path_); }
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

// The seed of a test that chooses: RESONANT_SEED, or a new one. It is to be printed.
inline std::uint64_t chosen_seed() {
    const char* given = std::getenv("RESONANT_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

inline bool long_form() { return std::getenv("RESONANT_LONG") != nullptr; }

}  // namespace resonant::test
