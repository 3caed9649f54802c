"""Monitors in a contained process: asleep behind sealed read-only mappings, they escalate by MCP and by nothing else.

    watch.py HOME COUNT UID      stdin and stdout lead to `resonant mcp`; words for people go to stderr

COUNT thresholds lie between 0 and 0.9 on error_rate, one sorted column and a cursor: an event that crosses none costs
one look. It maps board and ring, gives up its user, and sleeps. What is crossed is told in one call of event.publish.
"""

import array
import asyncio
import bisect
import json
import os
import sys

import resonant


def call(number, arguments):
    """One tool call and its result, as any MCP client makes it."""
    request = {"jsonrpc": "2.0", "id": number, "method": "tools/call",
               "params": {"name": "event.publish", "arguments": arguments}}
    sys.stdout.write(json.dumps(request) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        answer = json.loads(line)
        if answer.get("id") == number:
            return answer["result"]
    raise SystemExit("the kernel has hung up")


async def main():
    home, count, user = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    board, ring = resonant.Board(home), resonant.Ring(home)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    field = board.number_of("error_rate")
    thresholds = array.array("d", (0.9 * (i + 1) / count for i in range(count)))
    asleep = count - bisect.bisect_left(thresholds, board[field])  # those above it have not been crossed
    print(f"uid {os.getuid()}: {asleep} monitors asleep", file=sys.stderr, flush=True)
    calls = 0
    async for _ in ring:
        left = count - bisect.bisect_left(thresholds, board[field])
        if left < asleep:
            calls += 1
            payload = {"monitors": asleep - left, "value": board[field]}
            result = call(calls, {"type": "monitors.crossed", "payload": payload})
            told = "denied" if result.get("isError") else "told"
            print(f"{asleep - left} crossed, {told}", file=sys.stderr, flush=True)
            asleep = left


if len(sys.argv) != 4:
    raise SystemExit(__doc__)
asyncio.run(main())
