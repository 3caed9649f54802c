// A Corpus is what `bench recall` remembers and asks: memories with names of their own, and questions whose
// answers are such names. Nothing of a dialogue's names is in its memories, or they would tell what is asked for.
//
// Conversations of others come as lines of JSON, of one conversation or many, turns before what is asked of them:
//     {"conversation": "c1", "id": "t7", "text": "I moved to Lyon.", "speaker": "Ann", "session": "s2", "at": "2023-05-08T13:56:00Z"}
//     {"conversation": "c1", "question": "Where does Ann live?", "answers": ["t7"], "kind": "single-hop"}
// `speaker`, `session`, `at` and `kind` may be left out; answers without a turn of that id end the program.
//
// Belongs to one thread; a file that is missing or a question without its answer ends the program.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/json/json.h"
#include "resonant/memory/memory.h"

namespace resonant::bench {

namespace fs = std::filesystem;

inline void must(const Status& status) {
    if (!status) {
        std::fprintf(stderr, "bench recall: %s\n", status.error().message.c_str());
        std::exit(1);
    }
}
template <typename T>
T must(Result<T> result) {
    must(result ? Status{} : Status{std::unexpected(result.error())});
    return std::move(*result);
}

struct Question {
    std::string half, kind, text, galaxy;
    std::vector<std::string> answers;  // names of memories
};

inline std::vector<std::string> split(const std::string& text, const std::string& at) {
    std::vector<std::string> parts;
    for (std::size_t from = 0; from <= text.size();) {
        const std::size_t to = std::min(text.find(at, from), text.size());
        parts.push_back(text.substr(from, to - from));
        from = to + at.size();
    }
    return parts;
}

struct Corpus {
    std::vector<memory::Memory> memories;
    std::vector<std::string> names;  // of each memory; several may share one, "" is never asked for
    std::vector<Question> questions;

    void add(memory::Memory memory, std::string name) {
        memories.push_back(std::move(memory));
        names.push_back(std::move(name));
    }
};

inline std::ifstream open(const fs::path& path) {
    std::ifstream file(path);
    if (!file) {
        must(fail(Code::NotFound, path.string() + " is missing; run from the top of the repository, "
                                                  "through ./dev bench recall"));
    }
    return file;
}

// Every turn is a memory "Name: text", its name "conversation/name of the turn".
inline void read_conversations(const fs::path& path, const std::string& galaxy, Corpus& corpus) {
    auto file = open(path);
    std::string conversation, session;
    int number = -1;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("@conversation ")) {
            conversation = line.substr(14);
            ++number;
        } else if (line.starts_with("@session ")) {
            session = line.substr(9);
        } else if (line.starts_with("? ")) {
            const auto parts = split(line.substr(2), " | ");
            Question question{number % 2 == 0 ? "tuned" : "held_out", galaxy + ' ' + parts.at(0), parts.at(1), galaxy, {}};
            for (const std::string& name : split(parts.at(2), " ")) {
                question.answers.push_back(conversation + '/' + name);
            }
            corpus.questions.push_back(std::move(question));
        } else if (!line.empty() && line[0] != '#') {
            memory::Memory turn;
            const std::size_t mark = line.ends_with('}') ? line.rfind(" {") : std::string::npos;
            turn.content = line.substr(0, mark);
            const std::string name = mark == std::string::npos ? "" : line.substr(mark + 2, line.size() - mark - 3);
            turn.session = conversation + ' ' + session;
            turn.tags = {session};
            turn.galaxy = galaxy;
            corpus.add(std::move(turn), name.empty() ? "" : conversation + '/' + name);
        }
    }
}

// How the turns of others' conversations are stored.
enum class Style : std::uint8_t {
    Session,  // "Name: text", its session, the day as a tag
    Dated,    // "[2023-05-08] Name: text" and no more
    Plain,    // "Name: text" and no more
    Tagged,   // the text alone, tags for name, session and day
};

