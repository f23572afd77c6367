"""A client of MCP's Python SDK: it goes to one URL, in one era, and does what lines of JSON tell it.

It prints lines of JSON. What is told to it, and what it says then, is described in `tests/src/sdk_client.rs`.
"""

import asyncio
import json
import sys

from mcp import Client, MCPError
import mcp_types as types

URL, ERA = sys.argv[1], sys.argv[2]
TOLD = asyncio.Queue()
HEARD = asyncio.Queue()


def say(line):
    print(json.dumps(line), flush=True)


async def read():
    while line := await asyncio.to_thread(sys.stdin.readline):
        await TOLD.put(line)


async def opened(_context, params):
    """Asked to open a link: whoever drives this client does, and says so."""
    say({"open": params.url} if params.mode == "url" else {"asked": params.message})
    await TOLD.get()
    return types.ElicitResult(action="accept")


async def heard(message):
    if isinstance(message, types.ToolListChangedNotification):
        await HEARD.put("tools")


def failure(error):
    return {"error": {"code": error.code, "message": error.message, "data": error.data}}


async def call(client, told):
    steps = []

    async def step(progress, total, message):
        steps.append(progress)

    try:
        result = await client.call_tool(told["tool"], told["arguments"], progress_callback=step)
    except MCPError as error:
        return failure(error)
    text = [block.text for block in result.content if block.type == "text"]
    return {"failed": bool(result.is_error), "structured": result.structured_content, "text": text, "steps": steps}


async def cancel(client, told):
    """The call is given up when whoever drives this client says that it is under way."""
    running = asyncio.ensure_future(client.call_tool(told["tool"], told["arguments"]))
    await TOLD.get()
    running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        return {"cancelled": True}
    return {"cancelled": False}


async def listen(client):
    if ERA == "legacy":
        # The stream is opened by itself once the client has begun.
        say({"listening": True})
        return {"heard": await HEARD.get()}
    async with client.listen(tools_list_changed=True) as subscription:
        say({"listening": True})
        async for event in subscription:
            return {"heard": "tools" if "Tools" in type(event).__name__ else str(event)}


async def main():
    reading = asyncio.ensure_future(read())  # A task that nobody holds may be thrown away.
    mode = "legacy" if ERA == "legacy" else "auto"
    async with Client(URL, mode=mode, elicitation_callback=opened, message_handler=heard) as client:
        say({"revision": client.protocol_version, "server": client.server_info.name})
        while not reading.cancelled():
            told = json.loads(await TOLD.get())
            match told["do"]:
                case "list":
                    tools = (await client.list_tools(cache_mode="bypass")).tools
                    say({"tools": [{"name": tool.name, "output": tool.output_schema is not None} for tool in tools]})
                case "call":
                    say(await call(client, told))
                case "cancel":
                    say(await cancel(client, told))
                case "listen":
                    say(await listen(client))


asyncio.run(main())
