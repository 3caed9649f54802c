// A disk that fails at any call of a change to a person's file: the file holds the old bytes or the new ones.
#include "resonant/clients/person_file.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <iterator>

#include "resonant/govern/rules.h"
#include "tests/durability/disk.h"
#include "tests/support/scratch.h"

namespace resonant::test {
namespace {

namespace fs = std::filesystem;

std::string whole(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(PersonFileOnABadDisk, every_call_may_fail_and_no_byte_of_the_original_is_lost) {
    const std::string old(10'000, 'o'), made(12'000, 'n');
    for (const auto& [error, stays] : {std::pair(ENOSPC, true), std::pair(EACCES, false)}) {
        for (std::uint64_t nth = 1;; ++nth) {
            const Scratch scratch;
            const fs::path path = scratch / "settings.json";
            std::ofstream(path, std::ios::binary) << old;
            Result<clients::PersonFile> file = clients::PersonFile::read(path);
            ASSERT_TRUE(file);
            Status done;
            bool struck = false;
            {
                Disk disk(scratch.path());
                disk.fail({.nth = nth, .error_number = error, .is_short = false, .stays = stays});
                done = file->replace(made);
                struck = disk.struck();
            }
            if (!struck) {
                ASSERT_TRUE(done);
                ASSERT_GT(nth, 4U) << "the disk saw the calls";
                break;
            }
            const std::string now = whole(path);
            ASSERT_TRUE(now == old || now == made) << "call " << nth;
            const std::string kept = whole(file->original());
            ASSERT_TRUE(kept == old || (kept.empty() && now == old)) << "call " << nth;
            ASSERT_FALSE(done && now != made) << "success was said, call " << nth;
            Result<clients::PersonFile> again = clients::PersonFile::read(path);
            ASSERT_TRUE(again && again->replace(made)) << "call " << nth;
            ASSERT_EQ(whole(path), made);
            ASSERT_EQ(whole(again->original()), old) << "the first original, not the second";
        }
    }
}

TEST(PolicyOnABadDisk, the_first_policy_is_there_whole_or_not_at_all) {
    for (std::uint64_t nth = 1;; ++nth) {
        const Scratch scratch;
        const fs::path folder = scratch / "policy.d";
        Status done;
        bool struck = false;
        {
            Disk disk(scratch.path());
            disk.fail({.nth = nth, .error_number = ENOSPC, .is_short = false, .stays = true});
            done = govern::write_default_policy(folder);
            struck = disk.struck();
        }
        if (!struck) {
            ASSERT_TRUE(done);
            ASSERT_GT(nth, 1U) << "the disk saw the calls";
            break;
        }
        ASSERT_TRUE(done || !fs::exists(folder / "10-default.yaml")) << "call " << nth;
        ASSERT_TRUE(govern::write_default_policy(folder)) << "and it is made as soon as there is room";
        ASSERT_GT(fs::file_size(folder / "10-default.yaml"), 1'000U);
    }
}

}  // namespace
}  // namespace resonant::test
