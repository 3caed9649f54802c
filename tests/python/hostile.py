"""Bad input by the thousand: seeded cases, and what the protocol wants in answer to each.

`expected()` reads a message by the rules of JSON-RPC and MCP on its own, with Python's parser: it shares no
code and no tables with the program. An expectation is a set of outcomes that are all right: an error code,
"result", or "silent". A message that may be read in two ways (a lone surrogate) allows both.
"""

import json
import random

MODERN = "2026-07-28"
VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
META = {VERSION: MODERN, CAPABILITIES: {}}
DEPTH_MAX = 128
BYTES_MAX = 4 * 1024 * 1024
MISSING = object()

LEGACY_METHODS = {"initialize", "ping", "logging/setLevel"}
MODERN_METHODS = {"server/discover", "subscriptions/listen"}
BOTH_METHODS = {"tools/list", "tools/call", "resources/list", "resources/templates/list", "resources/read",
                "prompts/list", "prompts/get", "completion/complete"}

GOOD_IDS = [0, 1, -1, 2**53, 2**63 - 1, -2**63, 10**30, 1.0, "a", "", "\u00e9\u4e2d", "x" * 200, "a\"b\\", "null", "7"]
BAD_IDS = [None, True, False, 1.5, -0.25, [], [1], {}, {"a": {"b": 1}}]
BAD_METHODS = [MISSING, None, 1, 1.5, True, [], {}, ["ping"], {"name": "ping"}]
UNKNOWN_METHODS = ["", " ", "PING", "ping ", "tools/destroy", "tools", "tools/list/all", "__proto__", "rpc.discover",
                   "../../etc/passwd", "x" * 5000, "\x00", "notifications/progress", "\u202eping"]
BAD_VERSIONS = [MISSING, "1.0", "2", "2.0 ", 2, 2.0, None, True, [], {}]
BAD_PARAMS = [[], [1, 2], "x", "", 0, 1.5, True, None]


class Case:
    def __init__(self, name, data, codes=None, headers=None):
        self.name, self.data, self.codes, self.headers = name, data, codes, headers


def encode(message):
    return json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass")


def message(era, method="ping", id=1, params=MISSING, jsonrpc="2.0", **more):
    made = {"jsonrpc": jsonrpc, "id": id, "method": method, "params": params, **more}
    if era == "modern" and params is MISSING:
        made["params"] = {"_meta": META}
    elif era == "modern" and isinstance(params, dict):
        made["params"] = {"_meta": META, **params}
    return {key: value for key, value in made.items() if value is not MISSING}


# --- what the protocol wants ---------------------------------------------------------------------------

def depth(value):
    level, deepest = [(value, 1)], 0
    while level:
        item, at = level.pop()
        if isinstance(item, (dict, list)):
            deepest = max(deepest, at)
            level += [(child, at + 1) for child in (item.values() if isinstance(item, dict) else item)]
    return deepest


def forbidden(word):
    raise ValueError(word)


def read(data):
    """(value, several ways to read it) or ValueError."""
    text = data.decode("utf-8")
    value = json.loads(text, parse_constant=forbidden)
    doubtful = "\\ud8" in text.lower() or "\\udc" in text.lower() or "e400" in text or "e999" in text
    return value, doubtful


def expected(data, era, http=False):
    """`http`: the era is said by headers, which repeat what can be read of the body."""
    if len(data) > BYTES_MAX:
        return {-32600, -32700}
    try:
        value, doubtful = read(data)
    except RecursionError:
        return {-32600, -32700}
    except ValueError:
        looks_like_response = (b'"result"' in data or b'"error"' in data) and b'"method"' not in data
        return {"silent", -32700} if looks_like_response else {-32700}
    if depth(value) > DEPTH_MAX:
        return {-32600, -32700}
    return expected_of(value, era, http) | ({-32700} if doubtful else set())


def id_is_good(value):
    return isinstance(value, str) or (isinstance(value, (int, float)) and not isinstance(value, bool)
                                      and value == int(value))


