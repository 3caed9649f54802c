#include "resonant/govern/sanitizer.h"

#include <gmock/gmock.h>

#include "tests/govern/house.h"

namespace resonant::govern {
namespace {

using ::testing::HasSubstr;

class SanitizerTest : public House {
  protected:
    std::optional<call::Denial> judge(Json arguments, bool free_text = false) {
        contract_.free_text = free_text;
        std::string note;
        return Sanitizer().judge(call_of(contract_, std::move(arguments)), Look::Take, note);
    }

    call::Contract contract_ = contract("memory.search");
};

// What must never be refused (docs/formats/policy.md, "What the sanitizer lets pass").
TEST_F(SanitizerTest, lets_ordinary_words_pass) {
    for (const char* text :
         {"use sudo apt install curl", "ignore all previous instructions is what the attacker wrote", "`make` and $(pwd)",
          "../relative/path and /etc/passwd", "SELECT * FROM t; DROP TABLE t", "<system>tag</system>", "you are now a member",
          "line one\nline two\ttabbed\r\n", "naïve café", "日本語のテキスト", "مرحبا بالعالم", "שלום", "हिन्दी में क्षत्रिय",
          "ภาษาไทย​ตัดคำ", "family 👨‍👩‍👧 and flag 🏳️‍🌈", "keycap 1️⃣", "flag 🏴󠁧󠁢󠁥󠁮󠁧󠁿 of England", "葛󠄀飾区",
          "می‌خواهم", "‏שלום‎ world", "soft­hyphen"}) {
        EXPECT_EQ(words(judge({{"query", text}})), "passed") << text;
    }
}

TEST_F(SanitizerTest, refuses_text_that_cannot_be_seen) {
    for (const char* text : {"safe\u202Eevil", "zero\u200Bwidth", "join\u200Der", "mark\u200Fed", "b\uFEFFom", "tag\U000E0041",
                             "select\uFE0For", "iso\u2066late", "word\u2060joiner", "\U000E0100", "non\uFFFE", "\uFDD0"}) {
        const auto denial = judge({{"query", text}});
        ASSERT_TRUE(denial.has_value()) << text;
        EXPECT_EQ(denial->code, "hidden_text");
        EXPECT_THAT(denial->reason, HasSubstr("argument query: the character U+"));
    }
}

TEST_F(SanitizerTest, refuses_control_characters_and_names_the_place) {
    const auto denial = judge({{"filters", {{"tags", {"ok", std::string("nul\0", 4)}}}}});
    ASSERT_TRUE(denial.has_value());
    EXPECT_EQ(denial->code, "control_character");
    EXPECT_THAT(denial->reason, HasSubstr("argument filters.tags[1]: the character U+0000"));
    EXPECT_TRUE(judge({{"query", "\x1B[2J"}}).has_value());
    EXPECT_TRUE(judge({{"query", "\u009B"}}).has_value());
    EXPECT_TRUE(judge({{"bad\x01key", 1}}).has_value());
}

TEST_F(SanitizerTest, free_text_carries_anything_but_nul) {
    EXPECT_EQ(words(judge({{"content", "\x1B[31m zero\u200Bwidth " + std::string(200'000, 'a')}}, true)), "passed");
    EXPECT_TRUE(judge({{"content", std::string("nul\0", 4)}}, true).has_value());
    EXPECT_TRUE(judge({{"con\u202Etent", "x"}}, true).has_value()) << "keys are no prose";
}

TEST_F(SanitizerTest, refuses_arguments_that_claim_to_be_somebody_and_names_the_key) {
    for (const char* key : {"_agent_id", "agent_id", "_admin", "role", "sudo", "isAdmin", "is_admin", "run-as", "_bypass_checks",
                            "_internal_flag", "_prevalidated", "principal", "ADMIN_OVERRIDE"}) {
        const auto denial = judge({{"query", "x"}, {key, "admin"}});
        ASSERT_TRUE(denial.has_value()) << key;
        EXPECT_EQ(denial->code, "identity_claim");
        EXPECT_THAT(denial->reason, HasSubstr(std::string("\"") + key + "\""));
    }
}

TEST_F(SanitizerTest, a_key_that_the_tool_declares_is_no_claim) {
    contract_.input_schema["properties"]["role"] = {{"type", "string"}};
    EXPECT_EQ(words(judge({{"role", "reviewer"}})), "passed");
    EXPECT_EQ(words(judge({{"metadata", {{"role", "assistant"}}}})), "passed") << "data inside is data";
}

TEST_F(SanitizerTest, refuses_what_is_too_large_or_too_deep) {
    const SanitizerLimits limits;
    EXPECT_EQ(words(judge({{"q", std::string(limits.string_bytes, 'a')}})), "passed");
    EXPECT_EQ(judge({{"q", std::string(limits.string_bytes + 1, 'a')}})->rule, "string_bytes");
    EXPECT_EQ(judge({{"q", std::string(limits.text_bytes + 1, 'a')}}, true)->rule, "text_bytes");
    EXPECT_EQ(judge({{"q", Json(std::vector<int>(limits.list + 1))}})->rule, "list");
    Json wide = Json::array();
    for (int i = 0; i < 11; ++i) {
        wide.push_back(std::vector<int>(limits.list));
    }
    EXPECT_EQ(judge({{"q", wide}})->rule, "nodes");
    Json deep = 1;
    for (std::size_t i = 1; i < limits.depth; ++i) {
        deep = Json::array({deep});
    }
    EXPECT_EQ(words(judge({{"q", deep}})), "passed");
    EXPECT_EQ(judge({{"q", Json::array({deep})}})->code, "too_deep");
    EXPECT_EQ(judge(Json::array())->code, "malformed");
}

}  // namespace
}  // namespace resonant::govern
