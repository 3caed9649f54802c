"""HTTP requests that no client should send, as bytes, and the statuses that are right for each."""

import json
import random

from hostile import META, MODERN

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
LIST = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}).encode()


class Request:
    """A request that is right; every case changes something."""

    def __init__(self, token, **changes):
        self.line = changes.pop("line", b"POST /mcp HTTP/1.1")
        self.body = changes.pop("body", PING)
        headers = {b"Host": b"127.0.0.1", b"Authorization": b"Bearer " + token, b"Content-Type": b"application/json",
                   b"Accept": b"application/json, text/event-stream", b"Content-Length": b"%d" % len(self.body)}
        self.headers = [*headers.items()]
        for name, value in changes.pop("headers", {}).items():
            self.headers = [(key, old) for key, old in self.headers if key.lower() != name.lower()]
            self.headers += [] if value is None else [(name, one) for one in (value if isinstance(value, list) else [value])]
        self.raw = changes.pop("raw", b"")
        self.end = changes.pop("end", b"\r\n")

    def __bytes__(self):
        lines = [self.line] + [name + b": " + value for name, value in self.headers]
        return self.end.join(lines) + self.end + self.raw + self.end + self.body


def modern_headers(**changes):
    headers = {b"MCP-Protocol-Version": MODERN.encode(), b"Mcp-Method": b"tools/list"}
    headers.update({name.replace("_", "-").encode(): value for name, value in changes.items()})
    return headers


def headers_one_by_one(token):
    def changed(name, value, statuses, **more):
        return f"{name.decode()}: {value!r}", bytes(Request(token, headers={name: value}, **more)), statuses

    for host in [b"evil.example", b"127.0.0.1.evil.example", b"evil.example:7370", b"user@127.0.0.1", b"127.0.0.1@evil.example",
                 b"", b"[::1", b"::1", b"0.0.0.0", b"127.1", b"localhost.", b"127.0.0.1:x", b"127.0.0.1:80:80", b"169.254.169.254"]:
        yield changed(b"Host", host, {403, 400})
    for host in [b"localhost", b"LOCALHOST:1", b"127.0.0.1:7370", b"[::1]:80", b"[::1]"]:
        yield changed(b"Host", host, {200})
    yield changed(b"Host", None, {400})
    yield changed(b"Host", [b"127.0.0.1", b"evil.example"], {400})
    yield changed(b"Host", [b"127.0.0.1", b"127.0.0.1"], {400})
    for origin in [b"http://evil.example", b"https://evil.example:443", b"null", b"", b"file://", b"http://127.0.0.1.evil.example",
                   b"http://127.0.0.1@evil.example", b"http://localhost:1@evil.example", b"//localhost", b"localhost",
                   b"http://evil.example/localhost", [b"http://localhost", b"http://evil.example"]]:
        yield changed(b"Origin", origin, {403})
    for origin in [b"http://localhost:3000", b"https://127.0.0.1", b"http://[::1]:7370"]:
        yield changed(b"Origin", origin, {200})
    for shown in [None, b"", b"Bearer", b"Bearer ", b"Bearer x", b"Basic " + token, token, b"Bearer " + token[:-1],
                  b"Bearer " + token + b"x", b"Bearer  " + token, b"Token " + token, b"Bearer " + token.swapcase()]:
        yield changed(b"Authorization", shown, {401})
    yield changed(b"Authorization", b"bearer " + token, {200})
    for kind in [None, b"", b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"*/*",
                 b"application/jsonx", b"application/json-patch+json", b"text/json", b"application/octet-stream",
                 b"application/json; charset=utf-16", b"json", b"text/plain; application/json"]:
        yield changed(b"Content-Type", kind, {415})
    for kind in [b"application/json", b"Application/JSON; charset=UTF-8", b"application/json;charset=\"utf-8\""]:
        yield changed(b"Content-Type", kind, {200})
    for coding in [b"gzip", b"br", b"deflate", b"x"]:
        yield changed(b"Content-Encoding", coding, {415})
    for accept in [b"text/html", b"image/png", b"application/xml", b"", b"text/event-stream;q=0", b"application/json;q=0",
                   b"application/json;q=0.0, text/html"]:
        yield changed(b"Accept", accept, {406})
    for accept in [None, b"*/*", b"application/json", b"application/*", b"text/html, application/json;q=0.1"]:
        yield changed(b"Accept", accept, {200})
    for session in [b"x", b"0" * 32, b"../..", b"a" * 4000, b"1", b"\xc3\xa9"]:
        yield changed(b"Mcp-Session-Id", session, {404})
    for version in [b"1999-01-01", b"x", b"", b"2026-07-29", b"2025-11-25 "[:5], b"9" * 3000]:
        yield changed(b"MCP-Protocol-Version", version, {400})
    for version in [b"2025-11-25", b"2025-06-18", b"2025-03-26", b"2024-11-05"]:
        yield changed(b"MCP-Protocol-Version", version, {200})
    for expect in [b"x", b"200-ok"]:
        yield changed(b"Expect", expect, {417})


