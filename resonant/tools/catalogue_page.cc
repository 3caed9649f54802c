#include "resonant/tools/catalogue_page.h"

#include <fmt/core.h>

#include <algorithm>

namespace resonant::tools {
namespace {

std::string rows_of(const Toolbox& toolbox, const call::Contract& contract) {
    return fmt::format("| {} | {} | {} | {} | {} |\n", contract.name, toolbox.families()[contract.family].key,
                       name_of(contract.access), name_of(contract.role), name_of(contract.maturity));
}

}  // namespace

std::string catalogue_page(const Toolbox& toolbox) {
    const auto core = std::ranges::count_if(toolbox.tools(), [](const Tool& tool) { return tool.contract.core; });
    constexpr std::string_view kHead = "| tool | family | access | role | stage |\n|---|---|---|---|---|\n";
    std::string page = fmt::format(
        "# Catalogue\n\n"
        "{} tools in {} families, {} of them core, in the order of their ids. A test compares this page with the "
        "code; write it\n"
        "anew with `RESONANT_WRITE_DOCS=1 build/tests/test_tools --gtest_filter='Catalogue.*'`.\n\n"
        "Role: the least that may call. Stage: the maturity at which it unlocks.\n\n{}",
        toolbox.tools().size(), toolbox.built_families(), core, kHead);
    for (const Tool& tool : toolbox.tools()) {
        page += rows_of(toolbox, tool.contract);
    }
    page += fmt::format("\n## Planned\n\n"
                        "{} more are declared and not built. No listing, search or suggestion shows them; `resonant tools "
                        "--planned` and\n"
                        "`capability.matrix` with `planned` do. A call answers `unimplemented`.\n\n{}",
                        toolbox.planned().size(), kHead);
    for (const call::Contract& contract : toolbox.planned()) {
        page += rows_of(toolbox, contract);
    }
    return page;
}

}  // namespace resonant::tools
