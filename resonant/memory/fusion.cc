#include "resonant/memory/fusion.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace resonant::memory {
namespace {

constexpr double kWordsOfShort = 0.3;
constexpr double kWordsOfLong = 0.5;
constexpr double kWordsHalf = 10;  // the bm25 that is worth half of all that words can be worth
constexpr double kWordsAll = 60;   // a text of so many words needs no context
constexpr double kAsks = 0.08;
constexpr double kNamed = 0.04;
constexpr double kTime = 0.1;
constexpr double kNearness = 0.02;
constexpr double kLink = 0.03;
constexpr double kLowered = 0.05;

double weight_of(int offset) {
    switch (offset) {
        case -1: return 0.30;
        case -2: return 0.15;
        case 1: return 0.15;
        case 2: return 0.10;
        default: return 0;
    }
}

double shortness_of(const std::string& text) {
    const auto words = 1 + std::count(text.begin(), text.end(), ' ');
    return std::max(0.0, 1 - static_cast<double>(words) / kWordsAll);
}

bool only_asks(const std::string& text) {
    const std::size_t last = text.find_last_not_of(" \t\r\n\"')");
    return last != std::string::npos && text[last] == '?';
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

Parts parts_of(std::span<const Candidate> candidates) {
    Parts parts;
    for (const Candidate& each : candidates) {
        parts.words = parts.words || each.words.has_value();
        parts.meaning = parts.meaning || each.cosine.has_value();
        parts.best_cosine = std::max(parts.best_cosine, each.cosine.value_or(0));
    }
    return parts;
}

double base_of(const Candidate& candidate, const Parts& parts, double shortness) {
    const double bm25 = std::max(0.0, candidate.words.value_or(0));
    const double words = bm25 / (bm25 + kWordsHalf);
    if (!parts.meaning) {
        return words;
    }
    const double meaning = std::max(0.0, candidate.cosine.value_or(words * parts.best_cosine));
    const double weight = kWordsOfLong + (kWordsOfShort - kWordsOfLong) * shortness;
    return parts.words ? (1 - weight) * meaning + weight * words : meaning;
}

Context context_of(MemoryId id, const Neighbours& neighbours, const std::map<MemoryId, double>& bases) {
    Context context;
    const auto around = neighbours.find(id);
    if (around == neighbours.end()) {
        return context;
    }
    double most = 0;
    for (const auto& [other, offset] : around->second) {
        const auto base = bases.find(other);
        const double part = base == bases.end() ? 0 : weight_of(offset) * base->second;
        context.score += part;
        if (part > most) {
            most = part;
            context.strongest = other;
            context.offset = offset;
        }
    }
    return context;
}

void weigh(Hit& hit, const Candidate& candidate, const Parts& parts, const Context& context,
           const Question& question) {
    const double alone = shortness_of(hit.memory.content);
    hit.score = base_of(candidate, parts, alone);
    if (candidate.words) {
        hit.reasons.push_back(fmt::format("words: bm25 {:.2f}", *candidate.words));
    }
    if (candidate.cosine && *candidate.cosine > 0) {
        hit.reasons.push_back(fmt::format("meaning: cosine {:.2f}", *candidate.cosine));
    }
    if (alone * context.score > 0.01) {
        hit.score += alone * context.score;
        hit.reasons.push_back(fmt::format("context: told {} {}", context.offset < 0 ? "after" : "before",
                                          wire_id(context.strongest)));
    }
    hit.score -= only_asks(hit.memory.content) ? kAsks * alone : 0;
    if (const std::string name = named_by(question, hit.memory); !name.empty()) {
        hit.score += kNamed * alone;
        hit.reasons.push_back("named: " + name);
    }
    if (const double time = time_match(question, hit.memory); time > 0) {
        hit.score += kTime * time;
        hit.reasons.push_back("time: as asked");
    }
    hit.score += kNearness * (1 - hit.memory.distance);
}

void settle(std::vector<Hit>& hits, std::span<const Edge> edges) {
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
