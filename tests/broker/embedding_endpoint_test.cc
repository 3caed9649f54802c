// Vectors from an OpenAI-compatible server: one that answers well, and all the ways in which one may not.
#include "resonant/broker/embedding_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "resonant/base/clock.h"
#include "resonant/broker/post.h"
#include "resonant/json/json.h"
#include "resonant/memory/data_sea.h"
#include "resonant/net/http.h"
#include "tests/support/scratch.h"
#include "tests/support/word_embedder.h"

namespace resonant::broker {
namespace {

using testing::HasSubstr;
using testing::Not;

// Speaks the protocol with the vectors of a WordEmbedder, in reverse order, as the protocol allows. The text
// "refused" gets status 400.
class EmbeddingEndpointTest : public testing::Test {
  protected:
    void SetUp() override {
        auto loop = net::Loop::create();
        ASSERT_TRUE(loop);
        loop_ = std::move(*loop);
        auto server = net::HttpServer::open(
            *loop_, [this](net::HttpRequest request, auto give) { answer(request, give); }, {.port = 0});
        ASSERT_TRUE(server) << server.error().message;
        server_ = std::move(*server);
        runner_ = std::thread([this] { loop_->run(); });
    }
    void TearDown() override {
        loop_->stop();
        runner_.join();
    }
    void answer(const net::HttpRequest& request, const std::function<void(net::HttpResponse)>& give) {
        ++requests;
        if (is_silent) {
            kept_.push_back(give);
            return;
        }
        const std::string* key = request.header("authorization");
        if (key == nullptr || *key != "Bearer secret") {
            give({401, "application/json", R"({"error":{"message":"wrong key"}})", {}});
            return;
        }
        if (!broken_body.empty()) {
            give({200, "application/json", broken_body, {}});
            return;
        }
        const Json asked = Json::parse(request.body);
        path = request.target;
        Json data = Json::array();
        for (std::size_t i = asked["input"].size(); i-- > 0;) {
            const auto text = asked["input"][i].get<std::string>();
            if (text == "refused") {
                give({400, "application/json", R"({"error":{"message":"this text is refused"}})", {}});
                return;
            }
            std::vector<double> numbers;
            const Vector vector = words_.embed(text).value();
            for (const float value : vector) {
                numbers.push_back(3.0 * static_cast<double>(value));  // of any length
            }
            data.push_back({{"index", i}, {"embedding", numbers}});
        }
        give({200, "application/json", Json{{"data", data}}.dump(), {}});
    }
    EmbeddingEndpoint::Options options() const {
        return {.url = "http://127.0.0.1:" + std::to_string(server_->port()) + "/v1",
                .model = "tiny",
                .key = "secret",
                .timeout = std::chrono::milliseconds(5'000),
                .cache_folder = {}};
    }
    static std::unique_ptr<EmbeddingEndpoint> open(const EmbeddingEndpoint::Options& options) {
        auto opened = EmbeddingEndpoint::open(options);
        EXPECT_TRUE(opened.has_value()) << opened.error().message;
        return std::move(*opened);
    }

    std::atomic<bool> is_silent{false};
    std::atomic<int> requests{0};
    std::string broken_body, path;  // set while no request runs

    test::WordEmbedder words_;
    std::unique_ptr<net::Loop> loop_;
    std::unique_ptr<net::HttpServer> server_;
    std::vector<std::function<void(net::HttpResponse)>> kept_;
    std::thread runner_;
};

TEST_F(EmbeddingEndpointTest, gives_unit_vectors_in_the_order_of_the_texts_in_few_requests) {
    const auto endpoint = open(options());
    std::vector<std::string> texts;
    for (int i = 0; i < 70; ++i) {
        texts.push_back("text " + std::to_string(i));
    }
    const auto vectors = endpoint->embed_many(texts, {});
    ASSERT_EQ(vectors.size(), texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
        ASSERT_TRUE(vectors[i].has_value()) << vectors[i].error().message;
        for (std::size_t d = 0; d < kDimensions; ++d) {
            ASSERT_NEAR((*vectors[i])[d], (*words_.embed(texts[i]))[d], 1e-5);
        }
    }
    EXPECT_EQ(requests, 3);
    EXPECT_EQ(path, "/v1/embeddings");
    EXPECT_THAT(endpoint->model(), HasSubstr("tiny"));
}

TEST_F(EmbeddingEndpointTest, a_refused_text_does_not_take_its_neighbours_with_it) {
    const auto endpoint = open(options());
    const auto vectors = endpoint->embed_many(std::vector<std::string>{"one", "refused", "two"}, {});
    EXPECT_TRUE(vectors[0].has_value());
    EXPECT_TRUE(vectors[2].has_value());
    EXPECT_EQ(vectors[1].error().code, Code::InvalidArgument);
    EXPECT_THAT(vectors[1].error().message, HasSubstr("this text is refused"));
}

TEST_F(EmbeddingEndpointTest, any_bytes_of_any_length_can_be_sent) {
    const auto endpoint = open(options());
    for (const std::string& text : {std::string(), std::string("\xff\xfe\0x", 4),
                                    std::string(EmbeddingEndpoint::kTextBytesMax - 1, 'a') + "\xc3\xa4 tail"}) {
        EXPECT_TRUE(endpoint->embed(text).has_value());
    }
}

TEST_F(EmbeddingEndpointTest, a_wrong_key_a_silent_and_an_absent_server_are_unavailable_and_named) {
    EmbeddingEndpoint::Options wrong = options();
    wrong.key = "other";
    const auto refused = open(wrong)->embed("x");
    EXPECT_EQ(refused.error().code, Code::Unavailable);
    EXPECT_THAT(refused.error().message, HasSubstr("status 401: wrong key"));
    EXPECT_THAT(refused.error().message, Not(HasSubstr("other")));
    EmbeddingEndpoint::Options hasty = options();
    hasty.timeout = std::chrono::milliseconds(150);
    is_silent = true;
    const auto late = open(hasty)->embed("x");
    EXPECT_EQ(late.error().code, Code::Unavailable);
    EXPECT_THAT(late.error().message, HasSubstr("no answer within 150 ms"));
    EmbeddingEndpoint::Options absent = options();
    absent.url = "http://127.0.0.1:1/v1";
    const auto alone = open(absent)->embed("x");
    EXPECT_EQ(alone.error().code, Code::Unavailable);
    EXPECT_THAT(alone.error().message, testing::AllOf(HasSubstr("refused"), testing::Not(HasSubstr("/boost/"))));
}

TEST_F(EmbeddingEndpointTest, an_answer_that_is_none_is_named_and_never_a_vector) {
    const auto endpoint = open(options());
    for (const char* body : {"", "not json", "[]", "{}", R"({"data":[]})", R"({"data":[{"embedding":[1,2,3]}]})",
                             R"({"data":[{"index":7,"embedding":[]}]})", R"({"data":[{"embedding":"x"}]})"}) {
        broken_body = body;
        if (broken_body.empty()) {
            broken_body = " ";
        }
        const auto vector = endpoint->embed("x");
        ASSERT_FALSE(vector.has_value()) << body;
        EXPECT_EQ(vector.error().code, Code::Unavailable) << body;
    }
    broken_body = R"({"data":[{"embedding":[1,2,3]}]})";
    EXPECT_THAT(endpoint->embed("x").error().message, HasSubstr("384"));
}

TEST_F(EmbeddingEndpointTest, asks_once_for_a_text_it_has_in_its_cache_and_forgets_on_demand) {
    const test::Scratch cache;
    EmbeddingEndpoint::Options kept = options();
    kept.cache_folder = cache.path();
    const auto endpoint = open(kept);
    const auto first = endpoint->embed("kept words");
    EXPECT_EQ(endpoint->embed("kept words").value(), first.value());
    EXPECT_EQ(requests, 1);
    ASSERT_TRUE(endpoint->forget("kept words").has_value());
    ASSERT_TRUE(endpoint->embed("kept words").has_value());
    EXPECT_EQ(requests, 2);
}

TEST_F(EmbeddingEndpointTest, its_vectors_are_never_mixed_with_the_local_models) {
    const test::Scratch home;
    ManualClock clock;
    const auto database = sql::Database::open(home / "home.db", {});
    ASSERT_TRUE(database.has_value());
    const auto endpoint = open(options());
    const auto reopen = [&](embed::Embedder& embedder) {
        auto sea = memory::DataSea::open(**database, home / "sea", &embedder, clock, nullptr);
        EXPECT_TRUE(sea.has_value());
        return std::move(*sea);
    };
    {
        const auto sea = reopen(words_);
        memory::Memory note;
        note.content = "coral reef";
        ASSERT_TRUE(sea->add(note).has_value());
        ASSERT_TRUE(sea->catch_up(10, nullptr).has_value());
    }
    const auto sea = reopen(*endpoint);
    EXPECT_TRUE(sea->nearest(*endpoint->embed("coral reef"), {}, 5, -1, "ann")->hits.empty());
    const auto meanwhile = sea->recall("coral", {}, 5, "ann");
    EXPECT_EQ(meanwhile->hits.size(), 1U) << "found by its words";
    EXPECT_EQ(*sea->catch_up(10, nullptr), 0U);
    EXPECT_EQ(sea->nearest(*endpoint->embed("coral reef"), {}, 5, -1, "ann")->hits.size(), 1U);
    EXPECT_EQ(sea->status().model, endpoint->model());
}

TEST_F(EmbeddingEndpointTest, while_the_server_is_down_texts_wait_and_words_find_them) {
    const test::Scratch home;
    ManualClock clock;
    const auto database = sql::Database::open(home / "home.db", {});
    EmbeddingEndpoint::Options absent = options();
    absent.url = "http://127.0.0.1:1/v1";
    const auto endpoint = open(absent);
    const auto sea = memory::DataSea::open(**database, home / "sea", endpoint.get(), clock, nullptr);
    memory::Memory note;
    note.content = "coral reef";
    ASSERT_TRUE((*sea)->add(note).has_value());
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ((*sea)->catch_up(10, nullptr).error().code, Code::Unavailable);
    }
    const auto page = (*sea)->recall("reef", {}, 5, "ann");
    EXPECT_EQ(page->hits.size(), 1U);
    EXPECT_THAT(page->note, HasSubstr("words only"));
}

TEST(EmbeddingEndpointSettings, that_cannot_be_used_are_refused_with_the_way_out) {
    const auto refusal = [](const char* url, const char* model, const char* key) {
        const auto opened = EmbeddingEndpoint::open({.url = url, .model = model, .key = key, .cache_folder = {}});
        return opened ? std::string("opened") : opened.error().message;
    };
    EXPECT_THAT(refusal("ftp://x/v1", "m", ""), HasSubstr("http:// or https://"));
    EXPECT_THAT(refusal("http://", "m", ""), HasSubstr("no host"));
    EXPECT_THAT(refusal("http://x:port/", "m", ""), HasSubstr("port"));
    EXPECT_THAT(refusal("http://user@x/", "m", ""), HasSubstr("user"));
    EXPECT_THAT(refusal("http://x/v1", "", ""), HasSubstr("no model"));
    EXPECT_THAT(refusal("http://example.org/v1", "m", "secret"), HasSubstr("https"));
    EXPECT_THAT(refusal("http://example.org/v1", "m", "secret"), Not(HasSubstr("secret")));
    EXPECT_EQ(refusal("https://example.org/v1", "m", "secret"), "opened");
}

}  // namespace
}  // namespace resonant::broker