inline memory::Memory turn_of(const Json& line, Style style) {
    const std::string speaker = line.value("speaker", ""), at = line.value("at", "");
    const std::string day = at.substr(0, 10), text = line.at("text");
    memory::Memory turn;
    turn.galaxy = line.at("conversation");
    turn.content = speaker.empty() || style == Style::Tagged ? text : speaker + ": " + text;
    if (style == Style::Dated && !day.empty()) {
        turn.content = '[' + day + "] " + turn.content;
    }
    if (style == Style::Session) {
        turn.session = line.value("session", "");
        turn.tags = {day};
    } else if (style == Style::Tagged) {
        turn.tags = {speaker, line.value("session", ""), day};
    }
    std::erase(turn.tags, "");
    return turn;
}

inline void read_json_lines(const fs::path& path, Style style, Corpus& corpus) {
    auto file = open(path);
    for (std::string text; std::getline(file, text);) {
        const Json line = Json::parse(text);
        const std::string conversation = line.at("conversation");
        if (line.contains("text")) {
            corpus.add(turn_of(line, style), conversation + '/' + line.at("id").get<std::string>());
            continue;
        }
        Question question{"given", line.value("kind", "question"), line.at("question"), conversation, {}};
        for (const Json& answer : line.at("answers")) {
            question.answers.push_back(conversation + '/' + answer.get<std::string>());
        }
        corpus.questions.push_back(std::move(question));
    }
}

// Lines "kind | question | answer answer ..."; every other question is of the tuned half.
inline void read_questions(const fs::path& path, const std::string& galaxy, const std::string& prefix, Corpus& corpus) {
    auto file = open(path);
    int number = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] == '#') {
            continue;
        }
        const auto parts = split(line, " | ");
        Question question{
            number++ % 2 == 0 ? "tuned" : "held_out", galaxy + ' ' + parts.at(0), parts.at(1), galaxy, {}};
        for (const std::string& name : split(parts.at(2), " ")) {
            question.answers.push_back(prefix + name);
        }
        corpus.questions.push_back(std::move(question));
    }
}

inline void read_pages(const fs::path& passages, Corpus& corpus) {
    auto texts = open(passages);
    for (std::string line; std::getline(texts, line);) {
        const Json record = Json::parse(line);
        memory::Memory passage;
        passage.title = record["title"];
        passage.content = record["content"];
        passage.tags = record["tags"];
        passage.source = record["source"];
        passage.galaxy = "page";
        const std::string name = passage.source;
        corpus.add(std::move(passage), name);
    }
    read_questions("bench/recall/pages.txt", "page", "man:", corpus);
}

// Passages of at most 120 words, each under the headings it stands under; a document is a session.
inline void read_document(const fs::path& path, Corpus& corpus) {
    constexpr std::size_t kWordsMax = 120;
    auto file = open(path);
    std::string document, heading, text;
    std::size_t words = 0;
    const auto flush = [&] {
        if (words > 0) {
            memory::Memory passage;
            passage.title = heading;
            passage.content = text;
            passage.source = passage.session = path.string();
            passage.galaxy = "docs";
            corpus.add(std::move(passage), path.string());
        }
        text.clear();
        words = 0;
    };
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with('#')) {
            flush();
            const std::string name = line.substr(std::min(line.find_first_not_of("# "), line.size()));
            heading = document.empty() ? name : document + ": " + name;
            document = document.empty() ? name : document;
            continue;
        }
        std::istringstream in(line);
        const auto count = static_cast<std::size_t>(std::distance(std::istream_iterator<std::string>(in), {}));
        if (words + count > kWordsMax) {
            flush();
        }
        text += (text.empty() ? "" : " ") + line;
        words += count;
    }
    flush();
}

inline void read_documents(Corpus& corpus) {
    std::vector<fs::path> paths{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"};
    for (const auto& entry : fs::recursive_directory_iterator("docs")) {
        if (entry.path().extension() == ".md") {
            paths.push_back(entry.path());
        }
    }
    std::sort(paths.begin() + 3, paths.end());
    for (const fs::path& path : paths) {
        read_document(path, corpus);
    }
    read_questions("bench/recall/documents.txt", "docs", "", corpus);
}

// An answer that no memory has would count as missed for ever.
inline void check_answers(const Corpus& corpus) {
    const std::set<std::string> names(corpus.names.begin(), corpus.names.end());
    for (const Question& question : corpus.questions) {
        for (const std::string& answer : question.answers) {
            if (!names.contains(answer)) {
                must(fail(Code::NotFound, "no memory is the answer " + answer + " of: " + question.text));
            }
        }
    }
}

}  // namespace resonant::bench
