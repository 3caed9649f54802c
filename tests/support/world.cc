#include "tests/support/world.h"

#include <gtest/gtest.h>

#include "resonant/base/ensure.h"

namespace resonant::test {

World::World() { open(); }

void World::open() {
    const auto home = runtime::open_home(scratch_.path() / "home", random_);
    RESONANT_ENSURE(home.has_value(), home ? "" : home.error().message.c_str());
    runtime::Config config;
    config.model = scratch_.path() / "no-model";
    config.check_answers = true;
    auto parts = runtime::Parts::create(*home, config);
    RESONANT_ENSURE(parts.has_value(), parts ? "" : parts.error().message.c_str());
    parts_ = std::move(*parts);
}

void World::restart() {
    parts_.reset();
    open();
}

call::Reply World::call(const std::string& tool, const Json& arguments, call::Role role,
                        const std::string& principal) {
    call::Request request;
    request.tool = tool;
    request.arguments = arguments;
    request.caller.principal = principal;
    request.caller.role = role;
    return parts_->dispatcher->run(std::move(request));
}

Json World::ask(const std::string& tool, const Json& arguments, call::Role role,
                const std::string& principal) {
    const call::Reply reply = call(tool, arguments, role, principal);
    EXPECT_FALSE(reply.error) << tool << " " << arguments.dump() << ": " << reply.content.dump();
    return reply.content;
}

std::string World::error(const std::string& tool, const Json& arguments, call::Role role,
                         const std::string& principal) {
    const call::Reply reply = call(tool, arguments, role, principal);
    EXPECT_TRUE(reply.error) << tool << ": " << reply.content.dump();
    if (reply.denial) {
        return reply.denial->code;
    }
    return reply.content.value("error", Json::object()).value("code", "");
}

std::string World::remember(const std::string& content, const Json& more) {
    Json arguments = more;
    arguments["content"] = content;
    return ask("memory.add", arguments).value("id", "");
}

}  // namespace resonant::test
