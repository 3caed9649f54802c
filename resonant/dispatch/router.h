// The Router finds the one tool that a request means: a family with the tool inside, or a tool by its
// own name, dotted or as on the wire. It forgives what models get wrong: a tool sent to another
// family, arguments beside `tool` instead of inside `args` or under another name for that, `args` sent as JSON text.
//
// Threads: any; it holds nothing but a reference to the constant catalogue.
//
// Invariants:
//   (1) The same request always finds the same tool.
//   (2) What is not found is answered with the nearest names, never with a guess that runs.
#pragma once

#include <string>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/call/client_set.h"
#include "resonant/call/upstreams.h"
#include "resonant/dispatch/catalogue.h"

namespace resonant::dispatch {

struct Route {
    const tools::Tool* tool = nullptr;                  // of ours, or
    std::shared_ptr<const call::UpstreamTool> upstream;  // of a server behind this one
    Json arguments = Json::object();
};

class Router {
  public:
    // `upstreams` may be null.
    Router(const Catalogue& catalogue, const call::Upstreams* upstreams) : catalogue_(catalogue), upstreams_(upstreams) {}
    Router(const Router&) = delete;
    Router& operator=(const Router&) = delete;

    // `name` and `arguments` as the client sent them. NotFound with nearest names, of what `set` holds (null: everything);
    // InvalidArgument when a family is called without a tool or `args` is no object.
    Result<Route> route(const std::string& name, Json arguments, const call::ClientSet* set = nullptr) const;
    // The tool that route() would give, without arguments and without a copy; none where route() has more to say.
    Route find(const std::string& name, const Json& arguments) const;

  private:
    Result<Route> route_in_family(int family, Json arguments, const call::ClientSet* set) const;
    // What a group ("memory.*") holds: an answer that costs a turn, where a large family names groups only.
    std::unexpected<Error> list_group(const std::string& group, const call::ClientSet* set) const;
    std::unexpected<Error> unknown(const std::string& name, const call::ClientSet* set) const;
    std::string silent_server(const std::string& name, const call::ClientSet* set) const;
    std::vector<std::string> near_upstreams(const std::string& name, const call::ClientSet* set) const;

    Result<Route> route_to_upstream(const std::string& name, Json arguments, const call::ClientSet* set) const;

    const Catalogue& catalogue_;
    const call::Upstreams* const upstreams_;
};

}  // namespace resonant::dispatch
