// Many threads at one sea: nothing is lost, nothing waits for ever.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/memory/sea_fixture.h"

namespace resonant::memory {
namespace {

class ThreadsTest : public SeaTest {
  protected:
    void reopen_silently() {
        sea_.reset();
        auto sea = DataSea::open(*database_, folder(), &embedder_, clock_, nullptr);
        ASSERT_TRUE(sea.has_value());
        sea_ = std::move(*sea);
    }
};

TEST_F(ThreadsTest, adding_changing_finding_and_catching_up_go_side_by_side) {
    reopen_silently();  // the fixture's list of changes is for one thread
    constexpr int kEach = 60;
    std::atomic<bool> done{false};
    std::vector<std::thread> workers;
    for (int worker = 0; worker < 3; ++worker) {
        workers.emplace_back([&, worker] {
            for (int i = 0; i < kEach; ++i) {
                const std::string name = std::to_string(worker) + "x" + std::to_string(i);
                const MemoryId id = add("worker wrote " + name);
                Update update;
                update.content = "worker rewrote " + name;
                if (i % 3 == 0) {
                    EXPECT_TRUE(sea_->update(id, update, "ann").has_value());
                }
                if (i % 7 == 0) {
                    const Status erased = sea_->erase(id, "", "owner");
                    EXPECT_TRUE(erased.has_value()) << erased.error().message;
                }
                sea_->touch(std::vector<MemoryId>{id});
            }
        });
    }
    std::thread background([&] {
        while (!done) {
            EXPECT_TRUE(sea_->catch_up(16, nullptr).has_value());
        }
    });
    std::thread reader([&] {
        while (!done) {
            EXPECT_TRUE(sea_->recall("worker wrote 1x5", {}, 5, "ann").has_value());
            EXPECT_TRUE(sea_->list("accessed", {}, 5, "", "ann").has_value());
        }
    });
    for (std::thread& worker : workers) {
        worker.join();
    }
    done = true;
    background.join();
    reader.join();
    catch_up();
    constexpr int kErasedEach = (kEach + 6) / 7;
    EXPECT_EQ(sea_->zones("")->total, 3U * (kEach - kErasedEach));
    EXPECT_EQ(nearest("worker", 1000).size(), 3U * (kEach - kErasedEach));
    std::vector<std::string> findings;
    ASSERT_TRUE(sea_->verify(false, findings).has_value());
    EXPECT_THAT(findings, testing::IsEmpty());
}

TEST_F(ThreadsTest, who_holds_the_turn_to_write_waits_for_nobody_who_waits_for_it) {
    reopen_silently();
    const MemoryId id = add("one");
    std::atomic<bool> done{false};
    std::thread background([&] {
        while (!done) {
            EXPECT_TRUE(sea_->catch_up(16, nullptr).has_value());
            EXPECT_TRUE(sea_->list("accessed", {}, 5, "", "ann").has_value());
        }
    });
    for (int i = 0; i < 40; ++i) {
        ASSERT_TRUE(database_->write([&](sql::Connection&) -> Status {
            add("text " + std::to_string(i));
            std::this_thread::yield();
            sea_->touch(std::vector<MemoryId>{id});
            RESONANT_CHECK(sea_->catch_up(4, nullptr));
            RESONANT_CHECK(sea_->read(id, "ann"));
            RESONANT_CHECK(sea_->recall("text", {}, 5, "ann"));
            std::vector<std::string> findings;
            EXPECT_EQ(sea_->verify(true, findings).error().code, Code::Conflict);
            return {};
        }));
    }
    done = true;
    background.join();
    catch_up();
    EXPECT_EQ(nearest("text", 100).size(), 41U);
}

}  // namespace
}  // namespace resonant::memory
