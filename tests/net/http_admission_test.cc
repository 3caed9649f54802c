#include "resonant/net/http_admission.h"

#include <gtest/gtest.h>

#include <vector>

namespace resonant::net {
namespace {

using Verdict = HttpAdmission::Verdict;

TEST(HttpAdmission, connections_and_memory_have_limits_of_their_own) {
    HttpAdmission admission({.connections_max = 10, .memory_max = 1'000, .descriptors_max = 100});
    EXPECT_EQ(admission.judge(9, 100), Verdict::Descriptors) << "the rest is kept for others";
    EXPECT_EQ(admission.judge(9, 20), Verdict::Admitted);
    EXPECT_EQ(admission.judge(10, 20), Verdict::Connections);
    admission.hold(1'001, 0);
    EXPECT_EQ(admission.judge(9, 20), Verdict::Memory);
    admission.hold(1'000, 1'001);
    EXPECT_EQ(admission.judge(9, 20), Verdict::Admitted);
}

TEST(HttpAdmission, a_single_owner_may_have_every_place_where_there_is_no_other) {
    HttpAdmission admission({.connections_max = 16});
    std::vector<const std::string*> notes(16, nullptr);
    for (std::size_t i = 0; i < notes.size(); ++i) {
        EXPECT_TRUE(admission.claim(notes[i], "one", i + 1));
    }
}

TEST(HttpAdmission, one_of_several_owners_leaves_places_to_those_who_come_later) {
    HttpAdmission admission({.connections_max = 160, .several_owners = true});
    std::vector<const std::string*> greedy(160, nullptr), modest(20, nullptr);
    std::size_t open = 0;
    while (open < 160 && admission.claim(greedy[open], "greedy", open + 1)) {
        ++open;
    }
    EXPECT_EQ(open, 140u) << "seven of eight places";
    for (std::size_t i = 0; i < modest.size(); ++i) {
        EXPECT_TRUE(admission.claim(modest[i], "modest", ++open)) << i;
    }
    EXPECT_TRUE(admission.claim(greedy[0], "greedy", open)) << "one that it has stays";
    const std::string* more = nullptr;
    EXPECT_FALSE(admission.claim(more, "greedy", open));
    for (std::size_t i = 100; i < 140; ++i) {
        admission.release(greedy[i]);
        --open;
    }
    EXPECT_TRUE(admission.claim(more, "greedy", open)) << "there are places again";
}

TEST(HttpAdmission, every_refusal_names_what_is_limited_and_the_way_out) {
    const HttpAdmission admission({.connections_max = 7, .memory_max = 9, .connections_setting = "setting c", .memory_setting = "setting m"});
    EXPECT_NE(admission.body(Verdict::Connections).find("raise setting c"), std::string::npos);
    EXPECT_NE(admission.body(Verdict::Share).find("raise setting c"), std::string::npos);
    EXPECT_NE(admission.body(Verdict::Memory).find("raise setting m"), std::string::npos);
    EXPECT_NE(admission.body(Verdict::Descriptors).find("ulimit -n"), std::string::npos);
    EXPECT_NE(admission.answer(Verdict::Memory).find("\r\nRetry-After: 1\r\n"), std::string::npos);
}

}  // namespace
}  // namespace resonant::net
