#include "resonant/tools/prompt_book.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/scratch.h"
#include "tests/support/world.h"

namespace resonant::tools {
namespace {

constexpr const char* kReview = R"(---
title: Review a change
description: Looks at a diff as a reviewer would
tags: [code, review]
arguments:
  diff: the change, as git diff prints it
  tone: {description: how to say it, values: [gentle, strict]}
---
Review this change in a {{tone|plain}} tone: {{diff}}
)";

void write(const std::filesystem::path& file, std::string_view text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
}

std::string why_refused(std::string_view text) {
    const auto made = read_template("name", text);
    return made ? "" : made.error().message;
}

TEST(PromptTemplate, has_head_arguments_and_text) {
    const auto made = read_template("review", kReview);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->title, "Review a change");
    EXPECT_EQ(made->tags, (std::vector<std::string>{"code", "review"}));
    ASSERT_EQ(made->arguments.size(), 2U);
    EXPECT_EQ(made->arguments[0], (PromptArgument{"diff", "the change, as git diff prints it", true, {}}));
    EXPECT_EQ(made->arguments[1], (PromptArgument{"tone", "how to say it", false, {"gentle", "strict"}}));
    EXPECT_EQ(made->text, "Review this change in a {{tone|plain}} tone: {{diff}}");
}

TEST(PromptTemplate, without_a_head_is_its_text_and_what_the_text_uses) {
    const auto made = read_template("plain", "Say {{what}} to {{whom|everybody}}, {{what}}!");
    ASSERT_TRUE(made);
    EXPECT_EQ(made->title, "plain");
    ASSERT_EQ(made->arguments.size(), 2U);
    EXPECT_TRUE(made->arguments[0].required);
    EXPECT_FALSE(made->arguments[1].required);
}

TEST(PromptTemplate, what_is_wrong_is_said_with_its_line) {
    EXPECT_NE(why_refused("---\ntitle: x\n").find("does not end"), std::string::npos);
    EXPECT_NE(why_refused("---\ntitle: x\ncolour: red\n---\ntext").find("line 3: colour"), std::string::npos);
    EXPECT_NE(why_refused("---\ntitle: [a]\n---\ntext").find("title must be a text"), std::string::npos);
    EXPECT_NE(why_refused("---\ntags: a\n---\ntext").find("tags must be a list"), std::string::npos);
    EXPECT_NE(why_refused("---\ntitle: [open\n---\ntext").find("line"), std::string::npos);
    EXPECT_NE(why_refused("---\narguments:\n  a: x\n---\nno blank").find("a is described and not used"), std::string::npos);
    EXPECT_NE(why_refused("").find("no text"), std::string::npos);
    EXPECT_NE(why_refused("\xff").find("UTF-8"), std::string::npos);
    EXPECT_FALSE(read_template("../x", "text"));
    EXPECT_FALSE(read_template("", "text"));
}

TEST(PromptTemplate, braces_around_what_is_no_name_are_text) {
    const auto made = read_template("braces", "{{ }} {{a b}} {{}} {{{x}}} {{unclosed");
    ASSERT_TRUE(made);
    ASSERT_EQ(made->arguments.size(), 1U);
    EXPECT_EQ(render(*made, {{"x", "1"}}).value(), "{{ }} {{a b}} {{}} {1} {{unclosed");
}

TEST(PromptTemplate, is_filled_in_once_and_says_what_is_missing) {
    const auto made = read_template("review", kReview);
    ASSERT_TRUE(made);
    EXPECT_EQ(render(*made, {{"diff", "{{tone}} {{diff}}"}}).value(),
              "Review this change in a plain tone: {{tone}} {{diff}}") << "what is filled in is not looked at again";
    EXPECT_EQ(render(*made, {{"diff", 7}, {"tone", "strict"}}).value(), "Review this change in a strict tone: 7");
    const auto missing = render(*made, Json::object());
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().message.find("needs diff"), std::string::npos);
    EXPECT_FALSE(render(*made, {{"diff", std::string(kRenderedMax + 1, 'x')}}));
}

TEST(PromptBook, holds_our_own_and_reads_the_folder) {
    test::Scratch scratch;
    const std::filesystem::path folder = scratch.path() / "prompts";
    PromptBook book(folder);
    int told = 0;
    book.on_change([&] { ++told; });
    const std::size_t own = book.templates()->size();
    EXPECT_EQ(own, 4U);
    EXPECT_EQ(book.reload()["changed"], false) << "a folder that is not there is none";
    write(folder / "review.md", kReview);
    write(folder / "hand_over.md", "Ours, said otherwise");
    write(folder / "broken.md", "---\nno end");
    write(folder / "notes.txt", "no template");
    write(scratch.path() / "secret", "not in the folder");
    std::filesystem::create_symlink(scratch.path() / "secret", folder / "link.md");
    const Json report = book.reload();
    EXPECT_EQ(report["templates"], own + 1);
    EXPECT_EQ(report["changed"], true);
    ASSERT_EQ(report["refused"].size(), 2U) << report;
    EXPECT_EQ(report["refused"][0]["file"], "broken.md");
    EXPECT_EQ(report["refused"][1]["file"], "link.md");
    EXPECT_EQ(told, 1);
    EXPECT_EQ(book.reload()["changed"], false);
    EXPECT_EQ(told, 1);
    std::filesystem::remove(folder / "review.md");
    book.look();
    EXPECT_EQ(book.templates()->size(), own);
    EXPECT_EQ(told, 2);
}

TEST(PromptTools, list_fill_in_and_say_what_is_wrong) {
    test::World world;
    const Json listed = world.call("prompt.list", {{"tag", "memory"}}).content;
    EXPECT_EQ(listed["count"], 2) << listed;
    const Json made = world.call("prompt.render", {{"name", "recall_topic"}, {"variables", {{"topic", "herons"}}}}).content;
    EXPECT_NE(made["text"].get<std::string>().find("the query \"herons\""), std::string::npos) << made;
    EXPECT_EQ(world.call("prompt.render", {{"name", "nothing"}}).content["error"]["code"], "not_found");
    EXPECT_EQ(world.call("prompt.render", {{"name", "recall_topic"}}).content["error"]["code"], "invalid_argument");
    EXPECT_EQ(world.call("prompt.reload", Json::object()).content["changed"], false);
}

}  // namespace
}  // namespace resonant::tools
