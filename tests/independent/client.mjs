// A client of MCP's TypeScript SDK that knows one URL: what it prints are lines of JSON, what it reads are lines.
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const url = new URL(process.argv[2]);
const redirectUrl = "http://127.0.0.1:33418/callback";
const say = (line) => console.log(JSON.stringify(line));
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const heard = async () => (await lines.next()).value;

const kept = {};
const authProvider = {
  redirectUrl,
  clientMetadata: {
    client_name: "TypeScript SDK",
    redirect_uris: [redirectUrl],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  },
  state: () => (kept.state = randomUUID()),
  clientInformation: () => kept.client,
  saveClientInformation: (client) => { kept.client = client; },
  tokens: () => kept.tokens,
  saveTokens: (tokens) => { kept.tokens = tokens; },
  redirectToAuthorization: (to) => say({ open: to.href }),
  saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
  codeVerifier: () => kept.verifier,
  invalidateCredentials: () => { kept.tokens = undefined; },
};

const connected = async () => {
  const transport = new StreamableHTTPClientTransport(url, { authProvider });
  const client = new Client({ name: "independent", version: "1.0.0" });
  await client.connect(transport);
  return client;
};

const first = new StreamableHTTPClientTransport(url, { authProvider });
try {
  await new Client({ name: "independent", version: "1.0.0" }).connect(first);
  say({ error: "it came in without a token" });
} catch (error) {
  if (!(error instanceof UnauthorizedError)) throw error;
}
const back = new URL(await heard());
if (back.searchParams.get("state") !== kept.state) throw new Error("another state");
await first.finishAuth(back.searchParams.get("code"));
const client = await connected();
const { tools } = await client.listTools();
say({ tools: tools.map((tool) => tool.name).sort(), iss: back.searchParams.get("iss"), scope: kept.tokens.scope });
// Each line is a call; the SDK fetches new tokens by itself.
for (let line = await heard(); line; line = await heard()) {
  const before = kept.tokens.access_token;
  try {
    const result = await client.callTool({ name: line, arguments: {} });
    say({ failed: result.isError === true, refreshed: before !== kept.tokens.access_token });
  } catch (error) {
    if (!kept.tokens) continue; // It has asked its user to come again.
    say({ refused: error instanceof UnauthorizedError ? "unauthorized" : String(error) });
  }
}
process.exit(0);
