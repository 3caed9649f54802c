#include "resonant/memory/fusion.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "resonant/base/ensure.h"
#include "resonant/memory/word_query.h"

namespace resonant::memory {
namespace {

constexpr double kWords = 0.55;     // what words weigh in a text that leans on its neighbours;
constexpr double kWordsAlone = 0.4; // in one that stands alone
constexpr double kWordsFull = 20;  // the bm25 that is worth as much as a cosine of 1, if no memory has more
constexpr double kLeans = 60;      // a text of so many words leans on its neighbours like any other,
constexpr double kStands = 120;      // one of so many stands alone;
constexpr double kTitledLeans = 20;  // the same of one under a title of its own that somebody says
constexpr double kTitledStands = 40;
constexpr double kAsks = 0.1;
constexpr std::ptrdiff_t kAsksWords = 35;  // a longer text says something, too, though it ends with a question
constexpr double kNamed = 0.02;
constexpr double kTime = 0.1;
constexpr double kNearness = 0.02;
constexpr double kLink = 0.03;
constexpr double kLowered = 0.05;
constexpr int kContextReach = 2;    // how far beside a memory its neighbours are told
constexpr double kTold = 0.01;  // context that is worth saying

// Of what words and meaning are worth in a neighbour.
struct Share {
    double words = 0;
    double meaning = 0;
};
Share share_of(int offset) {
    switch (offset) {
        case -1: return {0.7, 0.10};
        case -2: return {0.4, 0};
        case 1: return {0.4, 0.05};
        case 2: return {0.2, 0};
        default: return {};
    }
}

// How much a memory leans on its neighbours, 0 to 1. A passage under a title of its own does not, unless it was stored
// in a session or is short and somebody says it: a longer one that begins with "NOTE: " is no turn of a talk.
double leaning_of(const Memory& memory) {
    const bool is_titled = !memory.title.empty() && memory.session.empty();
    if (is_titled && speaker_part(memory.content).empty()) {
        return 0;
    }
    const auto words = static_cast<double>(1 + std::ranges::count(memory.content, ' '));
    const double stands = is_titled ? kTitledStands : kStands;
    const double leans = is_titled ? kTitledLeans : kLeans;
    return std::clamp((stands - words) / (stands - leans), 0.0, 1.0);
}

bool only_asks(const std::string& text) {
    const std::size_t last = text.find_last_not_of(" \t\r\n\"')");
    return last != std::string::npos && text[last] == '?' && std::ranges::count(text, ' ') < kAsksWords;
}

bool before(const Hit& a, const Hit& b) {
    return a.score != b.score ? a.score > b.score : a.memory.id < b.memory.id;
}

// What the links among the hits mean for one of them.
struct Links {
    double lift = 0;
    double lowered = 0;
    std::string strongest;
    std::string why_lowered;
};

// `is_better`: the hit at the other end comes before.
void count(Links& links, const Edge& edge, MemoryId here, bool is_better) {
    const std::string other = wire_id(edge.from == here ? edge.to : edge.from);
    if (edge.type == "near_duplicate") {
        if (is_better) {
            links.lowered = kLowered;
            links.why_lowered = "near duplicate of " + other;
        }
    } else if (edge.type == "supersedes" && edge.to == here) {
        links.lowered = kLowered;
        links.why_lowered = "superseded by " + other;
    } else if (edge.weight > links.lift) {
        links.lift = edge.weight;
        links.strongest = "link: " + edge.type + " " + other;
    }
}

}  // namespace

Parts parts_of(const Candidates& candidates) {
    Parts parts;
    for (const auto& [id, each] : candidates) {
        parts.words = parts.words || each.words > 0;
        parts.meaning = parts.meaning || each.cosine.has_value();
        parts.best_words = std::max(parts.best_words, each.words);
        parts.best_cosine = std::max(parts.best_cosine, each.cosine.value_or(0));
    }
    return parts;
}

namespace {

// What one of bm25 is worth.
double word_unit(const Parts& parts) { return 1 / std::max(kWordsFull, parts.best_words); }

double meaning_of(const Candidate& candidate, const Parts& parts) {
    const double stand_in = parts.words ? parts.best_cosine * candidate.words / parts.best_words : 0;
    return std::max(0.0, candidate.cosine.value_or(stand_in));
}

}  // namespace

double base_of(const Candidate& candidate, const Parts& parts, double leaning) {
    const double weight = kWordsAlone + (kWords - kWordsAlone) * leaning;
    return weight * word_unit(parts) * candidate.words + (1 - weight) * meaning_of(candidate, parts);
}

Neighbours neighbours_in(std::span<const std::vector<MemoryId>> sessions) {
    Neighbours all;
    for (const std::vector<MemoryId>& session : sessions) {
        const auto size = static_cast<int>(session.size());
        for (int at = 0; at < size; ++at) {
            for (int other = std::max(0, at - kContextReach); other <= std::min(size - 1, at + kContextReach); ++other) {
                if (other != at) {
                    all.push_back({session[static_cast<std::size_t>(at)], session[static_cast<std::size_t>(other)], other - at});
                }
            }
        }
    }
    const auto pair = [](const Neighbour& each) { return std::pair(each.of, each.id); };
    if (!std::ranges::is_sorted(all, {}, pair)) {
        std::ranges::stable_sort(all, {}, pair);
    }
    const auto doubles = std::ranges::unique(all, {}, pair);
    all.erase(doubles.begin(), doubles.end());
    return all;
}

Context context_of(MemoryId id, const Neighbours& neighbours, const Candidates& candidates, const WordScores& words,
                   const Parts& parts) {
    Context context;
    const auto around = std::ranges::equal_range(neighbours, id, {}, &Neighbour::of);
    if (around.empty()) {
        return context;
    }
    const double unit = kWords * word_unit(parts);
    const std::span<const float> own = words.of(id);
    std::array<double, kQueryWordsMax> room, told;
    const std::size_t asked = words.best().size();
    RESONANT_ENSURE(asked <= room.size(), "a question has at most kQueryWordsMax words");
    std::ranges::copy(words.best(), room.begin());
    std::fill_n(told.begin(), asked, 0.0);
    for (std::size_t i = 0; i < own.size(); ++i) {
        room[i] -= double{own[i]};
    }
    double most = 0;
    for (const auto& [of, other, offset] : around) {
        const Share share = share_of(offset);
        const auto candidate = candidates.find(other);
        double part = 0;
        if (candidate != candidates.end()) {
            part = (1 - kWords) * share.meaning * meaning_of(candidate->second, parts);
            context.score += part;
        }
        const std::span<const float> there = words.of(other);
        for (std::size_t i = 0; i < there.size(); ++i) {
            const double worth = share.words * double{there[i]};
            told[i] += worth;
            part += unit * std::min(room[i], worth);
        }
        if (part > most) {
            most = part;
            context.strongest = other;
            context.offset = offset;
        }
    }
    for (std::size_t i = 0; i < asked; ++i) {
        context.score += unit * std::min(room[i], told[i]);
    }
    return context;
}

void weigh(Hit& hit, const Candidate& candidate, const Parts& parts, const Context& context,
           const Question& question) {
    const double leaning = leaning_of(hit.memory);
    hit.score = base_of(candidate, parts, leaning) + leaning * context.score;
    if (candidate.words > 0) {
        hit.reasons.push_back(fmt::format("words: bm25 {:.2f}", candidate.words));
    }
    if (candidate.cosine && *candidate.cosine > 0) {
        hit.reasons.push_back(fmt::format("meaning: cosine {:.2f}", *candidate.cosine));
    }
    if (leaning * context.score > kTold) {
        hit.reasons.push_back(fmt::format("context: told {} {}", context.offset < 0 ? "after" : "before",
                                          wire_id(context.strongest)));
    }
    hit.score -= only_asks(hit.memory.content) ? kAsks : 0;
    if (const std::string name = named_by(question, hit.memory); !name.empty()) {
        hit.score += kNamed;
        hit.reasons.push_back("named: " + name);
    }
    if (const double time = time_match(question, hit.memory); time > 0) {
        hit.score += kTime * time;
        hit.reasons.push_back("time: as asked");
    }
    hit.score += kNearness * (1 - hit.memory.distance);
}

void settle(std::vector<Hit>& hits, std::span<const Edge> edges, const Faults& faults) {
    std::sort(hits.begin(), hits.end(), before);
    std::map<MemoryId, std::size_t> places;
    for (std::size_t i = 0; i < hits.size(); ++i) {
        places[hits[i].memory.id] = i;
    }
    std::vector<Links> links(hits.size());
    for (const Edge& edge : edges) {
        const auto from = places.find(edge.from);
        const auto to = places.find(edge.to);
        if (from != places.end() && to != places.end()) {
            count(links[from->second], edge, edge.from, to->second < from->second);
            count(links[to->second], edge, edge.to, from->second < to->second);
        }
    }
    for (std::size_t i = 0; i < hits.size(); ++i) {
        const auto fault = faults.find(hits[i].memory.id);
        if (fault != faults.end() && links[i].lowered == 0) {
            links[i].lowered = kLowered;
            links[i].why_lowered = fault->second;
        }
        hits[i].score += kLink * links[i].lift - links[i].lowered;
        for (const std::string& reason : {links[i].strongest, links[i].why_lowered}) {
            if (!reason.empty()) {
                hits[i].reasons.push_back(reason);
            }
        }
    }
    std::sort(hits.begin(), hits.end(), before);
}

}  // namespace resonant::memory
