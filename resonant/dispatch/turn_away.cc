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
            refuse(work, *precheck_.words(verdict, work.call));
        }
    });
    return denied;
}

std::optional<Refusal> Dispatcher::turn_away(const call::Request& request) {
    try {
        Result<Route> route = router_.route(request.tool, request.arguments);
        if (!route) {
            return std::nullopt;  // submit() says why
        }
        const auto work = std::make_shared<Work>();
        begin(*work, std::move(*route), request);
        work->call.at = needs_.clock.wall();
        const Precheck::Verdict verdict = precheck_.judge(work->call);
        if (Precheck::passed(verdict)) {
            return std::nullopt;
        }
        work->call.id = next_id_.fetch_add(1, std::memory_order_relaxed);
        work->deny(precheck_.words(verdict, work->call));
        situate(*work);
        introduce(*work);
        Refusal refusal{std::move(work->reply), [this, work] {
                            guard(*work, [&] { keep_books(*work, *work->denial); });
                        }};
        refusal.reply.error = true;
        refusal.reply.denial.emplace().code = work->denial->code;
        refusal.reply.denial->stage = work->denial->stage;
        refusal.reply.text = text_of_refusal(*work->denial, work->call.contract->name);
        return refusal;
    } catch (const std::exception& error) {
        log().error("door: a refusal of {} could not be put into words: {}", request.tool, error.what());
        return std::nullopt;  // it is judged again inside
    }
}

}  // namespace resonant::dispatch
