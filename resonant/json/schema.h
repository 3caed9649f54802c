// A Schema is a JSON Schema of draft 2020-12, compiled once: it checks a value and says what is wrong with it.
//
// It knows the whole required part of the draft: every applicator, $ref, $anchor, $dynamicRef, $id and $defs, the
// unevaluated* and dependent* keywords, $vocabulary. `format` and the content keywords are annotations, as the draft has
// it. Older drafts' `definitions`, `dependencies`, lists of `items` and `additionalItems` are read where `$schema` names one.
//
// Any thread; a compiled schema is constant.
//
// Invariants:
//   (1) An error names the path, the value and the limit: "args.limit: 500 is more than 100".
//   (2) Nothing is ever fetched: a reference leads into the schema itself, the draft's own metaschema, or a document of
//       SchemaOptions; any other makes compile() fail.
//   (3) Patterns are RE2, translated from ECMA-262; what RE2 cannot do (look-around, back-references) makes compile() fail.
//       Lengths count code points.
//   (4) Checking ends: at most kSchemaStepsMax steps and kSchemaDepthMax levels, however the references loop; a value that
//       needs more is refused with these words, never passed.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "resonant/json/json.h"

namespace resonant::json {

inline constexpr std::size_t kSchemaStepsMax = 4'000'000;  // one check of one schema on one value, or alike
inline constexpr int kSchemaDepthMax = 512;                // schemas inside schemas, references followed
inline constexpr std::size_t kSchemaNodesMax = 100'000;    // schemas of one compilation

struct SchemaOptions {
    // Other documents that references may name, by their URI. Read during compile() only.
    const std::map<std::string, Json>* documents = nullptr;
    // Our own tools: a keyword that the draft does not have is a mistake, not an annotation.
    bool refuse_unknown = false;
};

class Schema {
  public:
    // InvalidArgument with the path of the keyword that is wrong or leads nowhere.
    static Result<Schema> compile(const Json& schema, const SchemaOptions& options = {});

    // The first `errors_max` things wrong with `value`, none when it is valid. `root` names the value in
    // the words: "limit", "args.limit".
    std::vector<std::string> errors(const Json& value, std::size_t errors_max = 8,
                                    const std::string& root = "") const;
    bool valid(const Json& value) const { return errors(value, 1).empty(); }

    struct Program;

  private:
    explicit Schema(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
    std::shared_ptr<const Program> program_;
};

}  // namespace resonant::json
