// The Sanitizer stage looks at the form of arguments: size, depth, control characters, invisible text,
// and keys that claim to be somebody. It does not look for bad words in prose: a pattern list is a smoke
// alarm, not a lock, and a note about `sudo apt` is a note. What it must never refuse is listed in
// docs/formats/policy.md and tested.
//
// Threads: any, at once; it has no state.
//
// Invariants:
//   (1) A refusal names the path of the argument, what was found there, and the limit.
//   (2) A tool with free_text is checked for size, depth and NUL only, besides the claims.
#pragma once

#include "resonant/govern/stage.h"

namespace resonant::govern {

struct SanitizerLimits {
    std::size_t text_bytes = 1'000'000;  // all strings and keys of one call together
    std::size_t string_bytes = 100'000;  // one string; free text may use all of text_bytes
    std::size_t depth = 32;
    std::size_t list = 10'000;           // items of one list or members of one object
    std::size_t nodes = 100'000;         // values in all
};

class Sanitizer final : public Stage {
  public:
    Sanitizer() = default;
    explicit Sanitizer(SanitizerLimits limits) : limits_(limits) {}

    std::string_view name() const override { return kSanitizer; }
    std::optional<call::Denial> judge(const call::Call& call, Look look, std::string& note) override;

  private:
    SanitizerLimits limits_;
};

// The first code point of `text` that cannot be seen and turns or hides what stands around it (bidi
// controls, zero-width, tags), or that is a control character or a non-character; nothing when clean.
// Emoji keep their joiners and selectors, and scripts that need joiners theirs.
std::optional<char32_t> find_hidden(std::string_view utf8);

}  // namespace resonant::govern
