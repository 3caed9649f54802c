#include "resonant/ring/event.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "resonant/ring/slot.h"
#include "tests/support/ring_reader.h"
#include "tests/support/repository.h"

namespace resonant::ring {
namespace {

constexpr auto kTypes = static_cast<std::uint16_t>(EventType::Count);

TEST(Event, has_one_name_for_each_type_and_finds_it_again) {
    std::set<std::string_view> names;
    for (std::uint16_t i = 1; i < kTypes; ++i) {
        const auto type = static_cast<EventType>(i);
        EXPECT_TRUE(names.insert(name_of(type)).second) << name_of(type);
        EXPECT_EQ(find_event(name_of(type)), type);
    }
    EXPECT_EQ(name_of(EventType::ToolCompleted), "tool_completed");
    EXPECT_EQ(find_event("no_such_event"), std::nullopt);
    EXPECT_EQ(find_event("none"), std::nullopt);
    EXPECT_EQ(name_of(static_cast<EventType>(9'999)), "none");
}

TEST(Event, travels_whole_with_and_without_a_name) {
    for (std::uint64_t number : {1U, 3U}) {
        const Event sent = test::numbered(number);
        std::array<std::uint64_t, kNamedWords> words;
        words.fill(~std::uint64_t{0});  // what an older event left in the slot
        std::size_t count = 0;
        pack(sent, [&](std::size_t i, std::uint64_t word) {
            words.at(i) = word;
            ++count;
        });
        EXPECT_EQ(count, number == 3 ? kNamedWords : kPlainWords);
        Event received = test::numbered(6);
        unpack(received, [&](std::size_t i) { return words.at(i); });
        EXPECT_TRUE(test::same(received, sent));
    }
}

TEST(Event, takes_what_another_process_wrote_as_input) {
    Event event;
    unpack(event, [](std::size_t) { return ~std::uint64_t{0}; });
    EXPECT_EQ(event.type, EventType::None);
    EXPECT_EQ(event.lane, Lane::Medium);
    EXPECT_EQ(name_in(event).size(), 47U);
}

TEST(Event, cuts_a_long_name_at_a_whole_character) {
    Event event;
    set_name(event, std::string(46, 'a') + "\xC3\xA9");  // 48 bytes, the last two one character
    EXPECT_EQ(name_in(event), std::string(46, 'a'));
    set_name(event, std::string(45, 'a') + "\xC3\xA9");
    EXPECT_EQ(name_in(event), std::string(45, 'a') + "\xC3\xA9");
    set_name(event, "");
    EXPECT_EQ(name_in(event), "");
}

TEST(Event, tells_senders_apart_and_is_stable) {
    EXPECT_EQ(source_hash("kernel"), source_hash("kernel"));
    EXPECT_NE(source_hash("kernel"), source_hash("kernel2"));
    EXPECT_EQ(source_hash(""), 0xCBF29CE4U ^ 0x84222325U);
}

TEST(RingFormat, page_lists_every_type_as_the_code_has_it_and_no_other) {
    const std::string page = test::file_of_repository("docs/formats/ring.md");
    std::string table = "|---|---|---|\n";
    for (std::uint16_t i = 0; i < kTypes; ++i) {
        const auto type = static_cast<EventType>(i);
        table += "| " + std::to_string(i) + " | " + std::string(name_of(type)) + " | " +
                 std::string(name_of(lane_of(type))) + " |\n";
    }
    EXPECT_NE(page.find(table + "\n"), std::string::npos)
        << "docs/formats/ring.md should have:\n"
        << table;
}

// Reads an attached ring by docs/formats/ring.md alone.
TEST(RingFormat, is_what_the_page_says) {
    const auto ring = test::made_ring(11);
    Event event = test::numbered(3);
    event.confidence = 0.5F;
    ring->publish(test::numbered(1));
    ring->publish(event);
    const auto segment = shm::Segment::attach(*ring->segment().share(), Bytes{kRingBytes});
    ASSERT_TRUE(segment.has_value());
    const auto word = [&](std::size_t offset) {
        std::uint64_t value = 0;
        std::memcpy(&value, segment->data() + offset, sizeof value);
        return value;
    };
    EXPECT_EQ(std::memcmp(segment->data(), "RSWRING2", 8), 0);
    EXPECT_EQ(word(8), 3U);
    EXPECT_EQ(word(16), 11U);
    EXPECT_EQ(word(24), 65'536U);
    EXPECT_EQ(word(128), 2U);
    EXPECT_EQ(word(256) & 0xFFFFFFFF, 0U);
    const std::size_t slot = 4096 + 64;  // position 1
    const std::size_t body = slot + 8;
    EXPECT_EQ(word(slot), (std::uint64_t{2} << 12) | 2U);
    EXPECT_EQ(word(body) & 0xFFFF, static_cast<std::uint64_t>(EventType::ToolCompleted));
    EXPECT_EQ(word(body) >> 16 & 0xFF, static_cast<std::uint64_t>(Lane::Medium));
    EXPECT_EQ(word(body) >> 24 & 0xFF, 1U);
    EXPECT_EQ(word(body) >> 32, 21U);
    EXPECT_EQ(word(body + 8) & 0xFFFFFFFF, 0x3F000000U);
    EXPECT_EQ(word(body + 8) >> 32, 3U);
    EXPECT_EQ(word(body + 16), 3U);
    EXPECT_EQ(word(body + 24), 3U);
    EXPECT_EQ(word(body + 48), 6U);
    EXPECT_STREQ(reinterpret_cast<const char*>(segment->data()) + 4096 + 65'537 * 64, event.name.data());
}

TEST(RingFormat, keeps_what_different_threads_write_on_lines_of_their_own) {
    EXPECT_GE(offsetof(RingMemory, armed) - offsetof(RingMemory, tail), kCacheLine);
    EXPECT_GE(offsetof(RingMemory, slot) - offsetof(RingMemory, armed), kCacheLine);
    EXPECT_GE(offsetof(RingMemory, tail) - offsetof(RingMemory, slots), 64U);
    EXPECT_EQ(offsetof(RingMemory, slot) % kCacheLine, 0U);
}

}  // namespace
}  // namespace resonant::ring