def expected_of(value, era, http):
    if not isinstance(value, dict):
        return {-32600}  # a batch too: 2025-03-26 alone knows them
    if "method" not in value and ("result" in value or "error" in value):
        return {"silent"}
    if value.get("jsonrpc") != "2.0" or not isinstance(value.get("method"), str):
        return {-32600}
    if "id" not in value:
        return {"silent"}
    if not id_is_good(value["id"]):
        return {-32600}
    method, params = value["method"], value.get("params", {})
    meta = params.get("_meta", {}) if isinstance(params, dict) else {}
    modern = era == "modern" and http or (isinstance(meta, dict) and VERSION in meta) or method == "server/discover"
    known = method in BOTH_METHODS or method in (MODERN_METHODS if modern else LEGACY_METHODS)
    if not isinstance(params, dict) or not isinstance(params.get("_meta", {}), dict):
        return {-32602} if known else {-32601, -32602}
    if modern and (wrong := expected_of_meta(meta, http)):
        return wrong
    if not known:
        return {-32601}
    return expected_of_params(method, params, "modern" if modern else "legacy")


def expected_of_meta(meta, http):
    version = meta.get(VERSION)
    if not isinstance(version, str) or not version:
        return {-32602}
    if version != MODERN:
        return {-32020} if http else {-32022}
    return None if isinstance(meta.get(CAPABILITIES), dict) else {-32602}


def expected_of_params(method, params, era):
    def text(name):
        return isinstance(params.get(name), str)

    wrong = {
        "initialize": not text("protocolVersion"),
        "logging/setLevel": params.get("level") not in ("debug", "info", "notice", "warning", "error", "critical",
                                                        "alert", "emergency"),
        "tools/list": params.get("cursor") is not None,
        "resources/list": params.get("cursor") is not None,
        "prompts/list": params.get("cursor") is not None,
        "tools/call": params.get("name") != "health_check" or not isinstance(params.get("arguments", {}), dict),
        "prompts/get": params.get("name") != "hand_over" or not isinstance(params.get("arguments", {}), dict)
        or not all(isinstance(value, str) for value in params.get("arguments", {}).values()),
        "completion/complete": not completes(params.get("ref"), params.get("argument")),
        "subscriptions/listen": True,  # right ones are not answered; none is sent
    }
    if method == "resources/read":
        if not text("uri") or not params["uri"]:
            return {-32602}
        return {"result"} if params["uri"] == "memory://stats" else {-32602 if era == "modern" else -32002}
    return {-32602} if wrong.get(method) else {"result"}


def completes(ref, argument):
    if not isinstance(ref, dict) or not isinstance(argument, dict):
        return False
    told = ref.get("name" if ref.get("type") == "ref/prompt" else "uri")
    known = told == "hand_over" if ref.get("type") == "ref/prompt" else ref.get("type") == "ref/resource"
    return bool(told) and isinstance(told, str) and known and all(isinstance(argument.get(one), str) for one in ("name", "value"))


# --- the cases -----------------------------------------------------------------------------------------

def structures(era):
    """Every member of a message wrong in every way, alone and two at once."""
    for good in GOOD_IDS:
        yield "good id", message(era, id=good)
        yield "good id, unknown method", message(era, id=good, method="no/such")
        yield "good id, version wrong", message(era, id=good, jsonrpc="1.0")
    for bad in BAD_IDS:
        for method in ["ping", "tools/list", "no/such", 7]:
            yield "bad id", message(era, id=bad, method=method)
        yield "bad id, response", {"jsonrpc": "2.0", "id": bad, "result": {}}
        yield "bad id, error", {"jsonrpc": "2.0", "id": bad, "error": {"code": -32600, "message": "x"}}
    for method in BAD_METHODS:
        for id in [1, "a", None, MISSING]:
            yield "bad method", message(era, method=method, id=id)
            yield "bad method and params", message(era, method=method, id=id, params=[])
    for method in UNKNOWN_METHODS:
        for id in [1, "a", MISSING]:
            yield "unknown method", message(era, method=method, id=id)
    for version in BAD_VERSIONS:
        for id in [1, "a", None, MISSING]:
            yield "bad version", message(era, jsonrpc=version, id=id)
        yield "bad version, response", message("legacy", jsonrpc=version, method=MISSING, result={})
    for params in BAD_PARAMS:
        for method in sorted(BOTH_METHODS | (MODERN_METHODS if era == "modern" else LEGACY_METHODS)):
            yield "bad params", message(era, method=method, params=params)
        yield "bad params, notification", message(era, method="notifications/cancelled", id=MISSING, params=params)
    for meta in [[], "x", 1, None, True]:
        yield "bad _meta", message("legacy", method="tools/list", params={"_meta": meta})
    for value in [{}, [], [[]], [1, 2, 3], 42, -1, 1.5, "ping", "", None, True, False, {"jsonrpc": "2.0"}, {"id": 1},
                  {"method": "ping"}, [message(era)], [message(era), message(era, id=2)], [{}], [None] * 50]:
        yield "no request", value
    for id in [1, "a", None, MISSING]:
        for body in [{"result": {}}, {"result": None}, {"error": {"code": 1, "message": "x"}}, {"error": None},
                     {"result": {}, "error": {}}]:
            answer = {"jsonrpc": "2.0", "id": id, **body}
            yield "a response nobody asked for", {key: value for key, value in answer.items() if value is not MISSING}
    for method in ["notifications/initialized", "notifications/unknown", "notifications/cancelled", "ping", "tools/call",
                   "initialize", "x"]:
        for params in [MISSING, {}, {"requestId": 99}, {"requestId": {"a": 1}}, {"name": "health_check"}]:
            yield "a notification", message(era, method=method, id=MISSING, params=params)


