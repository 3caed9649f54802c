#include "resonant/memory/checks.h"

#include <simdjson.h>

#include <algorithm>
#include <set>

#include "resonant/memory/galaxies.h"

namespace resonant::memory {
namespace {

Status check_text(std::string_view what, const std::string& text, std::size_t size_max) {
    if (text.size() > size_max) {
        return fail(Code::InvalidArgument, "memory: the " + std::string(what) + " is " +
                                               std::to_string(text.size()) + " bytes, " +
                                               std::to_string(size_max) + " are allowed; split it");
    }
    if (!simdjson::validate_utf8(text)) {
        return fail(Code::InvalidArgument,
                    "memory: the " + std::string(what) + " is no valid UTF-8; encode it as UTF-8");
    }
    return {};
}

}  // namespace

Status check_tags(const std::vector<std::string>& tags) {
    if (tags.size() > kTagsMax) {
        return fail(Code::InvalidArgument, "memory: " + std::to_string(tags.size()) + " tags, " +
                                               std::to_string(kTagsMax) + " are allowed");
    }
    for (const std::string& tag : tags) {
        RESONANT_CHECK(check_text("tag", tag, kTagMax));
        const auto is_control = [](char letter) { return static_cast<unsigned char>(letter) < 32; };
        if (tag.empty() || std::any_of(tag.begin(), tag.end(), is_control)) {
            return fail(Code::InvalidArgument,
                        "memory: a tag is empty or holds a control character; give plain words");
        }
    }
    return {};
}

std::vector<std::string> each_once(const std::vector<std::string>& tags) {
    const std::set<std::string> once(tags.begin(), tags.end());
    return {once.begin(), once.end()};
}

Status check(const Memory& memory) {
    RESONANT_CHECK(check_text("title", memory.title, kTitleMax));
    RESONANT_CHECK(check_text("content", memory.content, kContentMax));
    for (const auto* text : {&memory.type, &memory.source, &memory.session, &memory.owner}) {
        RESONANT_CHECK(check_text("type, source, session or owner", *text, kTitleMax));
    }
    RESONANT_CHECK(check_text("galaxy's name", memory.galaxy, kGalaxyNameMax));
    if (memory.galaxy.empty()) {
        return fail(Code::InvalidArgument, "memory: it names no galaxy; name one, as 'default'");
    }
    RESONANT_CHECK(check_tags(memory.tags));
    if (memory.content.empty()) {
        return fail(Code::InvalidArgument,
                    "memory: the content is empty; give the text to remember");
    }
    if (!(memory.importance >= 0 && memory.importance <= 1)) {
        return fail(Code::InvalidArgument, "memory: importance is " +
                                               std::to_string(memory.importance) +
                                               "; give a number from 0 to 1");
    }
    return {};
}

}  // namespace resonant::memory
