#include "resonant/plane/intake.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <chrono>
#include <thread>

#include "resonant/shm/handover.h"
#include "tests/support/fork.h"
#include "tests/support/sockets.h"

namespace resonant::plane {
namespace {

using ring::Event;
using ring::EventRing;
using ring::EventType;

constexpr std::size_t kMost = 1'000;

Event of(EventType type, std::string_view name = {}) {
    Event event;
    event.type = type;
    ring::set_name(event, name);
    return event;
}

// A helper process: makes a ring, sends its descriptor, does `work` with it, and stays until killed.
class HelperProcess {
  public:
    using Work = std::function<void(EventRing&, ring::ExclusiveWriter&)>;
    explicit HelperProcess(const Work& work)
        : process_([&] {
              auto ring = std::move(*EventRing::create(1, ring::Kind::Exclusive));
              ring::ExclusiveWriter writer = *ring->exclusive_writer();
              const Descriptor shared = std::move(*ring->segment().share());
              const int fd = shared.get();
              static_cast<void>(shm::send_descriptors(sockets_.there.get(), {&fd, 1}, "ring"));
              work(*ring, writer);
              static_cast<void>(shm::send_descriptors(sockets_.there.get(), {}, "done"));
              std::this_thread::sleep_for(std::chrono::seconds(60));
          }) {}

    Descriptor ring() { return std::move(shm::receive_descriptors(sockets_.here.get())->descriptors.at(0)); }
    void wait_until_done() { ASSERT_TRUE(shm::receive_descriptors(sockets_.here.get()).has_value()); }
    void kill() {
        ::kill(process_.pid(), SIGKILL);
        process_.wait();
    }

  private:
    test::SocketPair sockets_;
    test::Forked process_;
};

// The helper's ring as a hostile helper sees it: writable.
ring::RingMemory& memory_of(EventRing& ring) {
    return *reinterpret_cast<ring::RingMemory*>(const_cast<std::byte*>(ring.segment().data()));
}

class IntakeTest : public ::testing::Test {
  protected:
    Status admit(HelperProcess& helper, std::initializer_list<EventType> types) {
        clearance_ = std::make_shared<Clearance>(std::span(types.begin(), types.size()));
        return intake_.admit("helper", helper.ring(), clearance_);
    }
    Intake::Stats stats() { return *intake_.stats("helper"); }
    std::vector<Event> republished() {
        std::vector<Event> events;
        for (Event event; reader_.poll(event) == ring::Poll::Got;) {
            events.push_back(event);
        }
        return events;
    }

