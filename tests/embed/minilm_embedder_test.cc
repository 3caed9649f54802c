#include "resonant/embed/minilm_embedder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "resonant/embed/token_text.h"
#include "tests/embed/model_folder.h"
#include "tests/support/interrupt.h"
#include "tests/support/scratch.h"

namespace resonant::embed {
namespace {

using testing::HasSubstr;

double dot(const Vector& a, const Vector& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    }
    return sum;
}

double cosine(const Vector& a, const Vector& b) {
    return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

// How far two ways to sum in float32 may turn a vector, as a loss of cosine. A sum of n rounded products is off
// by at most n units in the last place of what its terms add up to; each of the six layers ends in a sum of
// kInner of them and passes its error on. A vector that is off by e of its length has turned by at most e, and
// the cosine of e is 1 - e * e / 2: 1.5e-7.
constexpr double kLayers = 6;
constexpr double kRoundedTurn = kLayers * static_cast<double>(kInner) * 0x1p-24;
constexpr double kRoundedCosineLoss = kRoundedTurn * kRoundedTurn / 2;

Result<std::unique_ptr<MiniLmEmbedder>> open(const std::filesystem::path& cache = {},
                                             const Kernels& kernels = best_kernels()) {
    return MiniLmEmbedder::open(
        {.model_folder = model_folder(), .cache_folder = cache, .kernels = &kernels});
}

class Embedding : public testing::Test {
  protected:
    void SetUp() override {
        auto opened = open();
        ASSERT_TRUE(opened.has_value())
            << opened.error().message << "\nthe model is missing: ./dev test fetches it";
        embedder_ = std::move(*opened);
    }
    Vector embed(std::string_view text) {
        const auto vector = embedder_->embed(text);
        EXPECT_TRUE(vector.has_value()) << vector.error().message;
        return vector.value_or(Vector{});
    }

    std::unique_ptr<MiniLmEmbedder> embedder_;
};

TEST_F(Embedding, puts_texts_of_one_meaning_close_together) {
    const auto query = embed("share memory between two processes");
    const auto near = embed("shm_open creates a POSIX shared memory object that processes can map");
    const auto far = embed("the tournament ended with a penalty shoot-out in the rain");
    EXPECT_GT(dot(query, near), 0.5);
    EXPECT_LT(dot(query, far), 0.2);
}

TEST_F(Embedding, tells_words_in_their_context_and_leaves_punctuation_out) {
    const auto words = [&](std::string_view text, std::size_t tokens_max) {
        auto made = embedder_->embed_tokens(text, tokens_max);
        EXPECT_TRUE(made.has_value()) << made.error().message;
        return made.value_or(std::vector<Token>());
    };
    const auto river = words("the bank of the river", 20), money = words("the bank, of the money!", 20),
               shore = words("the shore of the river", 20);
    ASSERT_EQ(river.size(), 5U);
    ASSERT_EQ(money.size(), 5U);
    EXPECT_EQ(river[1].id, money[1].id);
    for (const Token& token : river) {
        EXPECT_NEAR(dot(token.direction, token.direction), 1.0, 1e-5);
    }
    EXPECT_GT(dot(river[1].direction, shore[1].direction), dot(money[1].direction, shore[1].direction));
    EXPECT_EQ(words("one two three four", 2).size(), 2U);
    EXPECT_EQ(words(std::string(100'000, 'x') + "?", 1'000).size(), 1U);
    EXPECT_TRUE(words("", 20).empty());
    EXPECT_TRUE(words("?!...", 20).empty());
}

TEST_F(Embedding, has_unit_length_for_every_text) {
    for (const std::string text : {"", "a", "[CLS]", "日本語の文章", "🙂🙃", "\xff\xfe", "\n\n\n"}) {
        const auto vector = embed(text);
        EXPECT_NEAR(dot(vector, vector), 1.0, 1e-5) << text;
    }
}

TEST_F(Embedding, of_one_text_is_the_same_every_time) {
    EXPECT_EQ(embed("the same words"), embed("the same words"));
}

// Short, long, foreign, technical; the last one is longer than a window.
std::vector<std::string> sample_sentences() {
    std::vector<std::string> texts{
        "",
        "one",
        "A sentence of several words, with a comma.",
        "shm_open creates and opens a new, or opens an existing, POSIX shared memory object.",
        "Talia: I went to an open evening at the animal shelter yesterday and it really moved me.",
        "What did Marcus sell in November 2023?",
        "日本語の文章です。",
        "Größenwahn und Übermut kamen vor dem Fall",
        "ERR_CONNECTION_RESET at 0x7fff5fbff8c0 (errno 104)",
        "The tournament ended with a penalty shoot-out in the rain.",
        "buy milk, eggs, 2 kg of flour"};
    std::string passage;
    for (int i = 0; i < (test::kSanitized ? 2 : 60); ++i) {  // a sanitizer makes an encoder thirty times slower
        passage += "The process maps a shared object into its own space before another thread writes. ";
    }
    texts.push_back(passage);
    return texts;
}

TEST_F(Embedding, agrees_over_all_kernels_of_one_precision_and_points_the_same_way_in_the_other) {
    const auto reference = open({}, best_float32_kernels());
    ASSERT_TRUE(reference.has_value()) << reference.error().message;
    std::vector<Vector> wanted;
    for (const std::string& text : sample_sentences()) {
        const auto ours = (*reference)->embed(text);
        ASSERT_TRUE(ours.has_value()) << ours.error().message;
        wanted.push_back(*ours);
    }
    for (const Kernels* kernels : available_kernels()) {
        const auto other = open({}, *kernels);
        ASSERT_TRUE(other.has_value()) << other.error().message;
        auto ours = wanted.begin();
        for (const std::string& text : sample_sentences()) {
            const auto theirs = (*other)->embed(text);
            ASSERT_TRUE(theirs.has_value()) << theirs.error().message;
            const bool is_float = kernels->precision == Precision::Float32;
            EXPECT_LE(1 - cosine(*theirs, *ours++), is_float ? kRoundedCosineLoss : 0.0001)
                << kernels->name << ": " << text.substr(0, 80);
        }
    }
}

TEST_F(Embedding, passes_over_invalid_bytes) {
    EXPECT_EQ(embed("shared\xff memory\xc3"), embed("shared memory"));
}

TEST_F(Embedding, does_not_let_a_text_set_the_models_markers) {
    EXPECT_LT(dot(embed("memory [SEP] cache"), embed("memory cache")), 0.999);
    EXPECT_EQ(embed("[CLS]"), embed("[cls]"));
}

// 300 words are two windows; what the second says must count, and each window counts by its tokens.
TEST_F(Embedding, pools_every_window_of_a_long_text) {
    std::string first;
    for (int i = 0; i < 254; ++i) {
        first += "memory ";
    }
    const std::string other = "football football football football football football";
    EXPECT_EQ(embedder_->tokens(first)->size(), 254U);
    const auto both = embed(first + other);
    const double to_first = dot(both, embed(first));
    const double to_other = dot(both, embed(other));
    EXPECT_GT(to_first, to_other);
    EXPECT_LT(to_first, 0.99999);
    EXPECT_GT(to_other, dot(embed(first), embed(other)));
}

TEST_F(Embedding, ends_after_its_last_window_however_long_the_text) {
    std::string text;
    for (std::size_t i = 0; i < kWindowsMax * kWindowTokens + 1000; ++i) {
        text += "a ";
    }
    EXPECT_EQ(embedder_->tokens(text)->size(), kWindowsMax * (kWindowTokens - 2));
}

TEST_F(Embedding, of_many_on_several_threads_equals_one_by_one) {
    std::vector<std::string> texts;
    for (int i = 0; i < 24; ++i) {
        texts.push_back("passage number " + std::to_string(i));
    }
    const auto many = embedder_->embed_many(texts, {.threads = 3, .niceness = 5});
    ASSERT_EQ(many.size(), texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
        ASSERT_TRUE(many[i].has_value()) << many[i].error().message;
        EXPECT_EQ(*many[i], embed(texts[i]));
    }
    EXPECT_TRUE(embedder_->embed_many({}, {}).empty());
}

TEST_F(Embedding, names_its_model_and_precision) {
    for (const Kernels* kernels : available_kernels()) {
        const auto other = open({}, *kernels);
        ASSERT_TRUE(other.has_value()) << other.error().message;
        EXPECT_EQ((*other)->model(), kernels->precision == Precision::Float32  ? "all-MiniLM-L6-v2/f32"
                                     : kernels->precision == Precision::Float16 ? "all-MiniLM-L6-v2/f16"
                                                                                : "all-MiniLM-L6-v2/bf16");
    }
}

TEST_F(Embedding, of_one_precision_is_not_taken_from_the_cache_of_another) {
    const test::Scratch cache;
    for (const Kernels* kernels : available_kernels()) {
        const auto cached = open(cache.path(), *kernels);
        ASSERT_TRUE(cached.has_value()) << cached.error().message;
        const auto plain = open({}, *kernels);
        if (kernels != available_kernels().front() && kernels->precision == Precision::Float32) {
            continue;  // of one precision with the first: reads what that one kept
        }
        EXPECT_EQ((*cached)->embed("kept words").value(), (*plain)->embed("kept words").value());
    }
}

TEST_F(Embedding, once_computed_is_read_back_by_another_embedder_and_forgotten_on_demand) {
    const test::Scratch cache;
    const auto file = cache / "embeddings-v1";
    const auto first = open(cache.path());
    const auto second = open(cache.path());
    ASSERT_TRUE(first.has_value() && second.has_value());
    const auto computed = (*first)->embed("kept words");
    ASSERT_TRUE(computed.has_value()) << computed.error().message;
    const auto size = std::filesystem::file_size(file);
    EXPECT_EQ((*second)->embed("kept words").value(), *computed);
    EXPECT_EQ(std::filesystem::file_size(file), size);
    ASSERT_TRUE((*second)->forget("kept words"));
    ASSERT_TRUE((*first)->embed("kept words").has_value());
    EXPECT_GT(std::filesystem::file_size(file), size);
}

TEST_F(Embedding, of_words_is_computed_once_for_all_embedders_of_one_precision) {
    const test::Scratch cache;
    const auto file = cache / "tokens-v1";
    const auto first = open(cache.path());
    ASSERT_TRUE(first.has_value());
    const auto computed = (*first)->embed_text("kept words");
    ASSERT_TRUE(computed.has_value()) << computed.error().message;
    EXPECT_EQ(**computed, TokenText((*first)->embed_tokens("kept words", kTextTokensMax).value()));
    const auto size = std::filesystem::file_size(file);
    EXPECT_EQ(std::filesystem::status(file).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    {
        // Without a vocabulary nothing can be computed: what is answered was read.
        const test::Scratch model;
        std::filesystem::create_symlink(model_folder() / "model.safetensors", model / "model.safetensors");
        std::ofstream(model / "vocab.txt") << "";
        const auto second = MiniLmEmbedder::open({.model_folder = model.path(), .cache_folder = cache.path()});
        ASSERT_TRUE(second.has_value()) << second.error().message;
        EXPECT_FALSE((*second)->embed_text("other words").has_value());
        const auto read = (*second)->embed_text("kept words");
        ASSERT_TRUE(read.has_value()) << read.error().message;
        EXPECT_EQ(**read, **computed);
        EXPECT_EQ(std::filesystem::file_size(file), size);
    }
    for (const Kernels* other : available_kernels()) {
        if (other->precision != best_kernels().precision) {
            ASSERT_TRUE((*open(cache.path(), *other))->embed_text("kept words").has_value());
            EXPECT_GT(std::filesystem::file_size(file), size);
            break;
        }
    }
}

TEST_F(Embedding, of_words_that_is_damaged_is_computed_again_never_used) {
    const test::Scratch cache;
    const auto file = cache / "tokens-v1";
    const auto computed = (*open(cache.path()))->embed_text("kept words");
    ASSERT_TRUE(computed.has_value()) << computed.error().message;
    const auto size = std::filesystem::file_size(file);
    {
        std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
        bytes.seekp(static_cast<std::streamoff>(size) - 20'000);  // among the directions of its tokens
        bytes.put('\x55');
    }
    EXPECT_EQ(**(*open(cache.path()))->embed_text("kept words"), **computed);
    EXPECT_EQ(std::filesystem::file_size(file), 2 * size - 8);  // kept again, behind the damaged one
    EXPECT_EQ(**(*open(cache.path()))->embed_text("kept words"), **computed);
    EXPECT_EQ(std::filesystem::file_size(file), 2 * size - 8);
    ASSERT_TRUE((*open(cache.path()))->forget("kept words"));
    ASSERT_TRUE((*open(cache.path()))->embed_text("kept words").has_value());
    EXPECT_EQ(std::filesystem::file_size(file), 3 * size - 16);
}

TEST_F(Embedding, never_writes_the_text_into_its_cache) {
    const test::Scratch cache;
    const auto embedder = open(cache.path());
    ASSERT_TRUE(embedder.has_value());
    ASSERT_TRUE((*embedder)->embed("unmistakable-words").has_value());
    std::ifstream file(cache / "embeddings-v1", std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    EXPECT_GT(bytes.size(), 1536U);
    EXPECT_EQ(bytes.find("unmistakable"), std::string::npos);
}

TEST_F(Embedding, goes_on_without_a_cache_that_cannot_be_opened) {
    const test::Scratch folder;
    std::ofstream(folder / "file") << "x";
    const auto embedder = open(folder / "file");
    ASSERT_TRUE(embedder.has_value());
    EXPECT_EQ((*embedder)->embed("words").value(), embed("words"));
}

TEST(EmbedderOpened, without_a_model_names_the_folder_and_the_way_to_get_it) {
    const test::Scratch folder;
    const auto opened = MiniLmEmbedder::open({.model_folder = folder.path(), .cache_folder = {}});
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, Code::NotFound);
    EXPECT_THAT(opened.error().message, HasSubstr(folder.path().string()));
    EXPECT_THAT(opened.error().message, HasSubstr("./dev build"));
    EXPECT_THAT(opened.error().message, HasSubstr("scripts/fetch_model.sh"));
}

TEST(EmbedderOpened, on_weights_cut_short_says_that_they_are_damaged) {
    const test::Scratch folder;
    std::filesystem::copy_file(model_folder() / "vocab.txt", folder.path() / "vocab.txt");
    std::ifstream source(model_folder() / "model.safetensors", std::ios::binary);
    std::string head(1 << 20, '\0');
    source.read(head.data(), static_cast<std::streamsize>(head.size()));
    std::ofstream(folder.path() / "model.safetensors", std::ios::binary) << head;
    const auto opened = MiniLmEmbedder::open({.model_folder = folder.path(), .cache_folder = {}});
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, Code::DataLoss);
}

TEST(EmbedderOpened, on_a_damaged_vocabulary_says_so_at_every_text) {
    const test::Scratch folder;
    std::filesystem::create_symlink(std::filesystem::absolute(model_folder() / "model.safetensors"),
                                    folder.path() / "model.safetensors");
    std::ofstream(folder.path() / "vocab.txt") << "[CLS]\n[SEP]\n[UNK]\n";
    const auto opened = MiniLmEmbedder::open({.model_folder = folder.path(), .cache_folder = {}});
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    EXPECT_EQ((*opened)->embed("one").error().code, Code::DataLoss);
    EXPECT_EQ((*opened)->embed("two").error().code, Code::DataLoss);
}

TEST(EmbedderModelFolder, is_the_one_that_the_environment_names) {
    const char* before = std::getenv("RESONANT_MODEL");
    const std::string kept = before == nullptr ? "" : before;
    setenv("RESONANT_MODEL", "/some/model", 1);
    EXPECT_EQ(find_model_folder(), "/some/model");
    before == nullptr ? unsetenv("RESONANT_MODEL") : setenv("RESONANT_MODEL", kept.c_str(), 1);
}

}  // namespace
}  // namespace resonant::embed
