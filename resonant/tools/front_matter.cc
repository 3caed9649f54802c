// The YAML between two lines of "---" that notes of Obsidian, Jekyll and Hugo begin with.
#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <string>

#include "resonant/tools/record_forms.h"

namespace resonant::tools {
namespace {

constexpr std::size_t kMatterBytes = 64 * 1024;
constexpr int kDepthMax = 16;
constexpr int kNodesMax = 10'000;  // a few lines of anchors would make billions otherwise

// Scalars stay text: what they are is known by the field. `nodes`: how many there may be still.
Json value_of(const YAML::Node& node, int depth, int& nodes) {
    if (depth > kDepthMax || --nodes < 0 || !node.IsDefined() || node.IsNull()) {
        return nullptr;
    }
    if (node.IsScalar()) {
        return node.Scalar();
    }
    Json value = node.IsSequence() ? Json::array() : Json::object();
    for (const auto& each : node) {
        if (node.IsSequence()) {
            value.push_back(value_of(each, depth + 1, nodes));
        } else if (each.first.IsScalar()) {
            value[each.first.Scalar()] = value_of(each.second, depth + 1, nodes);
        }
    }
    return value;
}

Result<Json> parsed(const std::string& yaml) {
    int nodes = kNodesMax;
    try {
        const YAML::Node node = YAML::Load(yaml);
        return node.IsMap() ? value_of(node, 0, nodes) : Json::object();
    } catch (const YAML::Exception& wrong) {  // yaml-cpp reports by throwing
        return fail(Code::InvalidArgument,
                    fmt::format("front matter: line {}: {}", wrong.mark.line + 2, wrong.msg));  // behind the first "---"
    }
}

}  // namespace

Result<Json> take_front_matter(TextSource& text) {
    RESONANT_ASSIGN(std::string head, text.head(kMatterBytes + 8));
    if (head.starts_with("\xEF\xBB\xBF")) {
        head.erase(0, 3);
    }
    // It is front matter only when it is closed: "---" alone is a line across the page.
    const bool opens = head.starts_with("---\n") || head.starts_with("---\r\n");
    std::string line;
    std::string yaml;
    bool is_closed = false;
    std::size_t at = opens ? head.find('\n') + 1 : head.size();
    while (at < head.size() && !is_closed) {
        const std::size_t stop = std::min(head.find('\n', at), head.size());
        line = head.substr(at, stop - at);
        at = stop + 1;
        if (line.ends_with('\r')) {
            line.pop_back();
        }
        is_closed = line == "---" || line == "...";
        yaml += is_closed ? "" : line + "\n";
    }
    if (!is_closed) {
        return Json::object();
    }
    for (bool is_first = true; text.take_line(line, kMatterBytes) && (is_first || (line != "---" && line != "...")); is_first = false) {
    }
    return parsed(yaml);
}

}  // namespace resonant::tools
