// Engines: one reads the board and memories, another reads the first one's batch in place.
#include "resonant/engines/engines.h"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "resonant/engines/galactic.h"
#include "resonant/engines/serendipity.h"
#include "tests/memory/sea_fixture.h"
#include "tests/support/child.h"

namespace resonant::engines {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::int64_t kDayNs = 86'400'000'000'000;

class EnginesTest : public memory::SeaTest {
  protected:
    EnginesTest() {
        plane_ = *plane::KernelPlane::create(clock_, 1);
        outputs_ = *Outputs::open(scratch_ / "engines", clock_);
        survey_ = std::make_unique<memory::Survey>(*database_, clock_);
        engines_ = std::make_unique<Engines>(*plane_, *outputs_);
        engines_->add(std::make_unique<Galactic>(*survey_));
        engines_->add(std::make_unique<Serendipity>(*survey_));
    }
    void run(const char* name) {
        const Status ran = engines_->run(name);
        ASSERT_TRUE(ran.has_value()) << ran.error().message;
    }
    std::vector<std::uint64_t> surfaced() {
        const auto ids = outputs_->newest("serendipity")->batch.u64("memory_id");
        EXPECT_TRUE(ids.has_value());
        return {ids->begin(), ids->end()};
    }
    std::unique_ptr<plane::KernelPlane> plane_;
    std::unique_ptr<Outputs> outputs_;
    std::unique_ptr<memory::Survey> survey_;
    std::unique_ptr<Engines> engines_;
};

TEST_F(EnginesTest, galactic_publishes_id_distance_and_zone_of_public_memories) {
    memory::Memory pinned;
    pinned.is_protected = true;
    const auto core = add("pinned to the core", pinned);
    const auto fresh = add("just made");
    memory::Memory mine;
    mine.is_private = true;
    add("nobody's business", mine);
    run("galactic");
    const auto output = outputs_->newest("galactic");
    ASSERT_NE(output, nullptr);
    const auto ids = output->batch.u64("memory_id");
    const auto distances = output->batch.f64("distance");
    const auto zones = output->batch.u8("zone");
    ASSERT_TRUE(ids && distances && zones);
    EXPECT_THAT(std::vector<std::uint64_t>(ids->begin(), ids->end()), ElementsAre(core, fresh));
    EXPECT_THAT(std::vector<double>(distances->begin(), distances->end()),
                ElementsAre(0, read(fresh).distance));
    EXPECT_THAT(std::vector<int>(zones->begin(), zones->end()),
                ElementsAre(0, static_cast<int>(read(fresh).zone())));
    EXPECT_EQ(output->batch.u64("distance").error().code, Code::InvalidArgument);
    EXPECT_EQ(output->batch.u64("nothing").error().code, Code::NotFound);
}

TEST_F(EnginesTest, serendipity_reads_galactics_batch_where_it_lies_and_its_answer_follows) {
    memory::Memory grave;
    grave.importance = 0.9;
    memory::Memory slight;
    slight.importance = 0.2;
    const auto mattered = add("it mattered once", grave);
    const auto trifle = add("a trifle", slight);
    clock_.advance(Nanos{120 * kDayNs});
    ASSERT_TRUE(sea_->sweep(10, false));
    run("galactic");
    const auto galactic = outputs_->newest("galactic");
    const auto column = galactic->batch.f64("distance");
    const auto* begin = galactic->segment->data();
    EXPECT_GE(reinterpret_cast<const std::byte*>(column->data()), begin);
    EXPECT_LT(reinterpret_cast<const std::byte*>(column->data()), begin + galactic->segment->size())
        << "what is read lies in the shared segment itself";
    run("serendipity");
    EXPECT_THAT(surfaced(), ElementsAre(mattered, trifle));

    clock_.advance(from_seconds(1));
    const memory::MemoryId ids[] = {mattered};
    for (int i = 0; i < 20; ++i) {
        sea_->touch(ids);
    }
    ASSERT_TRUE(sea_->settle(10));
    run("serendipity");
    EXPECT_THAT(surfaced(), ElementsAre(trifle)) << "it came inward, so it is forgotten no longer";
}

TEST_F(EnginesTest, what_was_called_useless_rests_for_thirty_days) {
    const auto id = add("again and again");
    run("serendipity");
    EXPECT_THAT(surfaced(), ElementsAre(id));
    ASSERT_TRUE(survey_->mark(id, "useless", "ann"));
    run("serendipity");
    EXPECT_THAT(surfaced(), IsEmpty());
    clock_.advance(Nanos{31 * kDayNs});
    run("serendipity");
    EXPECT_THAT(surfaced(), ElementsAre(id));
}

TEST_F(EnginesTest, what_was_useful_after_all_rests_no_longer) {
    const auto id = add("again and again");
    ASSERT_TRUE(survey_->mark(id, "useless", "ann"));
    clock_.advance(Nanos{kDayNs});
    run("serendipity");
    EXPECT_THAT(surfaced(), IsEmpty());
    ASSERT_TRUE(survey_->mark(id, "useful", "ann"));
    run("serendipity");
    EXPECT_THAT(surfaced(), ElementsAre(id));
    clock_.advance(Nanos{kDayNs});
    ASSERT_TRUE(survey_->mark(id, "useless", "ann"));
    run("serendipity");
    EXPECT_THAT(surfaced(), IsEmpty()) << "the newest word counts";
}

TEST_F(EnginesTest, the_boards_mask_shows_who_has_published) {
    EXPECT_EQ(plane_->board().view().word(board::Field::Engines), 0U);
    run("serendipity");
    const std::uint64_t mask = plane_->board().view().word(board::Field::Engines);
    EXPECT_EQ(mask, std::uint64_t{1} << 6 | std::uint64_t{1} << 22);
    EXPECT_EQ(engine_table()[6].name, "serendipity");
    EXPECT_EQ(engine_table()[22].name, "galactic");
    plane_->board().set_word(board::Field::Engines, 0);
    engines_->refresh_mask();
    EXPECT_EQ(plane_->board().view().word(board::Field::Engines), mask);
}

TEST_F(EnginesTest, an_unknown_or_unbuilt_engine_says_so) {
    EXPECT_EQ(engines_->run("poetry").error().code, Code::NotFound);
    EXPECT_EQ(engines_->run("narrative").error().code, Code::Unimplemented);
    EXPECT_EQ(engines_->states()[22].runs, 0U);
    run("galactic");
    EXPECT_EQ(engines_->states()[22].runs, 1U);
    EXPECT_EQ(engines_->states()[22].last_error, "");
}

TEST_F(EnginesTest, a_reader_keeps_its_batch_while_a_newer_one_replaces_it) {
    const auto first = add("first");
    run("galactic");
    const auto kept = outputs_->newest("galactic");
    add("second");
    run("galactic");
    EXPECT_EQ(kept->batch.rows(), 1U);
    EXPECT_EQ(kept->batch.u64("memory_id")->front(), first);
    EXPECT_EQ(outputs_->newest("galactic")->batch.rows(), 2U);
    EXPECT_EQ(outputs_->newest("galactic")->generation, kept->generation + 1);
}

TEST_F(EnginesTest, another_process_maps_the_same_pages_and_cannot_write_them) {
    add("seen from outside");
    run("galactic");
    const auto output = outputs_->newest("galactic");
    auto shared = output->segment->share();
    ASSERT_TRUE(shared.has_value());
    const int fd = shared->get();
    const std::size_t bytes = output->bytes;
    const int status = test::in_child([&] {
        if (::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED) {
            return 2;
        }
        const void* pages = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
        const auto batch = Batch::over({static_cast<const std::byte*>(pages), bytes}, nullptr);
        return batch && batch->rows() == 1 && batch->u64("memory_id").has_value() ? 0 : 3;
    });
    EXPECT_EQ(status, 0);
}

TEST_F(EnginesTest, the_file_in_the_folder_holds_the_same_bytes_and_is_replaced_whole) {
    add("in a file");
    run("galactic");
    const auto file = scratch_ / "engines" / "galactic.arrow";
    std::ifstream opened(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(opened), {}};
    const auto batch = Batch::over(std::as_bytes(std::span(bytes)), nullptr);
    ASSERT_TRUE(batch.has_value()) << batch.error().message;
    EXPECT_EQ(batch->rows(), 1U);
    EXPECT_EQ(batch->columns(), outputs_->newest("galactic")->batch.columns());
    EXPECT_FALSE(std::filesystem::exists(scratch_ / "engines" / "galactic.tmp"));
}

TEST_F(EnginesTest, no_batch_carries_text_of_memories) {
    add("xylophone rhubarb", [] {
        memory::Memory memory;
        memory.title = "marzipan";
        memory.tags = {"kaleidoscope"};
        return memory;
    }());
    run("serendipity");
    for (const auto& output : outputs_->all()) {
        const std::string bytes(reinterpret_cast<const char*>(output->segment->data()), output->bytes);
        for (const char* word : {"xylophone", "rhubarb", "marzipan", "kaleidoscope"}) {
            EXPECT_THAT(bytes, Not(HasSubstr(word))) << output->name;
        }
    }
}

TEST(Batch, damaged_bytes_and_uneven_columns_are_refused) {
    EXPECT_EQ(Batch::make({{"a", std::vector<std::uint64_t>{1}}, {"b", std::vector<double>{}}}).error().code,
              Code::InvalidArgument);
    const auto batch = Batch::make({{"a", std::vector<std::uint64_t>{1, 2}}, {"b", std::vector<std::string>{"x", "y"}}});
    ASSERT_TRUE(batch.has_value());
    auto bytes = *batch->file();
    EXPECT_EQ(Batch::over(bytes, nullptr)->text(1, 1), "y");
    bytes.resize(bytes.size() / 2);
    EXPECT_EQ(Batch::over(bytes, nullptr).error().code, Code::DataLoss);
    EXPECT_EQ(Batch::over({}, nullptr).error().code, Code::DataLoss);
}

}  // namespace
}  // namespace resonant::engines
