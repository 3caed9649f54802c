#include "resonant/embed/embedding_cache.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "tests/support/child.h"
#include "tests/support/scratch.h"

namespace resonant::embed {
namespace {

constexpr std::size_t kRecordBytes = 32 + 1536 + 8;

EmbeddingCache::Key key_of(std::uint8_t n) {
    EmbeddingCache::Key key{};
    key[0] = n;
    key[31] = 1;
    return key;
}

Vector vector_of(float value) {
    Vector vector;
    vector.fill(value);
    return vector;
}

class EmbeddingCacheFile : public testing::Test {
  protected:
    std::unique_ptr<EmbeddingCache> open(std::size_t records_max = EmbeddingCache::kTexts.records_max) {
        EmbeddingCache::Kind kind = EmbeddingCache::kTexts;
        kind.records_max = records_max;
        auto cache = EmbeddingCache::open(folder_.path(), kind);
        EXPECT_TRUE(cache.has_value()) << cache.error().message;
        return std::move(*cache);
    }
    void flip_byte(std::size_t offset) {
        std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(static_cast<std::streamoff>(offset));
        const int byte = file.get();
        file.seekp(static_cast<std::streamoff>(offset));
        file.put(static_cast<char>(byte ^ 1));
    }

    test::Scratch folder_;
    std::filesystem::path path_ = folder_.path() / "embeddings-v1";
};

TEST_F(EmbeddingCacheFile, keeps_a_vector_over_a_restart) {
    ASSERT_TRUE(open()->insert(key_of(1), vector_of(0.5F)));
    const auto again = open();
    EXPECT_EQ(again->find(key_of(1)), vector_of(0.5F));
    EXPECT_EQ(again->find(key_of(2)), std::nullopt);
}

TEST_F(EmbeddingCacheFile, is_for_its_owner_only) {
    open();
    EXPECT_EQ(std::filesystem::status(path_).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(EmbeddingCacheFile, is_not_appended_to_twice_for_one_key) {
    const auto cache = open();
    ASSERT_TRUE(cache->insert(key_of(1), vector_of(0.5F)));
    const auto size = std::filesystem::file_size(path_);
    ASSERT_TRUE(cache->insert(key_of(1), vector_of(0.5F)));
    ASSERT_TRUE(open()->insert(key_of(1), vector_of(0.5F)));
    EXPECT_EQ(std::filesystem::file_size(path_), size);
}

TEST_F(EmbeddingCacheFile, forgives_a_torn_tail_and_writes_over_it) {
    {
        const auto cache = open();
        ASSERT_TRUE(cache->insert(key_of(1), vector_of(0.1F)));
        ASSERT_TRUE(cache->insert(key_of(2), vector_of(0.2F)));
    }
    const auto whole = std::filesystem::file_size(path_);
    std::filesystem::resize_file(path_, whole - 700);
    const auto cache = open();
    EXPECT_EQ(cache->find(key_of(1)), vector_of(0.1F));
    EXPECT_EQ(cache->find(key_of(2)), std::nullopt);
    ASSERT_TRUE(cache->insert(key_of(3), vector_of(0.3F)));
    EXPECT_EQ(std::filesystem::file_size(path_), whole);
    EXPECT_EQ(open()->find(key_of(3)), vector_of(0.3F));
}

TEST_F(EmbeddingCacheFile, never_returns_a_damaged_vector_and_heals_by_a_new_one) {
    const auto cache = open();
    ASSERT_TRUE(cache->insert(key_of(1), vector_of(0.1F)));
    flip_byte(8 + 32 + 100);
    EXPECT_EQ(cache->find(key_of(1)), std::nullopt);
    ASSERT_TRUE(cache->insert(key_of(1), vector_of(0.1F)));
    EXPECT_EQ(cache->find(key_of(1)), vector_of(0.1F));
    EXPECT_EQ(open()->find(key_of(1)), vector_of(0.1F));
}

TEST_F(EmbeddingCacheFile, that_is_no_cache_is_emptied) {
    std::ofstream(path_) << "something else altogether";
    const auto cache = open();
    EXPECT_EQ(cache->find(key_of(1)), std::nullopt);
    ASSERT_TRUE(cache->insert(key_of(1), vector_of(0.1F)));
    EXPECT_EQ(open()->find(key_of(1)), vector_of(0.1F));
}

TEST_F(EmbeddingCacheFile, starts_over_when_full_and_others_notice) {
    const auto writer = open(3);
    const auto reader = open(3);
    for (std::uint8_t n = 1; n <= 3; ++n) {
        ASSERT_TRUE(writer->insert(key_of(n), vector_of(n)));
        ASSERT_EQ(reader->find(key_of(n)), vector_of(n));
    }
    ASSERT_TRUE(writer->insert(key_of(4), vector_of(4)));
    EXPECT_EQ(std::filesystem::file_size(path_), 8 + kRecordBytes);
    EXPECT_EQ(reader->find(key_of(4)), vector_of(4));
    EXPECT_EQ(reader->find(key_of(1)), std::nullopt);
}

TEST_F(EmbeddingCacheFile, of_another_kind_is_emptied_not_misread) {
    ASSERT_TRUE(open()->insert(key_of(1), vector_of(0.1F)));
    EmbeddingCache::Kind other = EmbeddingCache::kTexts;
    other.magic[7] = '9';
    other.value_bytes = 100;
    const auto cache = EmbeddingCache::open(folder_.path(), other);
    ASSERT_TRUE(cache.has_value()) << cache.error().message;
    std::array<std::byte, 100> value{};
    EXPECT_FALSE((*cache)->find(key_of(1), value));
    value[50] = std::byte{7};
    ASSERT_TRUE((*cache)->insert(key_of(1), value));
    std::array<std::byte, 100> kept{};
    EXPECT_TRUE((*cache)->find(key_of(1), kept));
    EXPECT_EQ(kept, value);
}

TEST_F(EmbeddingCacheFile, forgets_what_must_be_gone) {
    const auto cache = open();
    ASSERT_TRUE(cache->insert(key_of(1), vector_of(0.1F)));
    ASSERT_TRUE(cache->insert(key_of(2), vector_of(0.2F)));
    ASSERT_TRUE(cache->forget(key_of(1)));
    EXPECT_EQ(cache->find(key_of(1)), std::nullopt);
    EXPECT_EQ(open()->find(key_of(1)), std::nullopt);
    EXPECT_EQ(open()->find(key_of(2)), vector_of(0.2F));
    std::ifstream file(path_, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(bytes.substr(8, kRecordBytes), std::string(kRecordBytes, '\0'));
}

TEST_F(EmbeddingCacheFile, in_an_unusable_place_says_which_and_why) {
    std::ofstream(folder_.path() / "file") << "x";
    const auto cache = EmbeddingCache::open(folder_.path() / "file" / "cache");
    ASSERT_FALSE(cache.has_value());
    EXPECT_NE(cache.error().message.find((folder_.path() / "file").string()), std::string::npos);
}

// A limit on the file's size stands for a full disk.
TEST_F(EmbeddingCacheFile, on_a_full_disk_tells_and_keeps_what_it_has) {
    ASSERT_TRUE(open()->insert(key_of(1), vector_of(0.1F)));
    const int status = test::in_child([this] {
        signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{8 + kRecordBytes + 100, 8 + kRecordBytes + 100};
        const auto cache = EmbeddingCache::open(folder_.path());
        const bool told = setrlimit(RLIMIT_FSIZE, &limit) == 0 && cache.has_value() &&
                          !(*cache)->insert(key_of(2), vector_of(0.2F)).has_value();
        return told && (*cache)->find(key_of(1)) == vector_of(0.1F) ? 0 : 1;
    });
    EXPECT_EQ(status, 0);
    EXPECT_EQ(open()->find(key_of(1)), vector_of(0.1F));
    EXPECT_EQ(open()->find(key_of(2)), std::nullopt);
}

TEST_F(EmbeddingCacheFile, takes_appends_of_two_processes_at_once) {
    constexpr std::uint8_t kEach = 100;
    const auto append = [this](std::uint8_t first) {
        const auto cache = EmbeddingCache::open(folder_.path());
        bool good = cache.has_value();
        for (std::uint8_t n = 0; good && n < kEach; ++n) {
            const auto key = static_cast<std::uint8_t>(first + n);
            good = (*cache)->insert(key_of(key), vector_of(key)).has_value();
        }
        return good;
    };
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        _exit(append(100) ? 0 : 1);
    }
    EXPECT_TRUE(append(0));
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    const auto cache = open();
    for (std::uint8_t n = 0; n < 2 * kEach; ++n) {
        ASSERT_EQ(cache->find(key_of(n)), vector_of(n)) << int{n};
    }
    EXPECT_EQ(std::filesystem::file_size(path_), 8 + 2 * kEach * kRecordBytes);
}

}  // namespace
}  // namespace resonant::embed
