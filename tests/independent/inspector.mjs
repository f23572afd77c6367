// MCP's Inspector, at its command line.
import './node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js';