def wrong_params(era):
    values = [MISSING, None, 1, 1.5, True, [], {}, "", "\x00", "nobody", "x" * 3000, "\u202e", ["health_check"]]
    for value in values:
        yield "tool name", message(era, method="tools/call", params=given(name=value))
        yield "prompt name", message(era, method="prompts/get", params=given(name=value))
        yield "uri", message(era, method="resources/read", params=given(uri=value))
        if value is not MISSING and value is not None:
            yield "cursor", message(era, method="tools/list", params={"cursor": value})
            yield "cursor", message(era, method="prompts/list", params={"cursor": value})
        if era == "legacy":
            yield "level", message(era, method="logging/setLevel", params=given(level=value))
    for value in [None, 1, True, [], [1], "x"]:
        yield "arguments", message(era, method="tools/call", params={"name": "health_check", "arguments": value})
        yield "prompt arguments", message(era, method="prompts/get", params={"name": "hand_over", "arguments": value})
        yield "prompt argument", message(era, method="prompts/get", params={"name": "hand_over", "arguments": {"to": value}})
        yield "ref", message(era, method="completion/complete", params=given(ref=value, argument={}))
        yield "version", message("legacy", method="initialize", params={"protocolVersion": value, "capabilities": {}}
                                 if value != "x" else {})


def listening_and_completing(era):
    right = {"name": "to", "value": "a"}
    for ref in [{}, {"type": "ref/prompt"}, {"type": "ref/prompt", "name": 1}, {"type": "ref/prompt", "name": "nobody"},
                {"type": "ref/resource"}, {"type": "ref/resource", "uri": ""}, {"type": "ref/resource", "name": "hand_over"},
                {"type": "ref/tool", "name": "x"}, {"type": 1}, {"type": "ref/prompt", "name": "hand_over"},
                {"type": "ref/resource", "uri": "tool://{name}"}]:
        yield "what is completed", message(era, method="completion/complete", params={"ref": ref, "argument": right})
    for argument in [{}, {"name": "to"}, {"value": "x"}, {"name": 1, "value": "x"}, {"name": "to", "value": None},
                     {"name": "to", "value": ["x"]}, right, {"name": "nobody", "value": ""}]:
        yield "argument completed", message(era, method="completion/complete", params={
            "ref": {"type": "ref/prompt", "name": "hand_over"}, "argument": argument})
    for cursor in ["1", "0", "-1", "500", "1e3", " 1", "00", "18446744073709551616"]:
        for method in ["resources/list", "prompts/list"]:
            yield "a cursor nobody gave", message(era, method=method, params={"cursor": cursor})
    for wanted in [MISSING, None, 1, "x", [], {"toolsListChanged": 1}, {"toolsListChanged": "true"}, {"promptsListChanged": []},
                   {"resourceSubscriptions": "x"}, {"resourceSubscriptions": {}}, {"resourceSubscriptions": ["a", 1]}]:
        yield "a subscription", message(era, method="subscriptions/listen", params=given(notifications=wanted))


def given(**members):
    return {key: value for key, value in members.items() if value is not MISSING}


