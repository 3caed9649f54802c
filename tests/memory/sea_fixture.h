// A DataSea over a fresh home, with a clock that stands still and an embedder that needs no model.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/memory/data_sea.h"
#include "resonant/sql/database.h"
#include "tests/support/scratch.h"
#include "tests/support/word_embedder.h"

namespace resonant::memory {

class SeaTest : public testing::Test {
  protected:
    SeaTest() { reopen(); }

    void reopen(bool with_model = true) {
        sea_.reset();
        database_.reset();
        auto database = sql::Database::open(scratch_ / "home.db", {});
        ASSERT_TRUE(database.has_value()) << database.error().message;
        database_ = std::move(*database);
        auto sea = DataSea::open(*database_, folder(), with_model ? &embedder_ : nullptr, clock_,
                                 [this](Change change, MemoryId id, std::uint64_t) {
                                     changes_.emplace_back(change, id);
                                 });
        ASSERT_TRUE(sea.has_value()) << sea.error().message;
        sea_ = std::move(*sea);
    }

    std::filesystem::path folder() const { return scratch_ / "sea"; }

    MemoryId add(const std::string& content, const Memory& like = {}) {
        Memory memory = like;
        memory.content = content;
        memory.owner = memory.owner.empty() ? "ann" : memory.owner;
        const auto added = sea_->add(memory);
        EXPECT_TRUE(added.has_value()) << added.error().message;
        return added ? added->id : 0;
    }
    void catch_up() {
        const auto left = sea_->catch_up(100'000, nullptr);
        ASSERT_TRUE(left.has_value()) << left.error().message;
        EXPECT_EQ(*left, 0U);
    }
    Memory read(MemoryId id, const std::string& viewer = "ann") {
        const auto memory = sea_->read(id, viewer);
        EXPECT_TRUE(memory.has_value()) << memory.error().message;
        return memory.value_or(Memory());
    }
    static std::vector<MemoryId> ids(const Result<Page>& page) {
        EXPECT_TRUE(page.has_value()) << page.error().message;
        std::vector<MemoryId> found;
        for (const Hit& hit : page.value_or(Page()).hits) {
            found.push_back(hit.memory.id);
        }
        return found;
    }
    std::vector<MemoryId> search(const std::string& query, const Filter& filter = {},
                                 const std::string& viewer = "ann") {
        return ids(sea_->search(query, filter, 10, "", viewer));
    }
    std::vector<MemoryId> recall(const std::string& query, const Filter& filter = {},
                                 const std::string& viewer = "ann") {
        return ids(sea_->recall(query, filter, 10, viewer));
    }
    std::vector<MemoryId> nearest(const std::string& text, std::size_t k, const Filter& filter = {},
                                  const std::string& viewer = "ann") {
        return ids(sea_->nearest(*embedder_.embed(text), filter, k, -1, viewer));
    }

    test::Scratch scratch_;
    ManualClock clock_;
    test::WordEmbedder embedder_;
    std::vector<std::pair<Change, MemoryId>> changes_;
    std::unique_ptr<sql::Database> database_;
    std::unique_ptr<DataSea> sea_;
};

using Ids = std::vector<MemoryId>;

}  // namespace resonant::memory
