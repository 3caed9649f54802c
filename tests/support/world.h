// A World is a whole kernel without transports, in a folder of its own: real database, plane,
// pipeline and tools. Calls go through the one door, so what a test sees is what a client gets.
//
// Belongs to one thread, except call(), which any may use.
#pragma once

#include <memory>
#include <string>

#include "resonant/runtime/parts.h"
#include "tests/support/scratch.h"

namespace resonant::test {

class World {
  public:
    // Without a model, so that nothing depends on what is installed: words only.
    World();

    call::Reply call(const std::string& tool, const Json& arguments = Json::object(),
                     call::Role role = call::Role::Agent, const std::string& principal = "ada");
    // As call(), for calls that must succeed: fails the test with the error otherwise.
    Json ask(const std::string& tool, const Json& arguments = Json::object(),
             call::Role role = call::Role::Agent, const std::string& principal = "ada");
    // The code of the error or denial of a call that must fail: "not_found", "permission_denied".
    std::string error(const std::string& tool, const Json& arguments = Json::object(),
                      call::Role role = call::Role::Agent, const std::string& principal = "ada");
    // Stores a memory and returns its id.
    std::string remember(const std::string& content, const Json& more = Json::object());
    // Ends this kernel and starts the next one on the same home.
    void restart();

    runtime::Parts& parts() { return *parts_; }
    const std::filesystem::path& home() const { return scratch_.path(); }

  private:
    void open();

    Scratch scratch_;
    SystemRandom random_;
    std::unique_ptr<runtime::Parts> parts_;
};

}  // namespace resonant::test
