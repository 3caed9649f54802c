#include "resonant/board/state_board.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "resonant/shm/handover.h"
#include "tests/support/allocations.h"
#include "tests/support/fork.h"
#include "tests/support/interrupt.h"
#include "tests/support/sockets.h"

namespace resonant::board {
namespace {

std::unique_ptr<StateBoard> made(std::uint64_t epoch = 5) {
    Result<std::unique_ptr<StateBoard>> board = StateBoard::create(epoch);
    EXPECT_TRUE(board.has_value());
    return std::move(*board);
}

Harmony all(double value) { return {value, value, value, value, value, value, value}; }

bool is_whole(const Harmony& harmony) {
    return harmony.balance == harmony.headroom && harmony.balance == harmony.swiftness &&
           harmony.balance == harmony.reliability && harmony.balance == harmony.dharma &&
           harmony.balance == harmony.accord && harmony.balance == harmony.energy;
}

TEST(StateBoard, begins_healthy_with_its_epoch) {
    const auto board = made(9);
    const BoardView view = board->view();
    EXPECT_EQ(view.epoch(), 9U);
    EXPECT_EQ(view.word(Field::Epoch), 9U);
    EXPECT_EQ(view.field(Field::Reliability), 1.0);
    EXPECT_NEAR(view.harmony().composite(), 1.0, 1e-12);
    EXPECT_EQ(view.resonance().family, 0U);
}

TEST(StateBoard, shows_a_written_group_as_words_as_a_group_and_in_the_snapshot) {
    const auto board = made();
    board->write(Harmony{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7});
    board->write(Resonance{1, 2, 3, 4, 5, 6, 7, 8});
    const BoardView view = board->view();
    EXPECT_EQ(view.field(Field::Balance), 0.1);
    EXPECT_EQ(view.field(Field::Energy), 0.7);
    EXPECT_EQ(view.harmony().accord, 0.6);
    EXPECT_EQ(view.word(Field::Posture), 1U);
    EXPECT_EQ(view.word(Field::UpdatedNs), 8U);
    EXPECT_EQ(view.resonance().successor, 5U);
    const Snapshot snapshot = view.snapshot();
    EXPECT_EQ(snapshot.harmony.swiftness, 0.3);
    EXPECT_EQ(snapshot.resonance.engines, 7U);
    EXPECT_EQ(snapshot.tick, 4U);  // two at the start, two here
    EXPECT_NEAR(view.harmony().composite(), 0.395, 1e-12);
}

TEST(StateBoard, shows_a_poked_word_to_every_kind_of_reader) {
    const auto board = made();
    board->set(Field::Reliability, 0.25);
    board->set(Field::Phase, 3);
    board->set_word(Field::MaturityStage, 4);
    const BoardView view = board->view();
    EXPECT_EQ(view.field(Field::Reliability), 0.25);
    EXPECT_EQ(view.harmony().reliability, 0.25);
    EXPECT_EQ(view.harmony().balance, 1.0);
    EXPECT_EQ(view.snapshot().harmony.reliability, 0.25);
    EXPECT_EQ(view.resonance().phase, 3U);
    EXPECT_EQ(view.field(Field::Phase), 3.0);
    EXPECT_EQ(view.snapshot().maturity_stage, 4U);
}

TEST(StateBoard, gives_the_same_number_for_a_field_live_and_in_a_snapshot) {
    const auto board = made();
    ASSERT_TRUE(board->register_field("depth", "items").has_value());
    for (std::uint16_t number = 0; number < kFieldsMax; ++number) {
        const auto field = static_cast<Field>(number);
        if (is_field(field)) {
            board->set(field, number + 100.0);
        }
    }
    const Snapshot snapshot = board->view().snapshot();
    for (std::uint16_t number = 0; number < kFieldsMax; ++number) {
        const auto field = static_cast<Field>(number);
        if (is_field(field)) {
            EXPECT_EQ(snapshot.field(field), number + 100.0);
            EXPECT_EQ(board->view().field(field), number + 100.0);
        }
    }
}

TEST(StateBoard, takes_the_nearest_integer_where_a_number_has_none) {
    const auto board = made();
    const BoardView view = board->view();
    board->set(Field::Phase, -3.0);
    EXPECT_EQ(view.word(Field::Phase), 0U);
    board->set(Field::Phase, std::numeric_limits<double>::quiet_NaN());
    EXPECT_EQ(view.word(Field::Phase), 0U);
    board->set(Field::UpdatedNs, 1e300);
    EXPECT_EQ(view.word(Field::UpdatedNs), std::uint64_t{1} << 63);
    board->set(Field::Phase, 2.6);
    EXPECT_EQ(view.word(Field::Phase), 3U);
}

TEST(StateBoard, keeps_breakers_and_counters_apart) {
    const auto board = made();
    board->set_breaker(63, 77);
    EXPECT_EQ(board->add_counter(0), 1U);
    EXPECT_EQ(board->add_counter(0, 9), 10U);
    EXPECT_EQ(board->add_counter(63), 1U);
    const Snapshot snapshot = board->view().snapshot();
    EXPECT_EQ(snapshot.breakers[63], 77U);
    EXPECT_EQ(snapshot.breakers[62], 0U);
    EXPECT_EQ(snapshot.counters[0], 10U);
    EXPECT_EQ(snapshot.counters[63], 1U);
    EXPECT_EQ(snapshot.user[0], 0U);
}

TEST(StateBoard, registers_user_fields_by_name_until_all_are_taken) {
    const auto board = made();
    const Result<Field> depth = board->register_field("queue_depth", "items");
    ASSERT_TRUE(depth.has_value());
    EXPECT_EQ(*depth, Field::UserFirst);
    board->set(*depth, 12.5);
    EXPECT_EQ(board->view().field(*depth), 12.5);
    EXPECT_EQ(board->find("user.queue_depth"), *depth);
    EXPECT_EQ(board->find("queue_depth"), *depth);
    EXPECT_EQ(board->find("error_rate"), Field::ErrorRate);
    EXPECT_EQ(board->find("nothing"), std::nullopt);
    EXPECT_EQ(board->registered().at(0).name, "user.queue_depth");
    EXPECT_EQ(board->registered().at(0).unit, "items");

    EXPECT_EQ(board->register_field("user.queue_depth", "").error().code, Code::AlreadyExists);
    EXPECT_EQ(board->register_field("error_rate", "").error().code, Code::AlreadyExists);
    EXPECT_EQ(board->register_field("Depth of queue", "").error().code, Code::InvalidArgument);
    EXPECT_EQ(board->register_field("", "").error().code, Code::InvalidArgument);
    for (int i = 1; i < kUserFields; ++i) {
        ASSERT_TRUE(board->register_field("field_" + std::to_string(i), "").has_value());
    }
    EXPECT_EQ(board->register_field("one_more", "").error().code, Code::ResourceExhausted);
    const auto last = static_cast<Field>(static_cast<int>(Field::UserFirst) + kUserFields - 1);
    board->set(last, 1.0);
    EXPECT_EQ(board->view().snapshot().user[63], std::bit_cast<std::uint64_t>(1.0));
}

TEST(StateBoard, user_field_has_the_kind_it_was_registered_with) {
    const auto board = made();
    const Field whole = *board->register_field("jobs", "items", {.kind = Kind::U64, .group = ""});
    const Field below = *board->register_field("balance_cents", "cents", {.kind = Kind::I64, .group = ""});
    const Field real = *board->register_field("load", "share");
    board->set(whole, 7.4);
    board->set(below, -3.6);
    board->set(real, -0.25);
    const BoardView view = board->view();
    EXPECT_EQ(view.word(whole), 7U);
    EXPECT_EQ(view.field(below), -4);
    EXPECT_EQ(view.field(real), -0.25);
    EXPECT_EQ(view.kind(below), Kind::I64);
    EXPECT_EQ(view.snapshot().field(below), -4);
    EXPECT_EQ(view.snapshot().field(whole), 7);
    board->set(below, -1e300);  // the nearest number it has
    EXPECT_EQ(view.field(below), -0x1p63);
    board->set(below, 1e300);
    EXPECT_LT(view.field(below), 0x1p63 + 1);
    EXPECT_GT(view.field(below), 0x1p62);
}

TEST(StateBoard, fields_of_a_user_group_are_written_and_read_whole) {
    const auto board = made();
    const FieldOptions queue{.kind = Kind::U64, .group = "queue"};
    const Field depth = *board->register_field("depth", "jobs", queue);
    const Field lone = *board->register_field("lone", "");
    const Field oldest = *board->register_field("oldest", "s", queue);
    const std::uint64_t tick = board->view().snapshot().tick;
    ASSERT_TRUE(board->set_together(std::array{FieldValue{oldest, 40}, FieldValue{depth, 3}}));
    EXPECT_EQ(board->view().snapshot().tick, tick + 1);

    const UserGroup group = board->view().user_group(0);
    ASSERT_EQ(group.size, 2);
    EXPECT_EQ(group.fields[0], depth);
    EXPECT_EQ(group.words[0], 3U);
    EXPECT_EQ(group.fields[1], oldest);
    EXPECT_EQ(group.words[1], 40U);
    EXPECT_EQ(board->view().user_group(1).size, 0);
    board->set(depth, 4);  // one of them alone keeps the group and its words together
    EXPECT_EQ(board->view().user_group(0).words[0], 4U);
    EXPECT_EQ(board->view().field(depth), 4);
    EXPECT_EQ(board->view().snapshot().field(oldest), 40);

    const Status mixed = board->set_together(std::array{FieldValue{depth, 1}, FieldValue{lone, 1}});
    ASSERT_FALSE(mixed);
    EXPECT_EQ(mixed.error().code, Code::InvalidArgument);
    EXPECT_EQ(board->view().field(depth), 4) << "all or none";
}

TEST(StateBoard, refuses_user_groups_beyond_their_bounds_with_words) {
    const auto board = made();
    for (int i = 0; i < kUserGroupFields; ++i) {
        ASSERT_TRUE(board->register_field("full_" + std::to_string(i), "", {.kind = Kind::F64, .group = "full"}));
    }
    EXPECT_EQ(board->register_field("more", "", {.kind = Kind::F64, .group = "full"}).error().code, Code::ResourceExhausted);
    EXPECT_EQ(board->register_field("full", "").error().code, Code::AlreadyExists);
    EXPECT_EQ(board->register_field("x", "", {.kind = Kind::F64, .group = "full_0"}).error().code, Code::AlreadyExists);
    EXPECT_EQ(board->register_field("x", "", {.kind = Kind::F64, .group = "No Group"}).error().code, Code::InvalidArgument);
    for (int i = 1; i < kUserGroups; ++i) {
        const std::string name = "g" + std::to_string(i);
        ASSERT_TRUE(board->register_field("of_" + name, "", {.kind = Kind::F64, .group = name}));
    }
    EXPECT_EQ(board->register_field("x", "", {.kind = Kind::F64, .group = "one_more"}).error().code, Code::ResourceExhausted);
    EXPECT_EQ(board->find("x"), std::nullopt) << "what was refused is not half registered";
    EXPECT_TRUE(board->register_field("x", ""));
}

TEST(StateBoard, gives_whole_user_groups_in_snapshots_beside_a_writer) {
    const auto board = made();
    const Field first = *board->register_field("first", "", {.kind = Kind::U64, .group = "pair"});
    const Field second = *board->register_field("second", "", {.kind = Kind::U64, .group = "pair"});
    const std::jthread writer([&](const std::stop_token& stop) {
        for (double i = 0; !stop.stop_requested(); ++i) {
            ASSERT_TRUE(board->set_together(std::array{FieldValue{first, i}, FieldValue{second, i}}));
        }
    });
    double newest = 0;
    for (int i = 0; i < 200'000 || newest < 10; ++i) {
        const Snapshot snapshot = board->view().snapshot();
        ASSERT_EQ(snapshot.field(first), snapshot.field(second));
        newest = snapshot.field(first);
    }
}

TEST(StateBoard, refuses_to_read_what_is_no_board) {
    alignas(4096) static const std::byte zeroes[kPageBytes] = {};
    EXPECT_EQ(BoardView::over(zeroes, sizeof zeroes).error().code, Code::DataLoss);
    EXPECT_EQ(BoardView::over(nullptr, 0).error().code, Code::DataLoss);
    const auto board = made();
    EXPECT_EQ(BoardView::over(board->view().page(), kPageBytes - 1).error().code, Code::DataLoss);
}

TEST(StateBoard, is_never_torn_while_another_thread_writes_and_pokes) {
    const auto board = made();
    const std::jthread writer([&](const std::stop_token& stop) {
        for (std::uint64_t i = 2; !stop.stop_requested(); ++i) {
            board->write(all(static_cast<double>(i)));
        }
    });
    const BoardView view = board->view();
    std::uint64_t changes = 0;
    double before = -1;
    while (changes < (test::long_run() ? 3'000'000U : 200U)) {
        const Harmony harmony = changes % 2 == 0 ? view.harmony() : view.snapshot().harmony;
        ASSERT_TRUE(is_whole(harmony));
        ASSERT_GE(harmony.balance, before);
        changes += harmony.balance != before;
        before = harmony.balance;
    }
}

TEST(StateBoard, reads_and_writes_without_allocating) {
    const auto board = made();
    const BoardView view = board->view();
    const test::Allocations allocations;
    double sum = 0;
    for (int i = 0; i < 1'000; ++i) {
        board->write(all(i));
        board->set(Field::Energy, 0.5);
        sum += view.field(Field::Energy) + view.harmony().balance + view.snapshot().harmony.dharma;
        board->heartbeat(static_cast<std::uint64_t>(i));
    }
    EXPECT_EQ(allocations.count(), 0U);
    EXPECT_GT(sum, 0);
}

// The board's writer is another process, killed inside write(); this one has the page read-only.
TEST(StateBoard, gives_the_old_or_the_new_group_wherever_the_writing_process_is_killed) {
    if (test::kSanitized) {
        GTEST_SKIP() << "most instructions would be the sanitizer's";
    }
    long points = 0;
    bool seen_old = false;
    bool seen_new = false;
    for (bool over = false; !over && points < 5'000; ++points) {
        test::SocketPair sockets;
        std::optional<shm::Segment> page;
        over = test::killed_after(
            points,
            [&] {
                auto board = made();
                board->write(all(1));
                const Result<Descriptor> shared = board->segment().share();
                const int fds[] = {shared->get()};
                ASSERT_TRUE(shm::send_descriptors(sockets.there.get(), fds, "").has_value());
                test::begin_operation();
                board->write(all(2));
                test::end_operation();
            },
            [&] {
                Result<shm::Received> received = shm::receive_descriptors(sockets.here.get());
                ASSERT_TRUE(received.has_value());
                page.emplace(*shm::Segment::attach(std::move(received->descriptors.at(0)),
                                                   Bytes{kPageBytes}));
            });
        ASSERT_TRUE(page.has_value());
        const BoardView view = *BoardView::over(page->data(), page->size());
        const Harmony harmony = view.harmony();
        ASSERT_TRUE(is_whole(harmony)) << "torn at point " << points;
        ASSERT_TRUE(harmony.balance == 1 || harmony.balance == 2);
        const double word = view.field(Field::Energy);
        ASSERT_TRUE(word == 1 || word == 2);
        seen_old |= harmony.balance == 1;
        seen_new |= harmony.balance == 2;
    }
    EXPECT_GT(points, 50);
    EXPECT_TRUE(seen_old && seen_new);
}

TEST(StateBoard, is_readable_by_another_uid_that_sees_later_stores) {
    if (::getuid() != 0) {
        GTEST_SKIP() << "only root can become another user";
    }
    const auto board = made(3);
    test::SocketPair sockets;
    test::SocketPair turns;
    test::Forked agent([&] {
        ASSERT_TRUE(test::become_nobody());
        Result<shm::Received> received = shm::receive_descriptors(sockets.there.get());
        ASSERT_TRUE(received.has_value());
        const auto page =
            shm::Segment::attach(std::move(received->descriptors.at(0)), Bytes{kPageBytes});
        ASSERT_TRUE(page.has_value());
        const BoardView view = *BoardView::over(page->data(), page->size());
        EXPECT_EQ(view.epoch(), 3U);
        char turn = 'r';
        ASSERT_EQ(::write(turns.there.get(), &turn, 1), 1);
        ASSERT_EQ(::read(turns.there.get(), &turn, 1), 1);
        EXPECT_EQ(view.field(Field::Dharma), 0.125);
        EXPECT_EQ(view.harmony().dharma, 0.125);
    });
    const Result<Descriptor> shared = board->segment().share();
    const int fds[] = {shared->get()};
    ASSERT_TRUE(shm::send_descriptors(sockets.here.get(), fds, "").has_value());
    char turn = 0;
    ASSERT_EQ(::read(turns.here.get(), &turn, 1), 1);
    board->set(Field::Dharma, 0.125);
    ASSERT_EQ(::write(turns.here.get(), &turn, 1), 1);
    EXPECT_EQ(agent.wait(), 0);
}

TEST(StateBoardDeathTest, stops_at_a_slot_it_does_not_have) {
    const auto board = made();
    EXPECT_DEATH(board->set_breaker(64, 1), "64 breaker words");
    EXPECT_DEATH(board->set(static_cast<Field>(40), 1), "not in the table");
}

}  // namespace
}  // namespace resonant::board
