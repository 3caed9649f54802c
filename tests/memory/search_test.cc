// Finding by words, by meaning, and by both.
#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "resonant/memory/fusion.h"
#include "resonant/memory/store.h"
#include "resonant/memory/word_query.h"
#include "tests/memory/sea_fixture.h"

namespace resonant::memory {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class SearchTest : public SeaTest {};

TEST_F(SearchTest, the_best_match_comes_first) {
    Memory titled;
    titled.title = "Anchor";
    const MemoryId in_passing = add("A long story of a harbour where, once, an anchor was seen.");
    const MemoryId title = add("How to hold a boat in place.", titled);
    add("Nothing to do with it.");
    EXPECT_THAT(search("anchor"), ElementsAre(title, in_passing));
}

TEST_F(SearchTest, a_word_said_often_in_a_short_text_counts_more_than_once_in_a_long_one) {
    const MemoryId once =
        add("A long story of a harbour where, once, an anchor was seen by a boy.");
    const MemoryId often = add("anchor, anchor, anchor");
    EXPECT_THAT(search("anchor"), ElementsAre(often, once));
}

TEST_F(SearchTest, all_the_words_count_more_than_some_of_them) {
    const MemoryId both = add("shared memory between processes, in a text of some length about it");
    const MemoryId one = add("memory");
    EXPECT_THAT(search("shared memory"), ElementsAre(both, one));
}

TEST_F(SearchTest, every_text_is_a_legal_query) {
    const MemoryId id =
        add("The state-board in C++ holds foo:bar \xf0\x9f\x8c\x8a and naïve 大海.");
    for (const char* query : {"state-board",
                              "C++",
                              "foo:bar",
                              "what is this?",
                              "\"",
                              "\"unbalanced",
                              "a AND",
                              "OR",
                              "NOT",
                              "NEAR(",
                              "title:",
                              "^",
                              "*",
                              "wild*",
                              "-minus",
                              "+plus",
                              "(",
                              ")",
                              "{}[]",
                              "a'b",
                              ";--",
                              "\\",
                              "\xf0\x9f\x8c\x8a",
                              "\xff\xfe",
                              "",
                              "   ",
                              "大海",
                              "naïve",
                              "\t\n",
                              "state board AND \"holds"}) {
        const auto page = sea_->search(query, {}, 10, "", "ann");
        ASSERT_TRUE(page.has_value()) << query << ": " << page.error().message;
        EXPECT_TRUE(sea_->recall(query, {}, 10, "ann").has_value()) << query;
    }
    for (const char* found :
         {"state-board", "C++", "foo:bar", "naive", "大海", "STATE", "holding"}) {
        EXPECT_THAT(search(found), ElementsAre(id)) << found;
    }
}

TEST_F(SearchTest, any_bytes_at_all_are_a_legal_query) {
    add("some text to find");
    const std::uint64_t seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    constexpr char kLetters[] = "\"'()*:^-+{}[]\\ \t\n\0ANDORNOTab\xc3\xa9\xff";
    const std::string letters(kLetters, sizeof kLetters - 1);
    for (int round = 0; round < 300; ++round) {
        std::string query;
        for (std::size_t i = random() % 24; i > 0; --i) {
            query += letters[random() % letters.size()];
        }
        const auto page = sea_->search(query, {}, 5, "", "ann");
        ASSERT_TRUE(page.has_value()) << testing::PrintToString(query) << page.error().message;
    }
}

TEST_F(SearchTest, a_query_without_words_lists_the_newest_and_says_so) {
    const MemoryId first = add("one");
    clock_.advance(from_seconds(1));
    const MemoryId second = add("two");
    const auto page = sea_->search("?!", {}, 10, "", "ann");
    EXPECT_THAT(ids(page), ElementsAre(second, first));
    EXPECT_THAT(page->note, HasSubstr("no words"));
}

TEST_F(SearchTest, a_very_long_query_is_bounded) {
    std::string query;
    for (int i = 0; i < 10'000; ++i) {
        query += "word" + std::to_string(i) + " ";
    }
    const MemoryId id = add("word7 stands here");
    EXPECT_THAT(search(query), ElementsAre(id));
    EXPECT_EQ(word_query(query).words, kQueryWordsMax);
}

TEST_F(SearchTest, recall_says_why_each_hit_is_there) {
    const MemoryId match = add("tide tables of the harbour");
    const MemoryId linked = add("moon phases of the harbour");
    Memory elsewhere;  // so that the words above are rare
    elsewhere.galaxy = "elsewhere";
    for (const char* text : {"bread", "a yellow hive", "the standup", "of nothing else", "more of it"}) {
        add(text, elsewhere);
    }
    ASSERT_TRUE(sea_->link({linked, match, "extends", 1}, false, "ann").has_value());
    catch_up();
    const auto page = sea_->recall("harbour tide", {}, 10, "ann");
    ASSERT_TRUE(page.has_value());
    EXPECT_TRUE(page->vectors_used);
    EXPECT_EQ(page->note, "");
    ASSERT_THAT(ids(page), ElementsAre(match, linked));
    EXPECT_THAT(page->hits[0].reasons,
                ElementsAre(HasSubstr("words: bm25"), HasSubstr("meaning: cosine"),
                            "link: extends " + wire_id(linked)));
    EXPECT_THAT(page->hits[1].reasons, Contains("context: told after " + wire_id(match)));
    EXPECT_GT(page->hits[0].score, page->hits[1].score);
}

TEST_F(SearchTest, recall_without_a_model_finds_by_words_and_says_so) {
    const MemoryId id = add("lighthouse");
    embedder_.is_missing = true;
    const auto without_weights = sea_->recall("lighthouse", {}, 10, "ann");
    EXPECT_THAT(ids(without_weights), ElementsAre(id));
    EXPECT_FALSE(without_weights->vectors_used);
    EXPECT_THAT(without_weights->note, HasSubstr("words only"));
    reopen(false);
    const auto page = sea_->recall("lighthouse", {}, 10, "ann");
    EXPECT_THAT(ids(page), ElementsAre(id));
    EXPECT_THAT(page->note, HasSubstr("no model"));
    EXPECT_EQ(sea_->embed("x").error().code, Code::Unavailable);
}

TEST_F(SearchTest, recall_tells_of_memories_without_a_vector) {
    add("one");
    add("two");
    const auto page = sea_->recall("one", {}, 10, "ann");
    EXPECT_THAT(page->note, HasSubstr("2 memories have no vector yet"));
}

TEST_F(SearchTest, nearest_is_refused_for_numbers_that_are_none) {
    Vector query{};
    query[7] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(sea_->nearest(query, {}, 5, 0, "ann").error().code, Code::InvalidArgument);
    query[7] = 1;
    EXPECT_EQ(sea_->nearest(query, {}, 0, 0, "ann").error().code, Code::InvalidArgument);
    EXPECT_TRUE(sea_->nearest(query, {}, 5, 0, "ann")->hits.empty());
}

TEST_F(SearchTest, recall_finds_an_answer_by_the_question_before_it) {
    Memory talk;
    talk.session = "lunch";
    add("Owen: Did the technician look at the oven?", talk);
    const MemoryId answer = add("Nadia: A broken thermocouple, 180 euros.", talk);
    add("Owen: Ouch.", talk);
    for (int i = 0; i < 60; ++i) {
        Memory other;
        other.session = "other " + std::to_string(i);
        add("Remark number " + std::to_string(i) + " about ovens and boats", other);
    }
    catch_up();
    const auto page = sea_->recall("what was wrong with the oven that the technician saw?", {}, 3, "ann");
    ASSERT_THAT(ids(page), Contains(answer));
    const auto hit = std::find_if(page->hits.begin(), page->hits.end(),
                                  [&](const Hit& each) { return each.memory.id == answer; });
    EXPECT_THAT(hit->reasons, Contains(HasSubstr("context: told after")));
}

TEST_F(SearchTest, a_memory_stands_among_the_nearest_four_of_its_session_on_each_side) {
    Memory talk, other, secret;
    talk.session = "lunch";
    other.session = "dinner";
    secret.session = "lunch";
    secret.is_private = true;
    std::vector<MemoryId> told;
    for (int i = 0; i < 12; ++i) {
        told.push_back(add("turn " + std::to_string(i), talk));
        add("at another table " + std::to_string(i), other);
        if (i == 5) {
            secret.owner = "bob";
            add("whispered", secret);
        }
    }
    Store store(*database_, clock_);
    const std::vector<search::Scored> asked{{0, told[0]}, {0, told[6]}, {0, told[11]}, {0, told[5] + 2}, {0, 999}};
    const auto found = store.around(asked, {}, "ann");
    ASSERT_TRUE(found.has_value()) << found.error().message;
    EXPECT_EQ(found->size(), asked.size());
    EXPECT_THAT((*found)[0], ElementsAre(told[0], told[1], told[2], told[3], told[4]));
    EXPECT_THAT((*found)[1], ElementsAre(told[2], told[3], told[4], told[5], told[6], told[7], told[8], told[9], told[10]));
    EXPECT_THAT((*found)[2], ElementsAre(told[7], told[8], told[9], told[10], told[11]));
    EXPECT_THAT((*found)[3], IsEmpty()) << "another's private memory";
    EXPECT_THAT((*found)[4], IsEmpty());
}

TEST_F(SearchTest, recall_takes_no_context_from_other_sessions_and_none_from_what_the_viewer_may_not_see) {
    Memory secret;
    secret.session = "lunch";
    secret.is_private = true;
    secret.owner = "bob";
    add("zebra crossing zebra", secret);
    Memory talk;
    talk.session = "lunch";
    const MemoryId beside = add("zebra, she said", talk);
    Memory other;
    other.session = "dinner";
    add("zebra zebra zebra", other);
    catch_up();
    const auto page = sea_->recall("zebra crossing", {}, 10, "ann");
    for (const Hit& hit : page->hits) {
        EXPECT_NE(hit.memory.owner, "bob");
        if (hit.memory.id == beside) {
            EXPECT_THAT(hit.reasons, Not(Contains(HasSubstr("context"))));
        }
    }
}

TEST_F(SearchTest, recall_lifts_the_named_speaker_and_the_asked_time) {
    Memory early;
    early.tags = {"2023-05-01"};
    early.session = "a";
    Memory late;
    late.tags = {"2023-09-01"};
    late.session = "b";
    add("Owen: I bought a bicycle", early);
    early.session = "c";
    const MemoryId nadia = add("Nadia: I bought a bicycle bell", early);
    const MemoryId september = add("Owen: I bought a bicycle lock", late);
    catch_up();
    const auto named = sea_->recall("which bicycle thing has Nadia bought", {}, 3, "ann");
    EXPECT_EQ(ids(named).front(), nadia);
    EXPECT_THAT(named->hits.front().reasons, Contains("named: nadia"));
    const auto timed = sea_->recall("bicycle bought in September 2023", {}, 3, "ann");
    EXPECT_EQ(ids(timed).front(), september);
    EXPECT_THAT(timed->hits.front().reasons, Contains("time: as asked"));
}

TEST_F(SearchTest, of_two_that_say_the_same_the_nearer_to_the_core_comes_first) {
    Memory slight;
    slight.content = "the heron sleeps at noon";
    slight.importance = 0.1;
    slight.owner = "ann";
    Memory grave = slight;
    grave.importance = 1;
    const MemoryId outer = sea_->add(slight, Twin::Copy)->id;
    const MemoryId inner = sea_->add(grave, Twin::Copy)->id;
    EXPECT_THAT(recall("heron"), ElementsAre(inner, outer));
}

TEST_F(SearchTest, a_near_duplicate_and_what_was_superseded_come_after_their_better) {
    const MemoryId old = add("the standup is at ten");
    const MemoryId now = add("the standup is at eleven");
    ASSERT_TRUE(sea_->link({now, old, "supersedes", 1}, false, "ann").has_value());
    catch_up();
    const auto page = sea_->recall("when is the standup", {}, 10, "ann");
    ASSERT_THAT(ids(page), ElementsAre(now, old));
    EXPECT_THAT(page->hits[1].reasons, Contains("superseded by " + wire_id(now)));
}

Hit hit_of(MemoryId id, double score) {
    Hit hit;
    hit.memory.id = id;
    hit.score = score;
    return hit;
}

Candidates candidates_of(const std::vector<Candidate>& list) {
    Candidates candidates;
    for (const Candidate& each : list) {
        candidates[each.id] = each;
    }
    return candidates;
}
double base_among(const Candidates& candidates, MemoryId id) {
    return base_of(candidates.at(id), parts_of(candidates));
}

TEST(Fusion, each_part_alone_still_orders) {
    const auto words = candidates_of({{1, 2.0, std::nullopt}, {2, 4.0, std::nullopt}});
    EXPECT_LT(base_among(words, 1), base_among(words, 2));
    const auto meaning = candidates_of({{1, 0, 0.9}, {2, 0, 0.5}});
    EXPECT_GT(base_among(meaning, 1), base_among(meaning, 2));
    EXPECT_FALSE(parts_of({}).words || parts_of({}).meaning);
}

TEST(Fusion, a_part_with_nothing_to_say_stays_silent) {
    const auto poor_words = candidates_of({{1, 0.5, 0.2}, {2, 0, 0.5}});
    EXPECT_LT(base_among(poor_words, 1), base_among(poor_words, 2));
    const auto poor_meaning = candidates_of({{1, 20.0, 0.05}, {2, 0, 0.1}});
    EXPECT_GT(base_among(poor_meaning, 1), base_among(poor_meaning, 2));
}

TEST(Fusion, words_of_any_weight_do_not_drown_the_meaning) {
    const auto loud = candidates_of({{1, 100.0, 0.1}, {2, 80.0, 0.9}});
    EXPECT_LT(base_among(loud, 1), base_among(loud, 2));
}

TEST(Fusion, a_memory_without_a_vector_yet_is_not_lost_among_those_that_have_one) {
    const auto mixed = candidates_of({{1, 15.0, std::nullopt}, {2, 0, 0.4}, {3, 1.0, 0.35}});
    EXPECT_GT(base_among(mixed, 1), base_among(mixed, 2));
}

TEST(Fusion, neighbours_are_two_to_each_side_and_each_pair_is_told_once) {
    const std::vector<std::vector<MemoryId>> sessions{{7, 8, 9, 10}, {1, 4}, {8, 9, 10, 11}};
    std::map<MemoryId, std::map<MemoryId, int>> wanted;
    for (const std::vector<MemoryId>& session : sessions) {
        for (std::size_t i = 0; i < session.size(); ++i) {
            for (std::size_t j = i + 1; j < session.size() && j <= i + 2; ++j) {
                wanted[session[i]].emplace(session[j], static_cast<int>(j - i));
                wanted[session[j]].emplace(session[i], -static_cast<int>(j - i));
            }
        }
    }
    Neighbours given = neighbours_in(sessions);
    for (const auto& [of, others] : wanted) {
        for (const auto& [other, offset] : others) {
            ASSERT_FALSE(given.empty());
            EXPECT_EQ(std::tuple(given.front().of, given.front().id, given.front().offset), std::tuple(of, other, offset));
            given.erase(given.begin());
        }
    }
    EXPECT_TRUE(given.empty());
    EXPECT_TRUE(neighbours_in({}).empty());
}

TEST(Fusion, a_word_counts_once_where_it_was_told_and_in_part_beside) {
    WordScores words(2);  // "bicycle", and a name that everybody says
    words.add(1, std::vector<float>{5, 1});
    words.add(2, std::vector<float>{0, 1});
    words.add(3, std::vector<float>{0, 1});
    const Neighbours neighbours{{2, 1, -1}, {2, 3, 1}, {3, 1, -2}, {3, 2, -1}, {9, 8, -1}};
    const Parts parts{.words = true, .best_words = 6};
    const Context next = context_of(2, neighbours, {}, words, parts);
    EXPECT_NEAR(next.score, 0.55 * 0.7 * 5 / 20, 1e-9) << "nothing for the name: it is told here already";
    EXPECT_EQ(next.strongest, 1U);
    EXPECT_EQ(next.offset, -1);
    EXPECT_NEAR(context_of(3, neighbours, {}, words, parts).score, 0.55 * 0.4 * 5 / 20, 1e-9);
    EXPECT_EQ(context_of(9, neighbours, {}, words, parts).score, 0) << "its neighbour has none of the words";
    EXPECT_EQ(context_of(7, neighbours, {}, words, parts).score, 0);
}

TEST(Fusion, the_context_never_makes_a_word_worth_more_than_where_it_is_worth_most) {
    WordScores words(1);
    for (const MemoryId id : {1U, 2U, 3U}) {
        words.add(id, std::vector<float>{4});
    }
    words.add(5, std::vector<float>{3});
    const Neighbours neighbours{{5, 1, -1}, {5, 2, 1}, {5, 3, 2}};
    EXPECT_NEAR(context_of(5, neighbours, {}, words, {.words = true, .best_words = 4}).score, 0.55 * 1 / 20, 1e-9);
}

TEST(Fusion, a_titled_passage_stands_alone_and_a_turn_leans) {
    const Parts parts{.words = true, .best_words = 4};
    Hit passage = hit_of(1, 0);
    passage.memory.content = "one of many passages";
    passage.memory.title = "A page";
    Hit turn = hit_of(2, 0);
    turn.memory.content = "Nadia: one of many turns";
    turn.memory.title = "A page";
    weigh(passage, {1, 1, std::nullopt}, parts, {0.3, 7, -1}, {});
    weigh(turn, {2, 1, std::nullopt}, parts, {0.3, 7, -1}, {});
    EXPECT_LT(passage.score, turn.score);
    EXPECT_THAT(turn.reasons, Contains("context: told after m7"));
    Hit note = hit_of(3, 0);
    note.memory.title = "A page";
    note.memory.content = "NOTE:";
    for (int word = 0; word < 45; ++word) {
        note.memory.content += " passage";
    }
    Hit same = note;
    weigh(note, {3, 1, std::nullopt}, parts, {0.3, 7, -1}, {});
    EXPECT_DOUBLE_EQ(note.score, passage.score) << "it only begins as if somebody said it";
    same.memory.session = "a talk";
    weigh(same, {3, 1, std::nullopt}, parts, {0.3, 7, -1}, {});
    EXPECT_GT(same.score, passage.score);
}

TEST(Fusion, what_only_asks_is_lowered_and_what_also_tells_is_not) {
    const Parts parts{.words = true, .best_words = 4};
    Hit asks = hit_of(1, 0);
    asks.memory.content = "Where did you put the key?";
    Hit tells = hit_of(2, 0);
    for (int word = 0; word < 40; ++word) {
        tells.memory.content += "word ";
    }
    tells.memory.content += "can you help me with that?";
    Hit says = tells;
    says.memory.content.back() = '.';
    for (Hit* hit : {&asks, &tells, &says}) {
        weigh(*hit, {hit->memory.id, 1, std::nullopt}, parts, {}, {});
    }
    EXPECT_DOUBLE_EQ(tells.score, says.score);
    EXPECT_NEAR(asks.score, says.score - 0.1, 1e-9);
}

TEST(Fusion, a_link_is_worth_little_and_ties_are_broken_by_id) {
    std::vector<Hit> hits{hit_of(3, 0.5), hit_of(2, 0.5), hit_of(1, 0.5), hit_of(4, 0.7)};
    settle(hits, std::vector<Edge>{{3, 2, "related", 0.2}, {3, 9, "related", 1}});
    EXPECT_EQ(hits[0].memory.id, 4U);
    EXPECT_EQ(hits[1].memory.id, 2U);
    EXPECT_EQ(hits[2].memory.id, 3U);
    EXPECT_EQ(hits[3].memory.id, 1U);
    std::vector<Hit> copies{hit_of(1, 0.60), hit_of(2, 0.59), hit_of(3, 0.57)};
    settle(copies, std::vector<Edge>{{2, 1, "near_duplicate", 1}});
    EXPECT_EQ(copies[1].memory.id, 3U);
    EXPECT_EQ(copies[2].memory.id, 2U);
}

TEST(WordQuery, quotes_each_word_and_keeps_the_parts_of_one_together) {
    const WordQuery query = word_query("shm_open  \"twice\" twice (2)");
    EXPECT_EQ(query.any, "\"shm open\" OR \"twice\" OR \"2\"");
    EXPECT_EQ(query.all, "\"shm open\" AND \"twice\" AND \"2\"");
    EXPECT_EQ(query.words, 3U);
    EXPECT_EQ(word_query("one").all, "");
    EXPECT_EQ(word_query(" ?! ").words, 0U);
}

}  // namespace
}  // namespace resonant::memory
