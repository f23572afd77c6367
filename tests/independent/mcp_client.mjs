// A client of MCP's TypeScript SDK: it goes to one URL, in one era, and does what lines of JSON tell it. It prints lines of
// JSON. What is told to it, and what it says then, is described in `tests/src/sdk_client.rs`.
import { createInterface } from 'node:readline';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const [url, era] = process.argv.slice(2);
const say = (line) => console.log(JSON.stringify(line));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const told = async () => (await lines.next()).value;

const client = new Client(
  { name: 'independent', version: '1.0.0' },
  {
    capabilities: { elicitation: { form: {}, url: {} } },
    versionNegotiation: { mode: era === 'legacy' ? 'legacy' : 'auto' },
  },
);
client.setRequestHandler('elicitation/create', async ({ params }) => {
  say(params.mode === 'url' ? { open: params.url } : { asked: params.message });
  await told();
  return { action: 'accept' };
});
let hear;
const heard = new Promise((resolve) => { hear = resolve; });
client.setNotificationHandler('notifications/tools/list_changed', () => hear('tools'));

async function call({ tool, arguments: given }) {
  const steps = [];
  try {
    const onprogress = ({ progress }) => steps.push(progress);
    const result = await client.callTool({ name: tool, arguments: given }, { onprogress });
    const text = result.content.filter((block) => block.type === 'text').map((block) => block.text);
    return { failed: result.isError === true, structured: result.structuredContent ?? null, text, steps };
  } catch (error) {
    if (typeof error.code !== 'number') throw error;
    return { error: { code: error.code, message: error.message, data: error.data ?? null } };
  }
}

async function cancel({ tool, arguments: given }) {
  const controller = new AbortController();
  const running = client.callTool({ name: tool, arguments: given }, { signal: controller.signal });
  const ended = running.then(() => false, () => controller.signal.aborted);
  await told();
  controller.abort();
  return { cancelled: await ended };
}

async function listen() {
  const subscription = era === 'legacy' ? undefined : await client.listen({ toolsListChanged: true });
  say({ listening: true });
  const what = await heard;
  await subscription?.close();
  return { heard: what };
}

const transport = new StreamableHTTPClientTransport(new URL(url));
await client.connect(transport);
say({ revision: client.getNegotiatedProtocolVersion(), server: client.getServerVersion()?.name });
for (let line = await told(); line; line = await told()) {
  const order = JSON.parse(line);
  if (order.do === 'list') {
    const { tools } = await client.listTools();
    say({ tools: tools.map((tool) => ({ name: tool.name, output: tool.outputSchema !== undefined })) });
  } else {
    say(await { call, cancel, listen }[order.do](order));
  }
}
process.exit(0);
