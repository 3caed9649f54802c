// A PromptBook holds prompt templates: our own few, and those of a folder, one file each, `NAME.md`:
//
//     ---
//     title: Review a change
//     description: Looks at a diff as a reviewer would
//     tags: [code, review]
//     arguments:
//       diff: the change, as git diff prints it
//       tone: {description: how to say it, values: [gentle, strict]}
//     ---
//     Review this change in a {{tone|plain}} tone: {{diff}}
//
// `{{name}}` is filled in, `{{name|words}}` too, or with the words when it is left out. What is used without words
// is required. What is filled in is never looked at again. A file of a name of ours takes its place.
//
// Threads: any, at once; a reload puts a new list in the place of the old one.
//
// Invariants:
//   (1) At most kTemplatesMax templates of at most kTemplateMax bytes; a file that is none is refused with its
//       reason, and the others are read.
//   (2) Links are not followed: what is read lies in the folder.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/json/json.h"

namespace resonant::tools {

inline constexpr std::size_t kTemplatesMax = 256;
inline constexpr std::size_t kTemplateMax = 64 * 1024;    // bytes of a file
inline constexpr std::size_t kRenderedMax = 1024 * 1024;  // bytes of a template filled in

struct PromptArgument {
    std::string name;
    std::string description;
    bool required = false;
    std::vector<std::string> values = {};  // to choose from; empty: any text

    bool operator==(const PromptArgument&) const = default;
};

struct PromptTemplate {
    std::string name;
    std::string title;
    std::string description;
    std::vector<std::string> tags;
    std::vector<PromptArgument> arguments;
    std::string text;
    std::string file;  // empty: ours

    bool operator==(const PromptTemplate&) const = default;
};

// Reads one template. InvalidArgument says what is wrong and in which line.
Result<PromptTemplate> read_template(std::string name, std::string_view text);
// Fills one in. InvalidArgument names what is missing or not known; `variables` is an object.
Result<std::string> render(const PromptTemplate& one, const Json& variables);

class PromptBook {
  public:
    using Templates = std::shared_ptr<const std::vector<PromptTemplate>>;

    // `folder` need not exist. Call reload() to read it.
    explicit PromptBook(std::filesystem::path folder);
    PromptBook(const PromptBook&) = delete;
    PromptBook& operator=(const PromptBook&) = delete;

    // In the order of names; stays as it is while it is held.
    Templates templates() const;
    // {"templates", "changed": whether the list is another one, "refused": [{"file","why"}]}.
    Json reload();
    // Reloads when files came or went since the last time; cheap enough for every second.
    void look();
    // Called after a reload that changed something, on its thread. Set before the first one.
    void on_change(std::function<void()> told) { told_ = std::move(told); }
    const std::filesystem::path& folder() const { return folder_; }

  private:
    std::vector<std::filesystem::path> files() const;

    const std::filesystem::path folder_;
    std::function<void()> told_;
    std::mutex reload_mutex_;
    std::filesystem::file_time_type seen_{};  // of the folder; under reload_mutex_
    mutable std::mutex mutex_;
    Templates templates_;  // under mutex_
};

}  // namespace resonant::tools
