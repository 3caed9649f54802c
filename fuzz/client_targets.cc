#include <algorithm>
#include <string>

#include "fuzz/targets.h"
#include "resonant/base/ensure.h"
#include "resonant/clients/setup_plan.h"

namespace resonant::fuzz {

void client_file(std::string_view bytes) {
    const std::size_t line = std::min(bytes.find('\n'), bytes.size());
    const clients::Client* client = clients::find_client(bytes.substr(0, line));
    const std::string text(bytes.substr(std::min(line + 1, bytes.size())));
    clients::SetupRequest request;
    request.client = client == nullptr ? clients::find_client("cursor") : client;
    request.program = "/opt/resonant";
    request.home = "/home/resonant";
    request.place = {.user = "/people/ada", .project = {}, .folder = "/people/ada"};
    const Result<clients::SetupPlan> plan = clients::SetupPlan::make(request, text);
    if (!plan) {
        RESONANT_ENSURE(!plan.error().message.empty(), "a refusal explains itself");
        return;
    }
    std::set<std::string> names;
    for (const clients::SetupPlan::Taken& one : plan->taken()) {
        names.insert(one.entry.record.name);
    }
    const Result<std::string> made = plan->final_text(names);
    if (!made) {
        RESONANT_ENSURE(!made.error().message.empty(), "a refusal explains itself");
        return;
    }
    const Result<clients::SetupPlan> again = clients::SetupPlan::make(request, *made);
    RESONANT_ENSURE(again && again->has_block() && again->taken().empty(), "a second run finds nothing to do");
    RESONANT_ENSURE(again->final_text({}).value_or("") == *made, "and changes nothing");
}

}  // namespace resonant::fuzz
