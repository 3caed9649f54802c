#include "resonant/dispatch/promise.h"

#include "resonant/tools/answer_form.h"

namespace resonant::dispatch {

Json promise_of(const call::Contract& contract) { return tools::output_schema_of(contract); }

}  // namespace resonant::dispatch
