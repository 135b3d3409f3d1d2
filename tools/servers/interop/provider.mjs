// An OpenID provider of another making, for tests: panva's oidc-provider with the grant
// of client credentials, and access tokens that are JWTs (RFC 9068) for a resource.
//
//   provider.mjs FOLDER PORT      the folder has node_modules; PROVIDER_SECRET is the client's
import { generateKeyPairSync } from 'node:crypto';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, port] = process.argv.slice(2);
const secret = process.env.PROVIDER_SECRET;
if (!secret) throw new Error("PROVIDER_SECRET is not set: it is the client's");
const { default: Provider } = await import(pathToFileURL(resolve(folder, 'node_modules/oidc-provider/lib/index.js')));

const scope = 'images:read images:write';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const provider = new Provider(`http://127.0.0.1:${port}`, {
	clients: [{
		client_id: 'robot', client_secret: secret, grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
		id_token_signed_response_alg: 'ES256',
	}],
	jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'first', use: 'sig', alg: 'ES256' }] },
	scopes: scope.split(' '),
	features: {
		devInteractions: { enabled: false },
		clientCredentials: { enabled: true },
		resourceIndicators: {
			enabled: true,
			getResourceServerInfo: () => ({ scope, audience: 'imgd', accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'ES256' } } }),
		},
	},
	extraTokenClaims: () => ({ org_id: 'acme' }),
});
provider.listen(Number(port), '127.0.0.1');
