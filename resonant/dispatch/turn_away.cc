// Whom live words deny is answered where he stands: no worker, no transaction (doorkeeper.h).
#include <exception>

#include "resonant/base/log.h"
#include "resonant/dispatch/dispatcher.h"
#include "resonant/dispatch/work.h"

namespace resonant::dispatch {

// A call for a worker that live words deny needs none. One that passes is judged again when its turn has come.
bool Dispatcher::deny_at_once(Work& work) {
    bool denied = false;
    guard(work, [&] {
        work.call.at = needs_.clock.wall();
        const Precheck::Verdict verdict = precheck_.judge(work.call);
        denied = !Precheck::passed(verdict);
        if (denied) {
            situate(work);
            announce(work);
            refuse(work, *precheck_.words(verdict, work.call));
        }
    });
    return denied;
}

std::optional<Refusal> Dispatcher::turn_away(call::Request& request) {
    try {
        Route to = router_.find(request.tool, request.arguments);
        if (to.tool == nullptr && !to.upstream) {
            return std::nullopt;  // submit() says why
        }
        const auto work = std::make_shared<Work>();
        go_to(*work, std::move(to));
        begin(*work, request);
        work->call.at = needs_.clock.wall();
        const Precheck::Verdict verdict = precheck_.judge(work->call);
        if (Precheck::passed(verdict)) {
            request.caller = std::move(work->call.caller);
            request.trace = std::move(work->call.trace);
            return std::nullopt;
        }
        if (Result<Route> route = router_.route(request.tool, std::move(request.arguments))) {
            go_to(*work, std::move(*route));
        }
        work->call.id = next_id_.fetch_add(1, std::memory_order_relaxed);
        situate(*work);
        announce(*work);
        introduce(*work);
        Refusal refusal{std::move(work->reply), {}};
        refusal.reply.error = true;
        refusal.reply.denial = precheck_.words(verdict, work->call);
        work->denial = std::make_unique<call::Denial>();
        work->denial->stage = refusal.reply.denial->stage;  // all that the books ask for
        refusal.books = [this, work] { guard(*work, [&] { keep_books(*work, *work->denial); }); };
        return refusal;
    } catch (const std::exception& error) {
        log().error("door: a refusal of {} could not be put into words: {}", request.tool, error.what());
        return std::nullopt;  // it is judged again inside
    }
}

}  // namespace resonant::dispatch
