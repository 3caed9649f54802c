// Dreaming: eight phases, each with work to show, none that hides or rewrites a memory.
#include "resonant/engines/dream.h"

#include <gmock/gmock.h>

#include "resonant/engines/galactic.h"
#include "resonant/engines/serendipity.h"
#include "tests/memory/sea_fixture.h"

namespace resonant::engines {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kDayNs = 86'400'000'000'000;

class DreamTest : public memory::SeaTest {
  protected:
    DreamTest() {
        plane_ = *plane::KernelPlane::create(clock_, 1);
        outputs_ = *Outputs::open(scratch_ / "engines", clock_);
        survey_ = std::make_unique<memory::Survey>(*database_, clock_);
        constellations_ = std::make_unique<memory::Constellations>(*database_, clock_);
        engines_ = std::make_unique<Engines>(*plane_, *outputs_);
        engines_->add(std::make_unique<Galactic>(*survey_));
        engines_->add(std::make_unique<Serendipity>(*survey_));
        open();
    }
    void open() {
        dream_ = *Dream::open({*database_, *sea_, *constellations_, *survey_, *engines_, clock_});
    }
    Json run(const char* phase, bool dry_run = false) {
        const auto report = dream_->run(phase, dry_run);
        EXPECT_TRUE(report.has_value()) << phase << ": " << report.error().message;
        return report.value_or(Json::object());
    }
    void add_birds(int count) {
        for (int i = 0; i < count; ++i) {
            add("the heron waits beside the quiet river bank number" + std::to_string(i));
        }
    }
    std::unique_ptr<plane::KernelPlane> plane_;
    std::unique_ptr<Outputs> outputs_;
    std::unique_ptr<memory::Survey> survey_;
    std::unique_ptr<memory::Constellations> constellations_;
    std::unique_ptr<Engines> engines_;
    std::unique_ptr<Dream> dream_;
};

TEST_F(DreamTest, consolidate_finds_constellations_and_links_what_hangs_on_nothing) {
    add_birds(5);
    catch_up();
    const Json report = run("consolidate");
    EXPECT_EQ(report["constellations"], 1);
    EXPECT_EQ(report["moved"], 5);
    EXPECT_EQ(run("consolidate")["changed"], 0) << "the second night finds all done";
    EXPECT_FALSE(sea_->related(1, 1, {}, 10, "ann")->empty());
}

TEST_F(DreamTest, surface_runs_the_engines_and_tells_what_is_worth_another_look) {
    const auto id = add("it mattered once");
    EXPECT_THAT(run("surface")["worth_another_look"], ElementsAre(memory::wire_id(id)));
    EXPECT_NE(outputs_->newest("galactic"), nullptr);
}

TEST_F(DreamTest, govern_names_contradictions_superseded_memories_and_hubs) {
    const auto yes = add("the key is under the mat");
    const auto no = add("the key is not under the mat");
    ASSERT_TRUE(sea_->link({no, yes, "contradicts", 1}, false, "ann"));
    for (int i = 0; i < 20; ++i) {
        const auto spoke = add("spoke number " + std::to_string(i));
        ASSERT_TRUE(sea_->link({spoke, yes, "related", 0.5}, false, "ann"));
    }
    const Json report = run("govern");
    EXPECT_EQ(report["contradictions"]["count"], 1);
    EXPECT_EQ(report["contradictions"]["pairs"][0], Json({memory::wire_id(no), memory::wire_id(yes)}));
    EXPECT_EQ(report["hubs"][0]["id"], memory::wire_id(yes));
    EXPECT_EQ(report["hubs"].size(), 1U);
}

TEST_F(DreamTest, narrate_tells_a_quiet_session_once_and_leaves_private_steps_out) {
    memory::Memory step;
    step.session = "s7";
    for (const char* text : {"first step", "second step", "third step"}) {
        add(text, step);
    }
    step.is_private = true;
    add("the secret step", step);
    EXPECT_EQ(run("narrate")["changed"], 0) << "the session is not quiet yet";
    clock_.advance(from_seconds(3'600));
    const Json report = run("narrate");
    ASSERT_EQ(report["narratives"].size(), 1U);
    const auto told = read(*memory::parse_id(report["narratives"][0]["id"].get<std::string>()));
    EXPECT_EQ(told.type, "narrative");
    EXPECT_THAT(told.content, HasSubstr("1. first step (m1)"));
    EXPECT_THAT(told.content, Not(HasSubstr("secret")));
    EXPECT_EQ(sea_->related(told.id, 1, {}, 10, "ann")->size(), 3U);
    EXPECT_EQ(run("narrate")["changed"], 0) << "it is told once";
}

TEST_F(DreamTest, improve_counts_what_is_untidy_and_proposes) {
    add("no title, no tags, no vector, no link");
    const Json report = run("improve");
    EXPECT_EQ(report["proposals"].size(), 4U);
    EXPECT_EQ(report["proposals"][0]["how"], "vector.index");
    EXPECT_EQ(report["changed"], 0);
}

TEST_F(DreamTest, predict_says_what_will_drift_out_and_it_comes_true) {
    const auto id = add("nobody will read this");
    run("decay");
    const Json report = run("predict");
    clock_.advance(Nanos{30 * kDayNs});
    run("decay");
    const std::string zone(memory::name_of(read(id).zone()));
    EXPECT_EQ(report["zones_then"][zone], 1);
    EXPECT_EQ(report["leaving_count"], zone == "outer_rim" || zone == "far_edge" ? 1 : 0);
}

TEST_F(DreamTest, decay_moves_outward_what_nobody_reads) {
    const auto id = add("fading");
    clock_.advance(Nanos{400 * kDayNs});
    EXPECT_EQ(run("decay", true)["outward"], 1) << "told";
    EXPECT_EQ(read(id).zone(), memory::Zone::MidBand) << "and not done";
    EXPECT_EQ(run("decay")["outward"], 1);
    EXPECT_GT(read(id).zone(), memory::Zone::MidBand);
}

TEST_F(DreamTest, triage_embeds_what_waits_and_marks_junk_without_hiding_it) {
    const auto first = add("the heron waits");
    const auto copy = add("waits the heron");
    EXPECT_EQ(run("triage")["embedded"], 2);
    clock_.advance(Nanos{20 * kDayNs});
    const Json report = run("triage");
    ASSERT_EQ(report["junk"]["count"], 1) << report.dump();
    EXPECT_EQ(report["junk"]["marked"][0]["id"], memory::wire_id(copy));
    EXPECT_TRUE(survey_->marked("junk")->contains(copy));
    EXPECT_FALSE(survey_->marked("junk")->contains(first));
    EXPECT_EQ(search("heron").size(), 2U) << "nothing is hidden";
}

TEST_F(DreamTest, a_dry_run_of_any_phase_changes_no_row) {
    add_birds(5);
    catch_up();
    memory::Memory step;
    step.session = "s7";
    for (const char* text : {"first step", "second step", "third step"}) {
        add(text, step);
    }
    clock_.advance(Nanos{60 * kDayNs});
    for (const std::string_view phase : kPhases) {
        const sql::Observer observer(*database_, sql::Observer::Mode::RefuseWrites);
        const auto report = dream_->run(phase, true);
        ASSERT_TRUE(report.has_value()) << phase << ": " << report.error().message;
        EXPECT_FALSE(observer.refused()) << phase;
    }
}

TEST_F(DreamTest, reports_keep_no_text_and_outlive_the_kernel) {
    memory::Memory titled;
    titled.title = "marzipan";
    add("xylophone", titled);
    clock_.advance(Nanos{30 * kDayNs});
    for (const std::string_view phase : kPhases) {
        run(std::string(phase).c_str());
    }
    open();
    const Json status = *dream_->status();
    EXPECT_EQ(status["last"].size(), kPhases.size());
    EXPECT_THAT(status.dump(), Not(HasSubstr("xylophone")));
    EXPECT_THAT(status.dump(), Not(HasSubstr("marzipan")));
    EXPECT_EQ(dream_->run("sleepwalk", false).error().code, Code::InvalidArgument);
}

TEST_F(DreamTest, phases_come_due_in_turn_when_it_has_been_quiet_long_enough) {
    const Nanos quiet = clock_.monotonic();
    clock_.advance(from_seconds(1'000));
    EXPECT_EQ(dream_->due(quiet), std::nullopt) << "nobody asked for dreams";
    EXPECT_EQ(dream_->start(0.5, 60).error().code, Code::InvalidArgument);
    ASSERT_TRUE(dream_->start(10, 60));
    EXPECT_EQ(dream_->due(quiet), std::nullopt) << "the first phase waits, too";
    clock_.advance(from_seconds(61));
    EXPECT_EQ(dream_->due(clock_.monotonic()), std::nullopt) << "somebody called just now";
    EXPECT_EQ(dream_->due(quiet), "consolidate");
    EXPECT_EQ(dream_->due(quiet), std::nullopt);
    clock_.advance(from_seconds(61));
    EXPECT_EQ(dream_->due(quiet), "surface");
    open();
    EXPECT_TRUE(dream_->settings().on) << "kept over a restart";
    ASSERT_TRUE(dream_->stop());
    clock_.advance(from_seconds(1'000));
    EXPECT_EQ(dream_->due(quiet), std::nullopt);
}

}  // namespace
}  // namespace resonant::engines