def heads(token):
    """Request lines, sizes, methods and paths."""
    for line in [b"POST /mcp", b"POST  /mcp HTTP/1.1", b"POST /mcp HTTP/9.9", b"POST /mcp HTTP/2.0", b"POST /mcp http/1.1",
                 b" POST /mcp HTTP/1.1", b"POST\t/mcp HTTP/1.1", b"/mcp HTTP/1.1", b"POST /m cp HTTP/1.1", b"\x00", b"P\x01ST /mcp HTTP/1.1",
                 b"PRI * HTTP/2.0", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", b"POST /mcp HTTP/1.1 x", b"POST /mcp HTTP/"]:
        yield f"line {line!r}", bytes(Request(token, line=line)), {400, 505}
    for method in [b"GET", b"PUT", b"PATCH", b"OPTIONS", b"TRACE", b"HEAD", b"BREW", b"post", b"PROPFIND"]:
        yield f"method {method!r}", bytes(Request(token, line=method + b" /mcp HTTP/1.1")), {405}
    yield "DELETE, no session", bytes(Request(token, line=b"DELETE /mcp HTTP/1.1")), {400}
    yield "DELETE, unknown session", bytes(Request(token, line=b"DELETE /mcp HTTP/1.1", headers={b"Mcp-Session-Id": b"x"})), {404}
    for path in [b"/mc", b"/mcpx", b"/mcp/none", b"/mcp/../etc/passwd", b"/.git/config", b"/mcp//", b"//mcp", b"/MCP", b"*",
                 b"http://localhost", b"http://localhost/x", b"/%2e%2e/%2e%2e", b"/mcp%00", b"/index.php", b"/mcp/core/x"]:
        yield f"path {path!r}", bytes(Request(token, line=b"POST " + path + b" HTTP/1.1")), {404}
    for path in [b"/mcp", b"/mcp/core", b"/mcp/all", b"/mcp/families", b"/mcp?x=1"]:
        yield f"path {path!r}", bytes(Request(token, line=b"POST " + path + b" HTTP/1.1")), {200}
    for path in [b"http://127.0.0.1/mcp", b"HTTP://LOCALHOST:7370/mcp?x=1", b"https://[::1]/mcp"]:
        yield f"absolute {path!r}", bytes(Request(token, line=b"POST " + path + b" HTTP/1.1")), {200}
    for path in [b"http://evil.example/mcp", b"http://127.0.0.1@evil.example/mcp", b"http://127.0.0.1:80@evil.example/mcp",
                 b"http:///mcp", b"http://", b"https://evil.example?/mcp"]:
        yield f"absolute {path!r}", bytes(Request(token, line=b"POST " + path + b" HTTP/1.1")), {403}
    yield "GET of a write-only thing", bytes(Request(token, line=b"POST /metrics HTTP/1.1")), {405}
    yield "a long path", bytes(Request(token, line=b"POST /" + b"a" * 40000 + b" HTTP/1.1")), {414, 431}
    yield "a long header", bytes(Request(token, headers={b"X-Long": b"a" * 40000})), {431}
    yield "a thousand headers", bytes(Request(token, headers={b"X-%d" % i: b"abcdefghijk" for i in range(1000)})), {431}
    for raw in [b"No colon here\r\n", b": no name\r\n", b"Bad name: x\r\n", b"X\x00: y\r\n", b"X: a\x00b\r\n", b"X : y\r\n",
                b"X\xff: y\r\n", b"(x): y\r\n"]:
        yield f"header {raw!r}", bytes(Request(token, raw=raw)), {400}
    yield "line feeds only", bytes(Request(token, end=b"\n")), {400}


def lengths(token):
    """Content-Length and Transfer-Encoding: what two servers could read differently is refused."""
    for length in [b"-1", b"+40", b"0x28", b"40 40", b"40,40", b"4e1", b"x", b"", b"1" * 30, b"99999999999999999999", [b"40", b"41"]]:
        yield f"length {length!r}", bytes(Request(token, headers={b"Content-Length": length})), {400, 413}
    for length in [b"5000000", b"4194305", b"9223372036854775807"]:
        yield f"length {length!r}", bytes(Request(token, headers={b"Content-Length": length})), {400, 413}
    yield "no length", bytes(Request(token, headers={b"Content-Length": None})), {400, 411}
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(PING), PING)
    for coding in [b"gzip", b"xchunked", b"chunked, gzip", b"gzip, chunked", b"chunked, chunked", b"identity", b"chunked;q=1", b"",
                   b"\"chunked\"", [b"chunked", b"chunked"], [b"gzip", b"chunked"]]:
        yield f"coding {coding!r}", bytes(Request(token, body=chunked, headers={
            b"Transfer-Encoding": coding, b"Content-Length": None})), {400, 501}
    for extra in [b"40", b"0", b"%d" % len(chunked)]:
        yield f"length and chunks {extra!r}", bytes(Request(token, body=chunked, headers={
            b"Transfer-Encoding": b"chunked", b"Content-Length": extra})), {400}
    for body in [b"x\r\n" + PING, b"-1\r\n", b"\r\n", b"28 \r\nxx", b"fffffffffffffffff\r\n", b"28" + PING, b"5\r\nabcdefgh\r\n0\r\n\r\n",
                 b"0x28\r\n" + PING + b"\r\n0\r\n\r\n", b"28\n" + PING + b"\n0\n\n"]:
        yield f"chunks {body[:12]!r}", bytes(Request(token, body=body, headers={
            b"Transfer-Encoding": b"chunked", b"Content-Length": None})), {400}
    yield "chunks", bytes(Request(token, body=chunked, headers={b"Transfer-Encoding": b"chunked", b"Content-Length": None})), {200}
    small = b"".join(b"1\r\n%c\r\n" % byte for byte in PING) + b"0\r\nX-Trailer: y\r\n\r\n"
    yield "small chunks, a trailer", bytes(Request(token, body=small, headers={
        b"Transfer-Encoding": b"CHUNKED", b"Content-Length": None})), {200}
    yield "an endless chunk head", bytes(Request(token, body=b"28;" + b"a" * 200000, headers={
        b"Transfer-Encoding": b"chunked", b"Content-Length": None})), {400}
    wide = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    yield "chunks of five megabytes", bytes(Request(token, body=wide * 5, headers={
        b"Transfer-Encoding": b"chunked", b"Content-Length": None})), {413}
    yield "an empty body", bytes(Request(token, body=b"")), {400}


