#include "resonant/tools/catalogue_page.h"

#include <fmt/format.h>

#include <algorithm>

namespace resonant::tools {

std::string catalogue_page(const Toolbox& toolbox) {
    const auto built = std::count_if(toolbox.tools().begin(), toolbox.tools().end(),
                                     [](const Tool& tool) { return tool.contract.available; });
    std::string page = fmt::format(
        "# Catalogue\n\n"
        "All {} tools in {} families, in the order of their ids; {} are built, the others say\n"
        "`available: false` and answer `unimplemented`. A test compares this page with the code; "
        "write it\n"
        "anew with `RESONANT_WRITE_DOCS=1 build/tests/test_tools --gtest_filter='Catalogue.*'`.\n\n"
        "Role: the least that may call. Stage: the maturity at which it unlocks.\n\n"
        "| tool | family | access | role | stage | available |\n|---|---|---|---|---|---|\n",
        toolbox.tools().size(), toolbox.families().size(), built);
    for (const Tool& tool : toolbox.tools()) {
        const call::Contract& contract = tool.contract;
        page += fmt::format("| {} | {} | {} | {} | {} | {} |\n", contract.name,
                            toolbox.families()[contract.family].key, name_of(contract.access),
                            name_of(contract.role), name_of(contract.maturity),
                            contract.available ? "yes" : "no");
    }
    return page;
}

}  // namespace resonant::tools
