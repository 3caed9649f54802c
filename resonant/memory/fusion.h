// Fusion makes one order out of what speaks for each candidate:
//
//   words   = the sum over the question's words of what each is worth here (bm25, one word at a time) or was worth
//             right before and after in the same session: 0.7 of the memory before, 0.4 of the next but one, 0.4 of
//             the one after, 0.2 of its next; no word more than it is worth where it is worth most
//   meaning = max(0, cosine), and 0.10 of that of the memory right before, 0.05 of the one right after
//   score   = 0.55 words / max(20, most bm25 of any) + 0.45 meaning - 0.1 if it only asks (in up to 35 words) + 0.02 if the question names its speaker
//           + 0.1 time match + 0.02 nearness + 0.03 link
//           - 0.05 if superseded, marked as junk, or the copy of a better hit
//
// Both parts are absolute: a poor best hit is not blown up to 1, so the part that has nothing to say stays silent,
// and the whole follows the one that has; nor do the words drown the meaning where titles make much of them. Context counts because a turn leans on those beside it: "Where did you
// go?" holds the words of the question, the turn after it the answer. Each word counts once, so a name that every
// turn has lifts none of them. The context of a long text counts less: in full up to 60 words, not at all from 120 (20 and 40 under a title of its own).
// Without any vectors the words stand alone, without words the meaning does.
//
// The numbers were chosen on public conversations and on the tuned half of `./dev bench recall` and are judged by
// others and by the held-out half; what was tried and left out stands in docs/design/005-finding.md.
//
// Any thread; plain values.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "resonant/memory/data_sea.h"
#include "resonant/memory/question.h"
#include "resonant/memory/word_scores.h"

namespace resonant::memory {

struct Candidate {
    MemoryId id = 0;
    double words = 0;  // bm25
    std::optional<double> cosine;
};
using Candidates = std::map<MemoryId, Candidate>;

// Who stands beside whom in a session: `id` was told `offset` after `of` (negative: before). Sorted by both, each pair
// once.
struct Neighbour {
    MemoryId of = 0;
    MemoryId id = 0;
    int offset = 0;
};
using Neighbours = std::vector<Neighbour>;
// Of sessions whose memories lie in the order in which they were told; two of one may lie in several.
Neighbours neighbours_in(std::span<const std::vector<MemoryId>> sessions);

// What all candidates have in common.
struct Parts {
    bool words = false;
    bool meaning = false;
    double best_words = 0;
    double best_cosine = 0;  // of the best words' share stands in for a vector that is not there yet
};
Parts parts_of(const Candidates& candidates);
// `leaning`: how much its text leans on its neighbours, 0 to 1; 1 while the text is not known.
double base_of(const Candidate& candidate, const Parts& parts, double leaning = 1);

// What the neighbours add to a base.
struct Context {
    double score = 0;
    MemoryId strongest = 0;
    int offset = 0;
};
Context context_of(MemoryId id, const Neighbours& neighbours, const Candidates& candidates, const WordScores& words,
                   const Parts& parts);

// Gives the hit its score and reasons, all but those of its links.
void weigh(Hit& hit, const Candidate& candidate, const Parts& parts, const Context& context,
           const Question& question);
// What speaks against memories, by id: "junk: never recalled, near-duplicate of m7", "superseded by m9".
using Faults = std::map<MemoryId, std::string>;
// Lifts linked hits, lowers copies of better ones, what was superseded and what has a fault, and sorts: best first,
// ties by id.
void settle(std::vector<Hit>& hits, std::span<const Edge> edges, const Faults& faults = {});

}  // namespace resonant::memory
