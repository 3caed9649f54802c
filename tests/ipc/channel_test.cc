// One suite for every kind of channel; what only one kind promises stands in its own test.
#include "resonant/ipc/channel.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <future>
#include <thread>

#include "resonant/ipc/root.h"
#include "tests/support/again.h"
#include "tests/support/scratch.h"

namespace resonant::ipc {
namespace {

constexpr std::size_t kBoard = 0;
constexpr std::size_t kBatches = 1;
constexpr Nanos kPatience = from_seconds(30);  // a bound, never a measure

Services services() {
    return {.topics = {{.name = "board", .sample_max = Bytes{4096}, .history = 1, .buffer = 4},
                       {.name = "batches", .sample_max = kibibytes(256), .history = 0, .buffer = 8}},
            .guests_max = 4};
}

class Channel : public ::testing::TestWithParam<Kind> {
  protected:
    void SetUp() override {
        if (!is_built(GetParam())) {
            GTEST_SKIP() << "left out of this build; `resonant doctor` says so";
        }
        root_ = std::move(*Root::create(scratch_ / "c", 1));
        auto owner = own(GetParam(), root_->place(), services());
        ASSERT_TRUE(owner.has_value()) << owner.error().message;
        owner_ = std::move(*owner);
    }

    // Does `work` on another thread while this one answers as the owner.
    template <typename Work>
    auto beside(const Work& work) {
        auto done = std::async(std::launch::async, work);
        while (done.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
            const auto answered = owner_->answer([](std::string_view question) {
                return question == "big" ? std::string(kQuestionBytesMax, 'x') : "re: " + std::string(question);
            });
            EXPECT_TRUE(answered.has_value()) << answered.error().message;
        }
        return done.get();
    }
    std::unique_ptr<Guest> guest() {
        auto joined = beside([this] { return join(GetParam(), root_->place()); });
        EXPECT_TRUE(joined.has_value()) << (joined ? "" : joined.error().message);
        return std::move(*joined);
    }
    std::unique_ptr<test::Again> process() {
        return std::make_unique<test::Again>(
            "ChannelGuest.DISABLED_reads_the_board",
            std::vector<std::string>{"PLACE=" + root_->place().folder.string(), "PREFIX=" + root_->place().prefix,
                                     "KIND=" + std::string(name_of(GetParam()))});
    }
    void wait_for_questions(std::size_t count) {
        for (std::size_t came = 0; came < count;) {
            came += *owner_->answer([](std::string_view) { return std::string("go"); });
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
    // Publishes a sample of `bytes` bytes that all have the low byte of `value`.
    void publish(std::size_t topic, std::size_t bytes, int value) {
        auto loan = owner_->loan(topic, bytes);
        ASSERT_TRUE(loan.has_value()) << loan.error().message;
        ASSERT_EQ(reinterpret_cast<std::uintptr_t>(loan->data()) % 64, 0U);
        std::memset(loan->data(), value, loan->size());
        ASSERT_TRUE(owner_->send(topic).has_value());
    }
    static bool is_all(const Sample& sample, int value) {
        for (const std::byte byte : sample.bytes) {
            if (byte != static_cast<std::byte>(value)) {
                return false;
            }
        }
        return !sample.bytes.empty();
    }

    test::Scratch scratch_;
    std::unique_ptr<Root> root_;
    std::unique_ptr<Owner> owner_;
};

INSTANTIATE_TEST_SUITE_P(Every, Channel, ::testing::Values(Kind::Sealed, Kind::Iceoryx2),
                         [](const auto& kind) { return std::string(name_of(kind.param)); });

TEST_P(Channel, brings_samples_whole_aligned_and_in_order) {
    const auto joined = guest();
    const auto subscriber = *joined->subscribe("batches");
    for (int i = 0; i < 5; ++i) {
        publish(kBatches, 1000 + static_cast<std::size_t>(i), i);
    }
    for (int i = 0; i < 5; ++i) {
        const auto sample = subscriber->receive();
        ASSERT_TRUE(sample.has_value() && sample->has_value());
        EXPECT_EQ((*sample)->position, static_cast<std::uint64_t>(i));
        EXPECT_EQ((*sample)->bytes.size(), 1000U + static_cast<std::size_t>(i));
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>((*sample)->bytes.data()) % 64, 0U);
        EXPECT_TRUE(is_all(**sample, i));
    }
    EXPECT_FALSE(subscriber->receive()->has_value());
    EXPECT_EQ(subscriber->lost(), 0U);
}

TEST_P(Channel, tells_a_slow_subscriber_exactly_how_many_samples_it_lost) {
    const auto joined = guest();
    const auto subscriber = *joined->subscribe("batches");
    publish(kBatches, 64, 0);
    ASSERT_TRUE(subscriber->receive()->has_value());
    for (int i = 1; i <= 20; ++i) {
        publish(kBatches, 64, i);
    }
    std::size_t came = 0;
    for (auto sample = subscriber->receive(); sample->has_value(); sample = subscriber->receive()) {
        EXPECT_EQ((*sample)->position, 13 + came);  // a buffer of 8 holds the last 8 of 21
        ++came;
    }
    EXPECT_EQ(came, 8U);
    EXPECT_EQ(subscriber->lost(), 12U);
}

TEST_P(Channel, gives_who_comes_late_the_history_and_counts_nothing_lost) {
    for (int i = 0; i < 10; ++i) {
        publish(kBoard, 4096, i);
    }
    const auto joined = guest();
    const auto late = *joined->subscribe("board");
    ASSERT_EQ(*beside([&] { return joined->ask("here", kPatience); }), "re: here");
    const auto sample = late->receive();
    ASSERT_TRUE(sample->has_value());
    EXPECT_EQ((*sample)->position, 9U);
    EXPECT_TRUE(is_all(**sample, 9));
    EXPECT_FALSE(late->receive()->has_value());
    EXPECT_EQ(late->lost(), 0U);
}

TEST_P(Channel, leaves_a_received_sample_as_it_is_while_the_owner_goes_on) {
    const auto joined = guest();
    const auto subscriber = *joined->subscribe("board");
    publish(kBoard, 4096, 1);
    const auto sample = subscriber->receive();
    for (int i = 2; i < 100; ++i) {
        publish(kBoard, 4096, i);
    }
    EXPECT_TRUE(is_all(**sample, 1));
}

TEST_P(Channel, refuses_samples_beyond_the_topic_and_topics_nobody_made) {
    EXPECT_EQ(owner_->loan(kBoard, 4097).error().code, Code::InvalidArgument);
    EXPECT_EQ(owner_->loan(kBoard, 0).error().code, Code::InvalidArgument);
    EXPECT_FALSE(owner_->send(kBoard).has_value());
    const auto missing = guest()->subscribe("absent");
    EXPECT_EQ(missing.error().code, Code::NotFound) << missing.error().message;
}

TEST_P(Channel, takes_a_loan_back_that_was_not_sent) {
    const auto joined = guest();
    const auto subscriber = *joined->subscribe("board");
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(owner_->loan(kBoard, 4096).has_value());
    }
    publish(kBoard, 4096, 5);
    const auto sample = subscriber->receive();
    EXPECT_EQ((*sample)->position, 0U);
    EXPECT_TRUE(is_all(**sample, 5));
}

TEST_P(Channel, wakes_a_sleeping_listener_with_each_id_and_its_count) {
    const auto listener = *guest()->listen();
    EXPECT_TRUE(listener->wait(Nanos{0})->empty());
    auto woken = std::async(std::launch::async, [&] { return *listener->wait(kPatience); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ASSERT_TRUE(owner_->notify(7).has_value());
    const std::vector<Notice> first = woken.get();
    ASSERT_EQ(first.size(), 1U);
    EXPECT_EQ(first[0].id, 7U);
    EXPECT_EQ(first[0].count, 1U);
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(owner_->notify(63).has_value());
    }
    std::uint64_t count = 0;
    const std::vector<Notice> rest = *listener->wait(kPatience);
    for (const Notice& notice : rest) {
        count += notice.id == 63 ? notice.count : 1000;
    }
    EXPECT_EQ(count, 3U);
}

TEST_P(Channel, answers_questions_and_says_when_there_is_no_answer) {
    const auto asking = guest();
    EXPECT_EQ(*beside([&] { return asking->ask("how?", kPatience); }), "re: how?");
    EXPECT_EQ(beside([&] { return asking->ask("big", kPatience); })->size(), kQuestionBytesMax);
    EXPECT_EQ(asking->ask(std::string(kQuestionBytesMax + 1, 'q'), kPatience).error().code, Code::InvalidArgument);
    EXPECT_EQ(asking->ask("", kPatience).error().code, Code::InvalidArgument);
    EXPECT_EQ(asking->ask("nobody answers", from_millis(20)).error().code, Code::Timeout);
    EXPECT_EQ(*beside([&] { return asking->ask("and now?", kPatience); }), "re: and now?");
}

// What the guests of the next tests do, each in a process of its own: reads the board until sample 999.
// tidy-allow(tests_are_sentences): other tests run it in a process of its own
TEST(ChannelGuest, DISABLED_reads_the_board) {
    const auto value = [](const char* name) { return std::string(std::getenv(name) == nullptr ? "" : std::getenv(name)); };
    if (value("PLACE").empty()) {
        GTEST_SKIP() << "other tests start this one";
    }
    const auto joined = join(value("KIND") == "sealed" ? Kind::Sealed : Kind::Iceoryx2, {value("PLACE"), value("PREFIX")});
    ASSERT_TRUE(joined.has_value()) << joined.error().message;
    const auto subscriber = *(*joined)->subscribe("board");
    ASSERT_TRUE((*joined)->ask("ready", kPatience).has_value());
    std::uint64_t last = 0;
    while (last < 999) {
        const auto sample = subscriber->receive();
        ASSERT_TRUE(sample.has_value()) << sample.error().message;
        if (*sample) {
            for (const std::byte byte : (*sample)->bytes) {
                ASSERT_EQ(byte, static_cast<std::byte>((*sample)->position)) << (*sample)->position;
            }
            last = (*sample)->position;
        }
    }
}

TEST_P(Channel, serves_four_guests_in_other_processes) {
    std::vector<std::unique_ptr<test::Again>> guests;
    for (int number = 0; number < 4; ++number) {
        guests.push_back(process());
    }
    wait_for_questions(4);
    for (int i = 0; i < 1000; ++i) {
        publish(kBoard, 4096, i);
    }
    for (const auto& one : guests) {
        EXPECT_EQ(one->wait(), 0);
    }
}

TEST_P(Channel, goes_on_when_a_guest_is_killed_and_frees_what_it_held) {
    for (int round = 0; round < 3; ++round) {
        const auto doomed = process();
        wait_for_questions(1);
        for (int i = 0; i < 200; ++i) {
            publish(kBoard, 4096, round * 200 + i);
        }
        doomed->kill();
        const auto reaped = owner_->reap();
        ASSERT_TRUE(reaped.has_value()) << reaped.error().message;
        EXPECT_EQ(*reaped, 1U);
    }
    const auto joined = guest();
    const auto subscriber = *joined->subscribe("batches");
    publish(kBatches, 64, 3);
    EXPECT_TRUE(is_all(**subscriber->receive(), 3));
}

TEST_P(Channel, cannot_be_written_through_a_received_sample) {
    const auto joined = guest();
    const auto subscriber = *joined->subscribe("batches");
    publish(kBatches, 64, 3);
    const Sample sample = **subscriber->receive();
    if (GetParam() == Kind::Iceoryx2) {  // it shows the shared page itself
        EXPECT_DEATH(*reinterpret_cast<volatile char*>(const_cast<std::byte*>(sample.bytes.data())) = 1, "");
    }
    const auto second = *guest()->subscribe("batches");
    publish(kBatches, 64, 4);
    EXPECT_TRUE(is_all(**second->receive(), 4));
}

TEST(ChannelKinds, nobody_joins_where_nobody_made_a_channel) {
    const test::Scratch scratch;
    for (const Kind kind : {Kind::Sealed, Kind::Iceoryx2}) {
        const auto joined = join(kind, {scratch / "absent", "absent_"});
        ASSERT_FALSE(joined.has_value());
        EXPECT_EQ(joined.error().code, is_built(kind) ? Code::NotFound : Code::Unimplemented) << joined.error().message;
    }
}

TEST(ChannelKinds, impossible_services_are_refused_before_anything_is_made) {
    const test::Scratch scratch;
    const Place place{scratch.path(), "refused_"};
    EXPECT_EQ(own(Kind::Sealed, place, {.topics = {{.name = "", .sample_max = Bytes{1}}}}).error().code,
              Code::InvalidArgument);
    EXPECT_EQ(own(Kind::Sealed, place, {.topics = {{.name = "t", .sample_max = Bytes{1}, .history = 9, .buffer = 8}}})
                  .error()
                  .code,
              Code::InvalidArgument);
    EXPECT_EQ(own(Kind::Sealed, place, {.topics = std::vector<Topic>(16, {.name = "t", .sample_max = Bytes{1}})})
                  .error()
                  .code,
              Code::InvalidArgument);
}

}  // namespace
}  // namespace resonant::ipc
