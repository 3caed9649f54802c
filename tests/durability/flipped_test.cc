// A byte of a file is another than was written. What is then answered is what was answered before, or an error that
// says why: never something else.
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "resonant/base/log.h"
#include "resonant/runtime/parts.h"
#include "tests/durability/governed_home.h"

namespace resonant::test {
namespace {

namespace fs = std::filesystem;

constexpr int kMemories = 10;

std::string whole_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

template <typename T, typename Words>
std::string said(const Result<T>& answer, const Words& words) {
    return answer ? words(*answer) : std::string();  // an error is no answer, and never a wrong one
}

class FlippedTest : public testing::Test {
  protected:
    FlippedTest() {
        log().set_level(spdlog::level::off);
        GovernedHome home(scratch_.path() / "home");
        fs::create_directories(home.home.root);
        EXPECT_TRUE(home.open());
        for (int i = 1; i <= kMemories; ++i) {
            EXPECT_TRUE(home.add("memory number n" + std::to_string(i) + " of herons, boats and tides"));
        }
        EXPECT_TRUE(home.sea->link({1, 3, "extends", 0.7}, false, "ann"));
        EXPECT_TRUE(home.update(2, "the second one was told anew"));
        EXPECT_TRUE(home.catch_up());
        EXPECT_TRUE(home.ledger->flush_reads());
        fs::copy(home.home.root, scratch_.path() / "live", fs::copy_options::recursive);  // with its log
        home.close();
    }
    ~FlippedTest() override { log().set_level(spdlog::level::warn); }

    // Everything one can ask, question by question. Empty: it was refused.
    static std::vector<std::string> answers(GovernedHome& home) {
        std::vector<std::string> all;
        const auto page = [](const memory::Page& found) {
            std::string words = found.note;
            for (const memory::Hit& hit : found.hits) {
                words += hit.memory.content + "|";
            }
            return words;
        };
        for (memory::MemoryId id = 1; id <= kMemories + 1; ++id) {
            all.push_back(said(home.sea->read(id, "ann"), [](const memory::Memory& found) {
                return found.content + std::to_string(found.importance) + found.type + found.galaxy + found.owner +
                       std::to_string(found.created_ns) + std::to_string(found.version) + std::to_string(found.distance);
            }));
            all.push_back(said(home.sea->history(id, "ann"), [](const std::vector<memory::Version>& versions) {
                std::string words;
                for (const memory::Version& version : versions) {
                    words += version.content + version.by + version.what + std::to_string(version.at_ns);
                }
                return words;
            }));
        }
        for (const char* words : {"herons", "n7", "anew", "absent"}) {
            all.push_back(said(home.sea->search(words, {}, 20, "", "ann"), page));
            all.push_back(said(home.sea->recall(words, {}, 5, "ann"), page));
        }
        for (const char* order : {"created", "importance", "distance"}) {
            all.push_back(said(home.sea->list(order, {}, 20, "", "ann"), page));
        }
        all.push_back(said(home.sea->related(1, 2, {}, 5, "ann"), [](const std::vector<memory::Hit>& hits) {
            return std::to_string(hits.size());
        }));
        return all;
    }

    // What becomes of a copy of `from` in which one byte of `file` is another: empty when nothing was answered wrongly.
    std::string wrong_after_flip(const fs::path& from, const fs::path& file, std::size_t at, char by,
                                 const std::vector<std::string>& right, bool may_be_named) {
        const fs::path copy = scratch_.path() / "copy";
        fs::remove_all(copy);
        fs::copy(from, copy, fs::copy_options::recursive);
        fs::remove(copy / "resonant.db-shm");
        std::string bytes = whole_file(copy / file);
        bytes[at] = static_cast<char>(bytes[at] ^ by);
        std::ofstream(copy / file, std::ios::binary) << bytes;
        GovernedHome home(copy);
        if (const Status opened = home.open(); !opened) {
            return opened.error().message.empty() ? "refused without a word" : "";
        }
        static_cast<void>(home.catch_up());  // what can be made anew is made anew
        const std::vector<std::string> told = answers(home);
        home.close();
        for (std::size_t i = 0; i < told.size(); ++i) {
            if (told[i] != right[i] && !told[i].empty() && !(may_be_named && !home.findings().empty())) {
                return "question " + std::to_string(i) + " was answered \"" + told[i].substr(0, 80) + "\" in place of \"" +
                       right[i].substr(0, 80) + "\"";
            }
        }
        return "";
    }

