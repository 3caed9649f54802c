// Config is resonant.toml, every knob with its unit, default and limits. A missing file is all
// defaults; a wrong one is refused with the line.
//
// Threads: any; constant after load().
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "resonant/base/log_output.h"
#include "resonant/base/result.h"
#include "resonant/board/fields.h"
#include "resonant/call/client_set.h"
#include "resonant/call/contract.h"
#include "resonant/call/upstreams.h"
#include "resonant/plane/clearance.h"

namespace resonant::runtime {

struct Config {
    struct Http {
        std::string host = "127.0.0.1";
        std::uint16_t port = 7370;
        bool enabled = true;
        bool token = true;                         // ask for the bearer token
        std::vector<std::string> allowed_hosts;    // besides loopback names
        std::vector<std::string> cors_origins;     // whose pages may call from a browser; as a browser sends them
        std::int64_t connections_max = 0;          // open at once; 0: as many as descriptors allow
        std::int64_t memory_mib = 256;             // that requests and answers under way may hold together
        std::int64_t sessions_max = 16'384;        // of the legacy revisions
        std::filesystem::path tls_certificate;     // PEM, with its chain; empty: plain
        std::filesystem::path tls_key;
        bool allow_plain = false;                  // serve other machines without TLS (a proxy has it)
        // Tokens of an authorisation server; an empty issuer: none.
        struct OAuth {
            std::string issuer;
            std::string resource;                  // our URL, the audience
            std::string keys;                      // JWKS: file or URL
            std::string scope;                     // that a token must have
            std::int64_t leeway_s = 60;
        } oauth;
    } http;
    struct BoardField {
        std::string name, unit;
        board::Kind kind = board::Kind::F64;
        std::string group;                         // empty: none
    };
    std::vector<BoardField> board_fields;          // user fields of the board, registered at start in this order
    std::vector<plane::ClearanceRule> helpers;     // what processes of our user may publish: [[helper]]
    // Roles of principals, "uid:1000" or "token:3fa2..." as denials and the ledger name them: [[agent]].
    std::map<std::string, call::Role, std::less<>> agents;
    struct Embedding {
        std::string endpoint;                      // empty: the local model
        std::string model;
        std::string key_variable;                  // environment variable that holds the key
        std::int64_t timeout_ms = 10'000;
    } embedding;
    LogOutput log = {.level = "info"};             // of the kernel
    std::string listing = "families";              // families | core | all
    std::size_t clients_max = 4'096;               // on standard streams; fewer where descriptors run out
    double idle_exit_s = 600;                      // kernel leaves after this long without work; 0 = never
    std::vector<std::string> import_folders;  // read
    std::vector<std::string> export_folders;       // besides <home>/inbox
    std::filesystem::path model;                   // empty: the places named in minilm_embedder.h
    bool conformance = false;                      // the fixtures of the protocol's own test suite; never in a file
    std::vector<call::UpstreamSpec> servers;       // other MCP servers: [servers.NAME]
    std::vector<std::string> server_files;         // files in the form of mcpServers, followed
    std::vector<call::ClientSet> clients;          // what which client gets: [[client]], the first that fits
    bool check_answers = false;                    // of tests: answers are checked against what tools declare
    std::size_t answer_bytes_max = 60'000;         // longer answers are cut and continue with result.read
};

// InvalidArgument with file:line for what is wrong or unknown.
Result<Config> load_config(const std::filesystem::path& file);

}  // namespace resonant::runtime