def texts(era, dice):
    """Bytes that are nearly a message, and bytes that are nothing at all."""
    base = encode(message(era, id=77, method="tools/list"))
    call = encode(message(era, id="c", method="tools/call", params={"name": "health_check", "arguments": {}}))
    for text in (base, call):
        for cut in sorted(dice.sample(range(1, len(text)), min(45, len(text) - 1))):
            yield "cut short", text[:cut]
            yield "cut at its front", text[cut:]
        for _ in range(60):
            at = dice.randrange(len(text))
            byte = bytes([dice.choice([0, 1, 8, 0x1F, 0x7F, 0x80, 0xBF, 0xC0, 0xC1, 0xED, 0xF5, 0xFE, 0xFF])])
            yield "a bad byte put in", text[:at] + byte + text[at:]
            yield "a bad byte in place", text[:at] + byte + text[at + 1:]
        for _ in range(40):
            at = dice.randrange(len(text))
            yield "a sign in place", text[:at] + dice.choice(b"{}[]\",:0aN\\ ").to_bytes(1, "big") + text[at + 1:]
        for tail in [b"x", b"}", b"]", b"{}", b",", b"\x00", b"null", b"//", b" 1", b"\xff", b"\xef\xbb\xbf", text]:
            yield "something behind it", text + tail
        for head in [b"\xef\xbb\xbf", b"\xfe\xff", b"\x00", b"x", b",", b"[", b"{", b")]}'", b"/**/", b"data: "]:
            yield "something before it", head + text
        yield "spaces around it", b"  \t" + text + b"  "
        yield "a carriage return behind it", text + b"\r"
        yield "UTF-16", text.decode().encode("utf-16-be").replace(b"\n", b"")
    for word in [b"NaN", b"Infinity", b"-Infinity", b"undefined", b"01", b"1.", b".5", b"+1", b"0x10", b"1e", b"'a'",
                 b"True", b"nul", b'"\\x41"', b'"\\u12"', b'"\t"', b'"a', b"[1,]", b"{,}", b'{"a":}', b'{"a" 1}', b"{1:2}",
                 b"1e400", b"-1e999", b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xed\xa0\x80"', b'"\xc0\xaf"', b'"\xf4\x90\x80\x80"',
                 b'"\xff"', b'"\x00"']:
        yield "a word JSON does not know", base.replace(b'"tools/list"', b'"ping"', 1)[:-1] + b',"x":' + word + b"}"
        yield "alone", word
    for line in [b"hello", b"GET / HTTP/1.1", b"<xml/>", b"\x16\x03\x01\x02\x00\x01\x00", b"{" * 300, b"[" * 5000, b"}" * 50,
                 b'{"a":' * 2000, b'"', b"\\", b"\x00" * 64, b"\xff" * 64, b"-", b"Content-Length: 20", b"\x1f\x8b\x08\x00",
                 b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', b'{"id":1,"method":"ping","jsonrpc":"2.0","jsonrpc":"1.0"}']:
        yield "another language", line
    for _ in range(120):
        yield "random bytes", dice.randbytes(dice.randrange(1, 200)).replace(b"\n", b"?").replace(b"\r", b"?")


def nested(level, era):
    inner = "[" * level + "]" * level
    return encode(message(era, id=level)).replace(b'"params": {', b'"params": {"deep": ' + inner.encode() + b", ", 1)


def large(era):
    """Long, deep and wide."""
    for level in [60, 120, 130, 500, 1000, 20000]:
        if era == "modern" or level > DEPTH_MAX:
            yield "deep", nested(level, era) if era == "modern" else encode(
                {"jsonrpc": "2.0", "id": level, "method": "tools/list"})[:-1] + b',"x":' + b"[" * level + b"]" * level + b"}"
    for size in [1000, 1 << 16, 1 << 20, 3 << 20]:
        yield "a long text", encode(message(era, method="tools/list", params={"x": "y" * size}))
        yield "a long method", encode(message(era, method="m" * size))
        yield "a long name", encode(message(era, method="tools/call", params={"name": "n" * size}))
        yield "a long uri", encode(message(era, method="resources/read", params={"uri": "u" * size}))
        yield "many members", encode(message(era, method="tools/list", params={"x": [1] * min(size // 4, 80000)}))


def bodies(era, seed, http=False):
    """Every case of one era that is a body of its own: (name, bytes, right outcomes)."""
    dice = random.Random(seed)
    made = [(name, encode(value)) for name, value in [*structures(era), *wrong_params(era),
                                                          *listening_and_completing(era)]]
    made += [*texts(era, dice), *large(era)]
    return [Case(name, data, expected(data, era, http)) for name, data in made if b"\n" not in data and data.strip()]
