#include "resonant/shm/two_copy.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <memory>
#include <random>
#include <thread>

#include "tests/support/interrupt.h"

namespace resonant::shm {
namespace {

using Seven = TwoCopy<7>;

Seven::Group filled(std::uint64_t value) {
    Seven::Group group;
    group.fill(value);
    return group;
}

bool is_whole(const Seven::Group& group) {
    for (const std::uint64_t word : group) {
        if (word != group[0]) {
            return false;
        }
    }
    return true;
}

// One TwoCopy that a forked child shares.
class Shared {
  public:
    Shared()
        : group_(static_cast<Seven*>(::mmap(nullptr, sizeof(Seven), PROT_READ | PROT_WRITE,
                                            MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;
    ~Shared() { ::munmap(group_, sizeof(Seven)); }
    Seven* operator->() const { return group_; }

  private:
    Seven* group_;
};

TEST(TwoCopy, reads_zeroes_before_the_first_write_and_then_the_newest_group) {
    const Shared group;
    EXPECT_EQ(group->read(), filled(0));
    for (std::uint64_t i = 1; i < 10; ++i) {
        group->write(filled(i));
        EXPECT_EQ(group->read(), filled(i));
        EXPECT_EQ(group->version(), i);
    }
}

TEST(TwoCopy, gives_the_old_or_the_new_group_wherever_its_writer_is_killed) {
    if (test::kSanitized) {
        GTEST_SKIP() << "most instructions would be the sanitizer's";
    }
    long points = 0;
    bool seen_old = false;
    bool seen_new = false;
    for (bool over = false; !over && points < 5'000; ++points) {
        const Shared group;
        group->write(filled(1));
        over = test::killed_after(points, [&] {
            const Seven::Group next = filled(2);
            test::begin_operation();
            group->write(next);
            test::end_operation();
        });
        Seven::Group read;
        ASSERT_TRUE(group->try_read(read)) << "a reader waits for the dead, point " << points;
        ASSERT_TRUE(read == filled(1) || read == filled(2)) << "torn at point " << points;
        seen_old |= read == filled(1);
        seen_new |= read == filled(2);
        group->write(filled(3));  // a successor goes on
        ASSERT_EQ(group->read(), filled(3));
    }
    EXPECT_GT(points, 20);
    EXPECT_TRUE(seen_old && seen_new);
}

TEST(TwoCopy, is_never_torn_under_a_writer_that_does_not_pause) {
    const auto group = std::make_unique<Seven>();
    const std::jthread writer([&](const std::stop_token& stop) {
        for (std::uint64_t i = 1; !stop.stop_requested(); ++i) {
            group->write(filled(i));
        }
    });
    std::uint64_t before = 0;
    std::uint64_t changes = 0;
    const std::uint64_t changes_min = test::long_run() ? 5'000'000 : 200;
    while (changes < changes_min) {
        const Seven::Group read = group->read();
        ASSERT_TRUE(is_whole(read));
        ASSERT_GE(read[0], before) << "went back in time";
        changes += read[0] != before;
        before = read[0];
    }
}

TEST(TwoCopyDeathTest, stops_at_damage_that_no_writer_can_leave) {
    alignas(64) unsigned char bytes[sizeof(Seven)];
    std::mt19937 noise(7);
    for (unsigned char& byte : bytes) {
        byte = static_cast<unsigned char>(noise());
    }
    const auto* group = reinterpret_cast<const Seven*>(bytes);
    Seven::Group read;
    EXPECT_FALSE(group->try_read(read));
    EXPECT_DEATH(static_cast<void>(group->read()), "damaged");
}

}  // namespace
}  // namespace resonant::shm
