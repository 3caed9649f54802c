"""A server by the Python SDK (package mcp), modern era: python sdk_server.py"""

from mcp.server.mcpserver import MCPServer

server = MCPServer("python-sdk")


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


if __name__ == "__main__":
    server.run()
