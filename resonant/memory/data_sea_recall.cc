// The part of a DataSea that recalls: candidates by words and by meaning, those told beside the best of them,
// what speaks for each (fusion.h), in one order.
#include "resonant/memory/data_sea_inner.h"

#include <algorithm>

#include "resonant/memory/fusion.h"
#include "resonant/memory/question.h"

namespace resonant::memory {
namespace {

using sql::Connection;

constexpr std::size_t kCandidates = 50;  // of each kind
constexpr std::size_t kWidened = 16;     // best candidates whose neighbours become candidates too
constexpr std::size_t kRead = 24;        // best candidates that are read, to be weighed in full

}  // namespace

struct DataSea::Inner::Recall {
    Inner& sea;
    Connection& connection;
    const Filter& filter;
    const std::string& viewer;
    search::Dot dot = search::dot_of(search::best_kernel());
    std::string model = sea.index.status().model;
    WordScores words = {};
    Parts parts = {};
    Candidates candidates = {};
    Neighbours neighbours = {};

    Candidate& candidate(MemoryId id) {
        const auto [at, is_new] = candidates.try_emplace(id);
        if (is_new) {
            at->second = {id, words.sum(id), {}};
        }
        return at->second;
    }
    Context context(MemoryId id) const { return context_of(id, neighbours, candidates, words, parts); }
    // The best `count` candidates, by base and, when there are neighbours, by context.
    std::vector<search::Scored> best(std::size_t count) {
        parts = parts_of(candidates);
        search::TopK best(count);
        for (const auto& [id, each] : candidates) {
            best.offer({static_cast<float>(base_of(each, parts) + context(id).score), id});
        }
        return best.take();
    }
    Status fill_in(const Vector& query) {
        for (auto& [id, each] : candidates) {
            if (each.cosine) {
                continue;
            }
            std::shared_ptr<const SegmentSet> keeps;
            if (const float* mapped = sea.index.mapped(id, filter.galaxy, keeps)) {
                each.cosine = dot(query.data(), mapped);
                continue;
            }
            RESONANT_ASSIGN(const auto vector, sea.stored_vector(connection, id, model));
            if (vector) {
                each.cosine = dot(query.data(), vector->data());
            }
        }
        return {};
    }
    Status widen() {
        RESONANT_ASSIGN(auto sessions, sea.store.around(best(kWidened), filter, viewer));
        std::ranges::sort(sessions);  // mostly that leaves nothing to sort among the neighbours
        neighbours = neighbours_in(sessions);
        for (const std::vector<MemoryId>& session : sessions) {
            for (const MemoryId id : session) {
                candidate(id);
            }
        }
        return {};
    }
    Result<std::vector<Hit>> hits(const Question& question, std::size_t limit) {
        std::vector<Hit> found;
        std::vector<MemoryId> ids;
        const std::vector<search::Scored> read = best(std::max(kRead, limit));
        found.reserve(read.size());
        for (const search::Scored& each : read) {
            RESONANT_ASSIGN(Memory memory, load(connection, each.id, viewer));
            Hit hit{std::move(memory), 0, {}};
            weigh(hit, candidates.at(each.id), parts, context(each.id), question);
            found.push_back(std::move(hit));
            ids.push_back(each.id);
        }
        RESONANT_ASSIGN(const auto edges, sea.store.edges_among(ids));
        RESONANT_ASSIGN(const auto faults, sea.store.faults_among(ids, viewer));
        memory::settle(found, edges, faults);
        found.resize(std::min(found.size(), limit));
        return found;
    }
};

Result<Page> DataSea::recall(const std::string& query, const Filter& filter, std::size_t limit,
                             const std::string& viewer) {
    RESONANT_CHECK(check_limit("recall", limit));
    Page page;
    const Result<Vector> meaning = embed(query);
    if (!meaning && meaning.error().code != Code::Unavailable) {
        return std::unexpected(meaning.error());
    }
    const std::size_t wanted = std::max(kCandidates, limit);
    const Status done = inner_->database.read([&](Connection& connection) -> Status {
        Inner::Recall recall{*inner_, connection, filter, viewer};
        RESONANT_ASSIGN(recall.words, inner_->store.word_scores(query, filter, wanted, viewer));
        for (const search::Scored& each : recall.words.top()) {
            recall.candidate(each.id);
        }
        RESONANT_ASSIGN(const std::size_t left, inner_->pending());
        if (meaning) {
            RESONANT_ASSIGN(const auto near, inner_->nearest({&*meaning, 1}, filter, wanted, viewer));
            page.vectors_used = !near.front().empty();
            for (const search::Scored& each : near.front()) {
                recall.candidate(each.id).cosine = each.score;
            }
            RESONANT_CHECK(recall.fill_in(*meaning));
        } else {
            page.note = "words only: " + meaning.error().message;
        }
        if (meaning && left > 0) {
            page.note = std::to_string(left) + (left == 1 ? " memory has" : " memories have") + " no vector yet: found by words only";
        }
        RESONANT_CHECK(recall.widen());
        if (meaning) {
            RESONANT_CHECK(recall.fill_in(*meaning));
        }
        RESONANT_ASSIGN(page.hits,
                        recall.hits(question_of(query, inner_->clock.wall().count), limit));
        return {};
    });
    RESONANT_CHECK(done);
    return page;
}

}  // namespace resonant::memory
