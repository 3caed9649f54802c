#include "resonant/runtime/telemetry.h"

#include <fmt/core.h>

#include <array>
#include <utility>

namespace resonant::runtime {
namespace {

std::array<std::pair<const char*, double>, 8> harmony_rows(const board::Harmony& harmony) {
    return {{{"balance", harmony.balance},
             {"headroom", harmony.headroom},
             {"swiftness", harmony.swiftness},
             {"reliability", harmony.reliability},
             {"dharma", harmony.dharma},
             {"accord", harmony.accord},
             {"energy", harmony.energy},
             {"composite", harmony.composite()}}};
}

std::string escape(const std::string& text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '&': out += "&amp;"; break;
            case '"': out += "&quot;"; break;
            default: out += c;
        }
    }
    return out;
}

void gauge(std::string& out, const std::string& name, const std::string& help, double value) {
    out += fmt::format("# HELP resonant_{0} {1}\n# TYPE resonant_{0} gauge\nresonant_{0} {2}\n", name, help, value);
}

}  // namespace

std::string metrics_text(plane::KernelPlane& plane, const Json& status, std::span<const std::string> families) {
    const board::Snapshot snapshot = plane.board().view().snapshot();
    std::string out = "# HELP resonant_harmony Health scores, 0 bad to 1 good.\n# TYPE resonant_harmony gauge\n";
    for (const auto& [name, value] : harmony_rows(snapshot.harmony)) {
        out += fmt::format("resonant_harmony{{field=\"{}\"}} {}\n", name, value);
    }
    for (const board::FieldInfo& info : board::built_in_fields()) {
        if (board::is_traffic(info.field)) {
            gauge(out, std::string(info.name.substr(info.name.find('.') + 1)),
                  fmt::format("{} ({}).", info.meaning, info.unit), snapshot.field(info.field));
        }
    }
    out += "# HELP resonant_calls_total Calls by family since start.\n# TYPE resonant_calls_total counter\n";
    for (std::size_t family = 0; family < families.size() && family < std::size(snapshot.counters); ++family) {
        out += fmt::format("resonant_calls_total{{family=\"{}\"}} {}\n", families[family], snapshot.counters[family]);
    }
    gauge(out, "ring_head", "Events published since start.", static_cast<double>(plane.ring().head()));
    gauge(out, "events_dampened", "Events dropped by dampening.", static_cast<double>(plane.dampened()));
    gauge(out, "epoch", "Kernel life of this home.", static_cast<double>(snapshot.epoch));
    for (const char* name : {"clients", "memories", "unembedded", "monitors", "in_flight"}) {
        if (status.contains(name) && status[name].is_number()) {
            gauge(out, name, "See resonant status.", status[name].get<double>());
        }
    }
    return out;
}

std::string welcome_page() {
    return "<!doctype html><html lang=en><meta charset=utf-8><title>resonant</title>"
           "<style>body{font:16px system-ui;margin:2em auto;max-width:44em;line-height:1.5}</style>"
           "<h1>resonant</h1><p>This is a Resonant Swarm kernel: a server of the Model Context Protocol for agents. It works; you "
           "came without its token, so it shows nothing else.</p><ul>"
           "<li>An MCP client connects to <code>/mcp</code> at this address and sends <code>Authorization: Bearer TOKEN</code>; "
           "TOKEN is the content of the file <code>token</code> in the kernel's home folder.</li>"
           "<li><code>resonant status</code> on this machine shows what the kernel is doing, and its home folder.</li>"
           "<li>With the token, <code>/</code> is a dashboard and <code>/metrics</code> has figures for Prometheus: "
           "<code>curl -H \"Authorization: Bearer $(cat HOME/token)\" ADDRESS/metrics</code></li>"
           "<li><a href=/healthz>/healthz</a> and <a href=/readyz>/readyz</a> need no token.</li></ul></html>\n";
}

std::string dashboard_page(plane::KernelPlane& plane, const Json& status) {
    const board::Snapshot snapshot = plane.board().view().snapshot();
    std::string rows;
    for (const auto& [name, value] : harmony_rows(snapshot.harmony)) {
        rows += fmt::format("<tr><td>{}</td><td><meter min=0 max=1 low=0.5 optimum=1 value={:.3f}></meter></td>"
                            "<td>{:.3f}</td></tr>\n",
                            name, value, value);
    }
    std::string facts;
    for (const auto& [key, value] : status.items()) {
        facts += fmt::format("<tr><td>{}</td><td colspan=2>{}</td></tr>\n", escape(key),
                             escape(value.is_string() ? value.get<std::string>() : json::dump(value)));
    }
    return fmt::format(
        "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=5>"
        "<title>resonant</title><style>body{{font:16px system-ui;margin:2em auto;max-width:44em}}"
        "td{{padding:.2em 1em .2em 0;vertical-align:top}}meter{{width:16em}}</style>"
        "<h1>resonant</h1><h2>Harmony</h2><table>\n{}</table><h2>Kernel</h2><table>\n{}</table></html>\n",
        rows, facts);
}

}  // namespace resonant::runtime
