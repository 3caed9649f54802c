#include "resonant/tools/tool_kinds.h"

#include <algorithm>

#include "resonant/tools/terms.h"

namespace resonant::tools {
namespace {

struct Kind {
    std::string_view told_by;  // groups of words apart by spaces, the words of a group by bars
    std::string_view uses;
};

// The first group is what a tool does and stands in its name; a word of each further group is in its name, its
// server's or its first sentence. Written from what such tools are for.
constexpr Kind kKinds[] = {
    {"search web|internet|google|bing|brave|duckduckgo|tavily|exa|serp|online|browser",
     "look something up online: information about any topic, latest news, facts, prices, recommendations"},
    {"fetch|scrape|crawl|navigate|open|read|extract|visit url|webpage|website|page|web",
     "what does a link or web page say, open a site, read an article by its address"},
    {"read|get|show|view|open file|content|document|text",
     "open a document at a path and show what is in it"},
    {"write|create|save|overwrite file|disk",
     "save a report, notes or code under a path, put the result into a new file"},
    {"edit|modify|replace file|text|document",
     "change some words or lines everywhere in a document"},
    {"list directory|folder|directorie", "what is in this folder, which files are there"},
    {"search|find|glob file|directory|pattern",
     "where did I put a file, files with a certain name or ending"},
    {"delete|remove file|directory", "throw a document away"},
    {"move|rename file", "give a document another name or place"},
    {"execute|run command|shell|terminal|process|bash",
     "start a program, run it in the terminal and show its output"},
    {"execute|run|evaluate code|python|javascript|script",
     "run a program or a calculation and show the result"},
    {"calculate|calculator|evaluate|arithmetic|math expression|calculation|arithmetic|math|mathematical",
     "how much is it, add, multiply, percentage, work out numbers"},
    {"time current|now|timezone", "what time is it, today's date"},
    {"convert time|timezone", "what time is it elsewhere when it is noon here"},
    {"send|post message|channel|slack|discord|chat|telegram",
     "tell somebody or everyone, let the team know, say it in the chat"},
    {"send email|mail|gmail", "write to somebody, mail them"},
    {"create|add|file|open|submit issue|ticket|bug|task|card",
     "report a bug, note something that must be done, put it on the list"},
    {"list|search|get|find|query issue|ticket|task|bug",
     "what is open or assigned to me, what is on my plate, which bugs are there"},
    {"assign issue|task|ticket", "give the work to somebody"},
    {"transition|status|state issue|task|ticket",
     "mark as done or in progress, move to another column, into which state can it go"},
    {"add|create|post|reply comment|note", "leave a remark, write below it, answer"},
    {"list|get|read comment", "which remarks have people left"},
    {"add label|tag", "mark or categorise it with a word"},
    {"link|relate issue|task", "one blocks or depends on the other"},
    {"merge pull|request|mr", "get an approved change in"},
    {"create|open pull|merge request", "propose changes, ask for a review"},
    {"list|get pull|merge request|diff", "what changes wait for review, what was changed in it"},
    {"search code|repository", "where in the source does it say this, who uses this function"},
    {"search user|people|account|contact", "find the account of a person, who is called so"},
    {"git status", "what have I modified, what is not committed yet"},
    {"git checkout|switch|branch", "go over to another branch"},
    {"git diff", "what is different from before"},
    {"git log|history|commits", "what happened lately, who changed what and when"},
    {"git commit", "record my changes"},
    {"query|execute|select sql|database|table|query",
     "how many rows, which records, ask the data, sum and count from tables"},
    {"list|describe|schema table|database|collection", "which tables and columns are there"},
    {"write|update|set|append cell|range|row|sheet|spreadsheet|excel",
     "fill in numbers, put values into a column or cell"},
    {"read|get cell|range|row|sheet|spreadsheet|excel",
     "what stands in the column or cell, show the numbers"},
    {"format cell|range|text|sheet", "make it bold, coloured, with a border or background"},
    {"create|add|schedule|insert event|calendar|meeting|appointment",
     "arrange a meeting, put a date into my diary, remind me"},
    {"list|get|search event|calendar|meeting", "what do I have planned, when am I free"},
    {"weather|forecast", "will it rain, how warm will it be, do I need an umbrella"},
    {"geocode|address coordinates|location|latitude|address",
     "where is this place on earth, its position"},
    {"direction|route|distance", "how do I get there, how long does the trip take"},
    {"search|nearby|find place|restaurant|poi", "something near here, where can I eat or sleep"},
    {"translate language|text|translation", "how do you say it in another language"},
    {"stock|ticker|share price|quote|market",
     "how much is a company worth now, how did it develop"},
    {"convert currency|exchange", "how much is it in another money"},
    {"news headline|article|latest|news", "what happened today, what do the papers write"},
    {"screenshot|capture page|screen|browser", "take a picture of what is shown"},
    {"click|press element|button|page", "push a button, follow a link on the page"},
    {"fill|type input|form|field|text", "enter my name or password into the page"},
    {"send|create payment|invoice|order", "bill or pay somebody"},
    {"upload|attach file|attachment|image", "put a document there"},
    {"download file|attachment|image|pdf", "get a copy onto this machine"},
    {"convert pdf|markdown|format|docx", "make another kind of document of it"},
    {"generate|create|draw chart|diagram|graph|plot",
     "show the numbers as a picture, bars, lines, shares of a whole"},
    {"generate|create|edit image|picture|photo", "draw or paint a picture, change a photo"},
    {"summarize|summary text|article|video|document", "the gist of it in short"},
    {"permission|restriction|share|access page|file|document|member|set|get",
     "who may see or edit it, let only some people in"},
    {"invite|add member|user|team", "let somebody join"},
    {"list|get user|member|people", "who belongs to it, who has access"},
    {"remember|store|save memory|note|observation|fact", "keep this in mind for later"},
    {"recall|search|retrieve memory|note|knowledge", "what do you know about it"},
};

constexpr std::size_t kSentenceMax = 300;

using Group = std::vector<std::string>;  // stems, any of which will do

std::vector<std::string_view> parts_of(std::string_view text, char sign) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(sign), text.size());
        parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

// The groups of each kind, as stems; words that say nothing to a search fall away.
std::vector<std::vector<Group>> compiled() {
    std::vector<std::vector<Group>> kinds;
    for (const Kind& kind : kKinds) {
        std::vector<Group>& groups = kinds.emplace_back();
        for (const std::string_view words : parts_of(kind.told_by, ' ')) {
            Group& group = groups.emplace_back();
            for (const std::string_view word : parts_of(words, '|')) {
                std::ranges::move(terms_of(word), std::back_inserter(group));
            }
        }
    }
    return kinds;
}

bool any_in(const Group& group, const std::vector<std::string>& words) {
    return std::ranges::any_of(group, [&](const std::string& word) { return std::ranges::find(words, word) != words.end(); });
}

}  // namespace

std::vector<std::string> uses_of_kinds(const ToolDocument& tool) {
    static const std::vector<std::vector<Group>> kinds = compiled();
    const std::vector<std::string> name = terms_of(std::string(own_name(tool)) + ' ' + tool.title);
    const std::vector<std::string> all = terms_of(std::string(own_name(tool)) + ' ' + tool.title + ' ' + tool.server + ' ' +
                                                  first_sentence(tool.description, kSentenceMax));
    std::vector<std::string> uses;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        if (any_in(kinds[i].front(), name) &&
            std::ranges::all_of(kinds[i], [&](const Group& group) { return any_in(group, all); })) {
            uses.emplace_back(kKinds[i].uses);
        }
    }
    return uses;
}

}  // namespace resonant::tools