    ManualClock clock_;
    std::unique_ptr<KernelPlane> plane_ = std::move(*KernelPlane::create(clock_, 7));
    ring::Subscription reader_ = plane_->subscribe();
    std::shared_ptr<Clearance> clearance_;
    Intake intake_{*plane_};
};

TEST_F(IntakeTest, republishes_what_is_cleared_as_the_helpers_own_and_counts_the_rest) {
    HelperProcess helper([](EventRing&, ring::ExclusiveWriter& writer) {
        Event claims = of(EventType::Custom, "tide.turned");
        claims.source = ring::source_hash("kernel");
        claims.tool = 5;
        claims.confidence = 7.0F;
        claims.lane = ring::Lane::Fast;
        claims.at_ns = 99;
        writer.publish(claims);
        writer.publish(of(EventType::SystemStopped));
        writer.publish(of(EventType::Custom, "<b>no name</b>"));
    });
    ASSERT_TRUE(admit(helper, {EventType::Custom}).has_value());
    helper.wait_until_done();
    EXPECT_EQ(intake_.turn(kMost), 3U);
    EXPECT_EQ(stats().republished, 1U);
    EXPECT_EQ(stats().refused, 1U);
    EXPECT_EQ(stats().damaged, 1U);
    const std::vector<Event> events = republished();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(ring::name_in(events[0]), "tide.turned");
    EXPECT_EQ(events[0].source, ring::source_hash("helper"));
    EXPECT_EQ(events[0].tool, 0U);
    EXPECT_EQ(events[0].confidence, 0.0F);
    EXPECT_EQ(events[0].lane, ring::Lane::Medium);
    EXPECT_EQ(events[0].at_ns, clock_.wall().count);
    EXPECT_EQ(events[0].data[0], ring::source_hash("tide.turned"));
}

TEST_F(IntakeTest, refuses_from_the_next_event_on_once_the_clearance_is_revoked) {
    HelperProcess helper([](EventRing&, ring::ExclusiveWriter& writer) {
        for (int i = 0; i < 10; ++i) {
            writer.publish(of(i % 2 == 0 ? EventType::Custom : EventType::ErrorOccurred, "n"));
        }
    });
    ASSERT_TRUE(admit(helper, {EventType::Custom, EventType::ErrorOccurred}).has_value());
    helper.wait_until_done();
    EXPECT_EQ(intake_.turn(4), 4U);
    EXPECT_EQ(stats().republished, 4U);
    clearance_->revoke(EventType::Custom);
    EXPECT_EQ(intake_.turn(2), 2U);
    EXPECT_EQ(stats().republished, 5U);
    EXPECT_EQ(stats().refused, 1U);
    clearance_->revoke();
    EXPECT_EQ(intake_.turn(kMost), 4U);
    EXPECT_EQ(stats().republished, 5U);
    EXPECT_EQ(stats().refused, 5U);
}

TEST_F(IntakeTest, takes_no_unknown_types_and_no_writable_memory) {
    HelperProcess helper([](EventRing& ring, ring::ExclusiveWriter& writer) {
        writer.publish(of(EventType::Custom, "x"));
        memory_of(ring).body(0)[0].store(0xFFFF, std::memory_order_release);
    });
    ASSERT_TRUE(admit(helper, {EventType::Custom}).has_value());
    helper.wait_until_done();
    EXPECT_EQ(intake_.turn(kMost), 1U);
    EXPECT_EQ(stats().damaged, 1U);
    EXPECT_TRUE(republished().empty());

    const Descriptor open_memory(::memfd_create("ring", MFD_CLOEXEC));
    EXPECT_EQ(intake_.admit("unsealed", Descriptor(::dup(open_memory.get())), clearance_).error().code,
              Code::PermissionDenied);
    auto shared_kind = std::move(*EventRing::create(1));
    EXPECT_EQ(intake_.admit("shared", std::move(*shared_kind->segment().share()), clearance_).error().code, Code::DataLoss);
    EXPECT_EQ(intake_.admit("helper", std::move(*shared_kind->segment().share()), clearance_).error().code,
              Code::AlreadyExists);
}

TEST_F(IntakeTest, cuts_off_a_helper_with_absurd_positions_after_bounded_work) {
    HelperProcess helper([](EventRing& ring, ring::ExclusiveWriter&) {
        for (ring::Slot& slot : memory_of(ring).slot) {
            slot.word.store(~std::uint64_t{0}, std::memory_order_release);
        }
        memory_of(ring).tail.store(~std::uint64_t{0}, std::memory_order_release);
    });
    ASSERT_TRUE(admit(helper, {EventType::Custom}).has_value());
    helper.wait_until_done();
    EXPECT_EQ(intake_.turn(kMost), 0U);
    EXPECT_TRUE(stats().cut_off);
    EXPECT_EQ(intake_.turn(kMost), 0U);
}

TEST_F(IntakeTest, counts_exactly_what_a_fast_helper_overwrote) {
    HelperProcess helper([](EventRing&, ring::ExclusiveWriter& writer) {
        for (std::uint64_t i = 0; i < 2 * ring::kSlots + 10; ++i) {
            Event event = of(EventType::WarningIssued);
            event.data[0] = i;
            writer.publish(event);
        }
    });
    ASSERT_TRUE(admit(helper, {EventType::WarningIssued}).has_value());
    helper.wait_until_done();
    while (intake_.turn(10'000) > 0) {
    }
    EXPECT_EQ(stats().taken + stats().lost, 2 * ring::kSlots + 10);
    EXPECT_GE(stats().taken, ring::kSlots / 2);
}

TEST_F(IntakeTest, stays_whole_while_a_helper_tears_its_words_and_dies_in_the_middle) {
    HelperProcess helper([](EventRing& ring, ring::ExclusiveWriter& writer) {
        writer.publish(of(EventType::ErrorOccurred));
        ring::RingMemory& memory = memory_of(ring);
        for (std::uint64_t i = 0;; ++i) {  // until it is killed
            ring::Slot& slot = memory.slot[i * 7919 % 4096];
            slot.word.store(ring::slot_word(i % 4096, static_cast<ring::State>(i % 3)), std::memory_order_release);
            slot.near[0].store(i * 0x9E3779B97F4A7C15, std::memory_order_release);
            slot.word.store(ring::slot_word(i * 7919 % 4096, ring::State::Published), std::memory_order_release);
        }
    });
    ASSERT_TRUE(admit(helper, {EventType::ErrorOccurred}).has_value());
    for (int i = 0; i < 2'000; ++i) {
        ASSERT_LE(intake_.turn(64), 64U);
    }
    helper.kill();
    for (int i = 0; i < 100; ++i) {
        intake_.turn(kMost);
    }
    const Intake::Stats all = stats();
    EXPECT_EQ(all.taken, all.republished + all.refused + all.damaged + all.dampened);
    for (const Event& event : republished()) {
        EXPECT_EQ(event.type, EventType::ErrorOccurred);
        EXPECT_EQ(event.source, ring::source_hash("helper"));
    }
    EXPECT_TRUE(intake_.withdraw("helper").has_value());
    EXPECT_EQ(intake_.withdraw("helper").error().code, Code::NotFound);
}

}  // namespace
}  // namespace resonant::plane
