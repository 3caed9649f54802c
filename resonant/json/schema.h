// A Schema is a JSON Schema compiled once: it checks arguments and says what is wrong with them.
//
// It knows the part of draft 2020-12 that our own tools use: type, enum, const, required, properties,
// additionalProperties (a boolean), items, minimum, maximum, exclusiveMinimum, exclusiveMaximum,
// minLength, maxLength, minItems, maxItems, uniqueItems, pattern, anyOf, oneOf, allOf, not. Annotations (title, description,
// default, examples, format) are ignored. Any other keyword makes compile() fail: a schema is never half obeyed. The whole
// of 2020-12, for schemas of other servers, is a later issue.
//
// Any thread; a compiled schema is constant.
//
// Invariants:
//   (1) An error names the path, the value and the limit: "args.limit: 500 is more than 100".
//   (2) Patterns are RE2; lengths count code points.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "resonant/json/json.h"

namespace resonant::json {

class Schema {
  public:
    // InvalidArgument with the path of the keyword that is wrong or unknown.
    static Result<Schema> compile(const Json& schema);

    // The first `errors_max` things wrong with `value`, none when it is valid. `root` names the value in
    // the words: "limit", "args.limit".
    std::vector<std::string> errors(const Json& value, std::size_t errors_max = 8,
                                    const std::string& root = "") const;
    bool valid(const Json& value) const { return errors(value, 1).empty(); }

    struct Node;

  private:
    explicit Schema(std::shared_ptr<const Node> root) : root_(std::move(root)) {}
    std::shared_ptr<const Node> root_;
};

}  // namespace resonant::json
