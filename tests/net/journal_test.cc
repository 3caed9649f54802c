#include "resonant/net/journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>

namespace resonant::net {
namespace {

// The same memory as another process would map it.
std::unique_ptr<Journal> twin(const Journal& journal) {
    auto other = Journal::adopt(Descriptor(dup(journal.descriptor())));
    EXPECT_TRUE(other) << other.error().message;
    return other ? std::move(*other) : nullptr;
}

void receive(Journal& journal, std::string_view text) {
    const std::span<char> room = journal.room(text.size());
    ASSERT_GE(room.size(), text.size());
    std::memcpy(room.data(), text.data(), text.size());
    journal.received(text.size());
}

std::unique_ptr<Journal> fresh() {
    auto journal = Journal::create();
    EXPECT_TRUE(journal) << journal.error().message;
    return std::move(*journal);
}

TEST(Journal, the_next_process_finds_the_input_that_was_not_taken) {
    const auto journal = fresh();
    receive(*journal, "one\ntwo");
    journal->commit(4);
    EXPECT_EQ(twin(*journal)->input(), "two");
}

TEST(Journal, bytes_read_but_not_counted_are_found) {
    const auto journal = fresh();
    receive(*journal, "{\"id\":");
    const std::string_view uncounted = "12}";
    std::memcpy(journal->room(16).data(), uncounted.data(), uncounted.size());  // and then it dies
    EXPECT_EQ(twin(*journal)->input(), "{\"id\":12}");
}

TEST(Journal, an_id_is_owed_only_once_its_line_was_taken) {
    const auto journal = fresh();
    receive(*journal, "first\nsecond\n");
    ASSERT_TRUE(journal->open("1"));
    journal->commit(6);
    ASSERT_TRUE(journal->open("2"));  // and then it dies, before commit
    const auto next = twin(*journal);
    EXPECT_EQ(next->open_labels(), std::vector<std::string>{"1"});
    EXPECT_EQ(next->input(), "second\n");
}

TEST(Journal, an_answered_id_is_owed_no_more) {
    const auto journal = fresh();
    ASSERT_TRUE(journal->open("\"a\""));
    ASSERT_TRUE(journal->open("\"b\""));
    journal->commit(0);
    journal->close("\"a\"");
    EXPECT_EQ(twin(*journal)->open_labels(), std::vector<std::string>{"\"b\""});
}

TEST(Journal, ids_anywhere_in_the_table_are_found_though_empty_pages_are_not_looked_at) {
    const auto journal = fresh();
    for (std::size_t i = 0; i < kOpenMax; ++i) {
        ASSERT_TRUE(journal->open(std::to_string(i)));
    }
    journal->commit(0);
    for (std::size_t i = 0; i < kOpenMax; ++i) {
        if (i != 3 && i != 200) {
            journal->close(std::to_string(i));
        }
    }
    EXPECT_EQ(twin(*journal)->open_labels(), (std::vector<std::string>{"200", "3"}));
}

TEST(Journal, an_idle_client_holds_four_pages_and_no_descriptor_of_it_is_kept) {
    const auto journal = fresh();
    receive(*journal, std::string(60'000, 'x') + "\n");
    ASSERT_TRUE(journal->open("1"));
    ASSERT_TRUE(journal->set_note("agreed"));
    journal->commit(60'001);
    const auto other = twin(*journal);
    EXPECT_EQ(other->descriptor(), -1);
    other->close("1");
    EXPECT_FALSE(other->room(16).empty());
    struct stat facts {};
    ASSERT_EQ(fstat(journal->descriptor(), &facts), 0);
    EXPECT_LE(facts.st_blocks * 512, 5 * 4096);
    for (const char byte : other->room(60'000).first(60'000)) {
        ASSERT_EQ(byte, '\0');
    }
}

TEST(Journal, a_full_table_and_a_long_id_are_refused) {
    const auto journal = fresh();
    EXPECT_FALSE(journal->open(std::string(kLabelMax + 1, '7')));
    for (std::size_t i = 0; i < kOpenMax; ++i) {
        ASSERT_TRUE(journal->open(std::to_string(i)));
    }
    EXPECT_FALSE(journal->open("one more"));
    journal->commit(0);
    journal->close("17");
    EXPECT_TRUE(journal->open("one more"));
}

TEST(Journal, keeps_the_last_note_whole) {
    const auto journal = fresh();
    ASSERT_TRUE(journal->set_note("first"));
    ASSERT_TRUE(journal->set_note("second"));
    EXPECT_EQ(twin(*journal)->note(), "second");
    EXPECT_FALSE(journal->set_note(std::string(kNoteMax + 1, 'n')));
    EXPECT_EQ(journal->note(), "second");
}

TEST(Journal, a_partial_line_moves_to_the_front_when_the_end_is_near) {
    const auto journal = fresh();
    const std::string big(kLineMax, 'x');
    receive(*journal, big + "\n");
    receive(*journal, big.substr(0, kLineMax - 100) + "tail");
    journal->commit(big.size() + 1);
    const std::span<char> room = journal->room(512 * 1024);
    EXPECT_EQ(room.size(), 512U * 1024U);
    EXPECT_EQ(journal->input().size(), kLineMax - 96);
    EXPECT_TRUE(journal->input().ends_with("tail"));
    EXPECT_EQ(twin(*journal)->input(), journal->input()) << "no ghost of the moved bytes";
}

TEST(Journal, reads_zero_where_nothing_was_received_again) {
    const auto journal = fresh();
    receive(*journal, "secret line\n");
    journal->commit(12);
    const std::span<char> room = journal->room(64);
    EXPECT_EQ(std::string_view(room.data(), 12), std::string_view("\0\0\0\0\0\0\0\0\0\0\0\0", 12));
}

TEST(Journal, what_is_no_sealed_journal_is_refused) {
    Descriptor unsealed(memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    const auto refused = Journal::adopt(std::move(unsealed));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::InvalidArgument);

    Descriptor small(memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(ftruncate(small.get(), 4096), 0);
    ASSERT_EQ(fcntl(small.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    EXPECT_FALSE(Journal::adopt(std::move(small)));
    EXPECT_FALSE(Journal::adopt(Descriptor(dup(0))));
}

TEST(Journal, a_cursor_that_another_process_spoiled_is_bounded) {
    const auto journal = fresh();
    receive(*journal, "abc");
    void* raw = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, journal->descriptor(), 0);
    ASSERT_NE(raw, MAP_FAILED);
    std::memset(static_cast<char*>(raw) + 16, 0xff, 8);  // the cursor; docs/formats/wire.md
    EXPECT_LE(journal->input().size(), 2 * kLineMax + 128 * 1024);
    EXPECT_LE(journal->room(10).size(), 2 * kLineMax + 128 * 1024);
    munmap(raw, 4096);
}

// A client of another user keeps its journal mapped and may write there between any two steps of ours.
TEST(Journal, a_cursor_that_moves_between_room_and_received_ends_nobody) {
    const auto journal = fresh();
    ASSERT_GE(journal->room(100).size(), 100U);
    void* raw = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, journal->descriptor(), 0);
    ASSERT_NE(raw, MAP_FAILED);
    std::memset(static_cast<char*>(raw) + 16, 0xff, 8);  // the cursor; docs/formats/wire.md
    journal->received(100);
    EXPECT_LE(journal->input().size(), 2 * kLineMax + 128 * 1024);
    journal->commit(50);
    munmap(raw, 4096);
}

}  // namespace
}  // namespace resonant::net
