// Holds requests against OpenAPI documents, with a validator that nobody of this project wrote. Takes a file of JSON lines,
// each `{document, base, requests: [{operation, method, target, headers, body}]}`, where an operation is `METHOD /path` as the
// document has them. Prints one JSON line per request, in order: `null` where it is as its operation says, else what is wrong.
import { createReadStream, readFileSync } from 'node:fs';
import http from 'node:http';
import { createInterface } from 'node:readline';
import express from 'express';
import OpenApiValidator from 'express-openapi-validator';
import yaml from 'js-yaml';

const LIMIT = '64mb';

// Operations judged by one validator: each has to read all of its document, and to make one takes long too.
const TOGETHER = 25;

// A document with these operations alone, and what they refer to. Each is below a path of its own: real documents have
// several for one path, told apart by a fragment or by the names of their parameters.
function only(document, operations, base) {
  const { openapi, info, security } = document;
  const components = { securitySchemes: document.components?.securitySchemes ?? {} };
  const paths = {};
  operations.forEach((operation, index) => {
    const [method, path] = [operation.slice(0, operation.indexOf(' ')).toLowerCase(), operation.slice(operation.indexOf(' ') + 1)];
    const item = document.paths[path];
    const { servers, callbacks, ...own } = item[method];
    // Answers are none of its business. A body is optional where nothing is said (3.0.4, 4.7.13.1), and no content type is
    // wanted then; the validator has to read that.
    own.responses = { default: { description: '' } };
    if (own.requestBody) own.requestBody = { required: false, ...resolved(document, own.requestBody) };
    own.parameters = parameters(document, item, own);
    // What Express takes for the name of a parameter has no hyphens; a fragment is never sent.
    const named = path.split('#')[0].replace(/{([^}]*)}/g, (_, name) => `{${name.replace(/\W/g, '_')}}`);
    paths[`/o${index}${named}`] = { [method]: own };
  });
  reached(document, [paths, components], components);
  const small = structuredClone({ openapi, info, servers: [{ url: base }], ...(security && { security }), paths, components });
  readable(small, false);
  return small;
}

function parameters(document, item, own) {
  const all = new Map();
  for (const one of [...(item.parameters ?? []), ...(own.parameters ?? [])]) {
    const parameter = { ...resolved(document, one) };
    // Only properties can be read-only (3.0.4, 4.7.24.2).
    if (parameter.schema) parameter.schema = { ...resolved(document, parameter.schema), readOnly: false };
    if (parameter.in === 'path') parameter.name = parameter.name.replace(/\W/g, '_');
    all.set(`${parameter.in} ${parameter.name}`, parameter);
  }
  return [...all.values()];
}

function resolved(document, value) {
  return value.$ref ? resolved(document, target(document, value.$ref)) : value;
}

function target(document, reference) {
  const steps = reference.slice(2).split('/').map((step) => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~'));
  return steps.reduce((value, step) => value?.[step], document);
}

// Adds all components that are referred to, in whatever place.
function reached(document, value, components) {
  if (typeof value === 'string' && value.startsWith('#/components/')) {
    const [, , kind, name] = value.split('/');
    const known = components[kind] ??= {};
    if (name in known || target(document, value) === undefined) return;
    known[name] = document.components[kind][name];
    reached(document, known[name], components);
  } else if (value !== null && typeof value === 'object') {
    for (const one of Object.values(value)) reached(document, one, components);
  }
}

// Members of these are names that the document chose; everywhere else they are keywords.
const NAMED = ['properties', 'patternProperties', 'dependentSchemas', '$defs', 'schemas', 'requestBodies', 'content', 'paths'];

function readable(value, named) {
  if (value === null || typeof value !== 'object') return;
  if (!named) {
    // Without `type`, `nullable` says nothing (3.0.4, 4.7.24.2); the validator refuses to read it.
    if (typeof value.nullable === 'boolean' && !('type' in value)) delete value.nullable;
    // These are data, and their members no keywords: the validator takes an `id` in an example for a schema's, and puts
    // defaults where nothing was sent, which hides what is missing.
    delete value.example;
    delete value.examples;
    delete value.default;
  }
  for (const [name, one] of Object.entries(value)) readable(one, !named && !Array.isArray(value) && NAMED.includes(name));
}

function application(document) {
  const app = express();
  app.use(express.json({ strict: false, limit: LIMIT, type: ['application/json', 'application/*+json'] }));
  app.use(express.urlencoded({ extended: true, limit: LIMIT }));
  app.use(express.text({ limit: LIMIT, type: ['text/*', '*/xml', '*/*+xml', 'application/octet-stream'], defaultCharset: 'utf-8' }));
  app.use(OpenApiValidator.middleware({
    apiSpec: document,
    validateApiSpec: false,
    validateSecurity: false,
    validateRequests: { allowUnknownQueryParameters: false },
    validateFormats: true,
  }));
  app.use((request, response) => response.json(request.openapi ? null : 'outside of the document'));
  app.use((error, _request, response, _next) => {
    const told = error.errors?.map((one) => `${one.path}: ${one.message}`).join('; ');
    response.status(400).json(`${error.status ?? error.stack} ${told || error.message}`);
  });
  return app;
}

function send(port, { method, target, headers, body }) {
  return new Promise((resolve, reject) => {
    const request = http.request({ port, host: '127.0.0.1', method, path: target, headers: headers.flat(), setHost: false });
    request.on('response', async (response) => {
      let text = '';
      for await (const part of response) text += part;
      // HEAD has no body to say it with.
      resolve(method === 'HEAD' ? (response.statusCode === 200 ? 'null' : `"status ${response.statusCode}"`) : text);
    });
    request.on('error', reject);
    request.end(Buffer.from(body, 'base64'));
  });
}

let current;
const server = http.createServer((request, response) => current(request, response)).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
for await (const line of createInterface({ input: createReadStream(process.argv[2]) })) {
  const { document, base, requests } = JSON.parse(line);
  // Dates stay text, as JSON has them.
  const parsed = yaml.load(readFileSync(document, 'utf8'), { schema: yaml.CORE_SCHEMA, json: true });
  const operations = [...new Set(requests.map((request) => request.operation))];
  for (let first = 0; first < operations.length; first += TOGETHER) {
    const some = operations.slice(first, first + TOGETHER);
    current = application(only(parsed, some, base));
    for (const request of requests.filter((request) => some.includes(request.operation))) {
      const target = `${base}/o${some.indexOf(request.operation)}${request.target.slice(base.length)}`;
      const isBelow = request.target.startsWith(base);
      console.log(isBelow ? await send(server.address().port, { ...request, target }) : '"not below its server"');
    }
  }
}
server.close();
server.closeAllConnections();
