// An authorization server that nobody of this project wrote. Takes the redirect URI, and prints its port once it listens.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [redirectUri] = process.argv.slice(2);
const server = createServer((request, response) => handle(request, response));
let handle;
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [{
      client_id: 'gloveport',
      client_secret: 'cnry_the-secret-of-an-independent-server',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      scope: 'openid offline_access',
    }],
    cookies: { keys: ['not a secret'] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
  });
  handle = provider.callback();
  console.log(`port ${port}`);
});