    void flip_all(const fs::path& from, const fs::path& file, std::size_t sample, bool may_be_named = false) {
        const std::uint64_t seed = chosen_seed();
        SCOPED_TRACE("RESONANT_SEED=" + std::to_string(seed) + " " + file.string());
        std::mt19937_64 random(seed);
        fs::remove_all(scratch_.path() / "right");
        fs::copy(from, scratch_.path() / "right", fs::copy_options::recursive);
        GovernedHome whole(scratch_.path() / "right");
        ASSERT_TRUE(whole.open());
        const std::vector<std::string> right = answers(whole);
        whole.close();
        EXPECT_THAT(whole.findings(), testing::IsEmpty());
        const std::string bytes = whole_file(from / file);
        const std::size_t size = bytes.find_last_not_of('\0') + 1;  // the log is filled ahead with zeros
        ASSERT_GT(size, 0U);
        // Every byte of a small file; of a large one some 3,000, others with each seed.
        const std::size_t step = std::max<std::size_t>(1, size / (long_form() ? std::max<std::size_t>(sample, 3'000) : sample));
        for (std::size_t at = random() % step; at < size && !HasFailure(); at += 1 + random() % (2 * step - 1)) {
            const char by = static_cast<char>(1U << (random() % 8));
            EXPECT_EQ(wrong_after_flip(from, file, at, by, right, may_be_named), "") << "byte " << at << " xor " << int{by};
        }
    }

    fs::path home() const { return scratch_.path() / "home"; }

    MemoryScratch scratch_;
};

TEST_F(FlippedTest, a_byte_of_the_database) { flip_all(home(), "resonant.db", 100); }

TEST_F(FlippedTest, a_byte_of_the_head_of_the_database) {
    const std::uint64_t seed = chosen_seed();
    GovernedHome whole(home());
    ASSERT_TRUE(whole.open());
    const std::vector<std::string> right = answers(whole);
    whole.close();
    for (std::size_t at = 0; at < 100; ++at) {
        const char by = static_cast<char>(1U << ((seed + at) % 8));
        EXPECT_EQ(wrong_after_flip(home(), "resonant.db", at, by, right, false), "") << "byte " << at << " xor " << int{by};
    }
}

TEST_F(FlippedTest, a_byte_of_an_arrow_segment_or_the_manifest) {
    for (const auto& entry : fs::recursive_directory_iterator(home() / "segments")) {
        if (entry.is_regular_file()) {
            flip_all(home(), fs::relative(entry.path(), home()), 40);
        }
    }
}

TEST_F(FlippedTest, a_byte_of_the_ledgers_head) { flip_all(home(), "ledger.head", 20); }

// The log ends where it is damaged, so what came after may be missing; then the ledger's head tells of it.
TEST_F(FlippedTest, a_byte_of_the_log) { flip_all(scratch_.path() / "live", "resonant.db-wal", 30, true); }

// Limits that cannot be trusted start anew: a word of a limit is never another than was saved.
TEST(FlippedLimits, a_byte_of_the_saved_limits) {
    const MemoryScratch scratch;
    SystemRandom system;
    const auto home = runtime::open_home(scratch.path() / "home", system);
    ASSERT_TRUE(home.has_value()) << home.error().message;
    runtime::Config config;
    config.model = "/nonexistent";
    const auto rows = [&] {
        const auto parts = runtime::Parts::create(*home, config);
        return parts ? (*parts)->plane->limits().save().size() : std::size_t{9'999};
    };
    {
        const auto parts = runtime::Parts::create(*home, config);
        ASSERT_TRUE(parts.has_value()) << parts.error().message;
        (*parts)->start();
        call::Request request;
        request.tool = "health.check";
        request.caller.principal = "ann";
        EXPECT_FALSE((*parts)->dispatcher->run(std::move(request)).error);
    }
    const fs::path file = home->root / "limits.json";
    const std::string whole = whole_file(file);
    ASSERT_GT(rows(), 0U);
    const std::uint64_t seed = chosen_seed();
    SCOPED_TRACE("RESONANT_SEED=" + std::to_string(seed));
    std::mt19937_64 random(seed);
    for (int i = 0; i < (long_form() ? 300 : 10); ++i) {
        std::string bytes = whole;
        const std::size_t at = random() % bytes.size();
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
        std::ofstream(file, std::ios::binary) << bytes;
        EXPECT_EQ(rows(), 0U) << "byte " << at;
    }
}

}  // namespace
}  // namespace resonant::test