def modern(token):
    """The headers of the modern era against its body."""
    def case(name, statuses, body=LIST, **changes):
        return name, bytes(Request(token, body=body, headers=modern_headers(**changes))), statuses

    yield case("as it should be", {200})
    yield case("in base64", {200}, Mcp_Method=b"=?base64?dG9vbHMvbGlzdA==?=")
    for method in [None, b"", b"tools/call", b"TOOLS/LIST", b"=?base64?!!?=", b"ping"]:
        yield case(f"Mcp-Method {method!r}", {400}, Mcp_Method=method)
    for version in [None, b"", b"2025-11-25", b"2026-07-29", b"x"]:
        yield case(f"version {version!r}", {400}, MCP_Protocol_Version=version)
    call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                       "params": {"_meta": META, "name": "health_check", "arguments": {}}}).encode()
    yield case("a call", {200}, body=call, Mcp_Method=b"tools/call", Mcp_Name=b"health_check")
    for name in [None, b"", b"health.check", b"memory_add", b"HEALTH_CHECK"]:
        yield case(f"Mcp-Name {name!r}", {400}, body=call, Mcp_Method=b"tools/call", Mcp_Name=name)
    for meta in [{}, {**META, "io.modelcontextprotocol/clientCapabilities": None},
                 {**META, "io.modelcontextprotocol/clientCapabilities": []},
                 {**META, "io.modelcontextprotocol/protocolVersion": 20260728},
                 {**META, "io.modelcontextprotocol/protocolVersion": "2099-01-01"}, [], "x", None]:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}).encode()
        yield case(f"_meta {meta!r}", {400}, body=body)
    yield case("no params", {400}, body=b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
    yield case("a notification", {202}, body=b'{"jsonrpc":"2.0","method":"notifications/x"}', Mcp_Method=b"notifications/x")
    for method in [b"GET", b"DELETE"]:
        yield f"modern {method!r}", bytes(Request(token, line=method + b" /mcp HTTP/1.1", headers={
            b"MCP-Protocol-Version": MODERN.encode(), b"Mcp-Session-Id": b"x"})), {405}
    for gone in [b"initialize", b"ping", b"logging/setLevel", b"resources/subscribe"]:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": gone.decode(), "params": {"_meta": META}}).encode()
        yield case(f"{gone!r}", {404}, body=body, Mcp_Method=gone)


def scrambled(token, seed):
    """Right requests with bytes changed: some status, or the end of the connection; never silence."""
    dice = random.Random(seed)
    good = bytes(Request(token))
    for _ in range(150):
        text = bytearray(good)
        for _ in range(dice.randrange(1, 4)):
            text[dice.randrange(len(text))] = dice.randrange(256)
        yield "scrambled", bytes(text), None
    for _ in range(60):
        yield "random bytes", dice.randbytes(dice.randrange(1, 400)) + b"\r\n\r\n", {400, 431, 505}


def requests(token, seed):
    """(name, bytes, right statuses; None: any or none)."""
    return [*headers_one_by_one(token), *heads(token), *lengths(token), *modern(token), *scrambled(token, seed)]
