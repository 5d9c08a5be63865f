import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { createRegistryClient } from './registry-client.ts';

// A registry that misbehaves on order; how the real one behaves is the integration test's matter.

type Reply = { readonly status: number; readonly body: unknown };
const servers: Server[] = [];

const serving = async (reply: (request: IncomingMessage, count: number) => Reply): Promise<string> => {
  let count = 0;
  const server = createServer((request, response) => {
    const { status, body } = reply(request, ++count);
    response.writeHead(status, { 'content-type': 'application/json' }).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
};

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

test('user and password go with every request, from the option or from the address', async () => {
  const seen: (string | undefined)[] = [];
  const host = await serving((request) => {
    seen.push(request.headers.authorization);
    return { status: 200, body: { id: 4 } };
  });
  await createRegistryClient({ registryUrl: `http://${host}/`, auth: 'user:pass:word' }).register('s', '{}');
  await createRegistryClient({ registryUrl: `http://us%40er:pw@${host}` }).register('s', '{}');
  expect(seen).toEqual([`Basic ${btoa('user:pass:word')}`, `Basic ${btoa('us@er:pw')}`]);
});

test('a refused login names the setting and not the password', async () => {
  const host = await serving(() => ({ status: 401, body: { message: 'Unauthorized' } }));
  const refusal = await createRegistryClient({ registryUrl: `http://${host}`, auth: 'user:secret' }).register('s', '{}').catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'REGISTRY_REFUSED', subject: 's', message: expect.stringMatching(/SCHEMA_REGISTRY_AUTH/) });
  expect(String(refusal)).not.toContain('secret');
});

test('an overloaded registry is asked again', async () => {
  const host = await serving((_, count) => (count < 3 ? { status: 503, body: 'busy' } : { status: 200, body: { id: 9 } }));
  await expect(createRegistryClient({ registryUrl: `http://${host}` }).register('s', '{}')).resolves.toBe(9);
});

test('a registry that is not there is told with its address and the setting', async () => {
  const host = await serving(() => ({ status: 200, body: {} }));
  await new Promise((resolve) => servers.pop()?.close(resolve));
  await expect(createRegistryClient({ registryUrl: `http://${host}` }).schemaText(1)).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE', action: 'retry', message: expect.stringMatching(new RegExp(`http://${host} .*ECONNREFUSED.*SCHEMA_REGISTRY_URL`)),
  });
});

test('a subject with any character is asked for as one path segment', async () => {
  const paths: (string | undefined)[] = [];
  const host = await serving((request) => {
    paths.push(request.url);
    return { status: 404, body: { error_code: 40401 } };
  });
  await expect(createRegistryClient({ registryUrl: `http://${host}/apis/ccompat/v7/` }).lookup('a/b c-x.y', '{}')).resolves.toBeNull();
  expect(paths).toEqual(['/apis/ccompat/v7/subjects/a%2Fb%20c-x.y']);
});

test('a 404 that is no registry\'s is not taken for a missing schema', async () => {
  const host = await serving(() => ({ status: 404, body: '<html>nginx</html>' }));
  await expect(createRegistryClient({ registryUrl: `http://${host}` }).lookup('s', '{}')).rejects.toMatchObject({ code: 'REGISTRY_REFUSED' });
});

test.each([
  ['another kind of schema', { schema: 'syntax = "proto3";', schemaType: 'PROTOBUF' }, 'CODEC_BAD_SCHEMA'],
  ['a schema that refers to others', { schema: '{}', references: [{ name: 'x', subject: 'x', version: 1 }] }, 'CODEC_BAD_SCHEMA'],
  ['an answer without a schema', {}, 'REGISTRY_REFUSED'],
])('%s is refused', async (_, body, code) => {
  const host = await serving(() => ({ status: 200, body }));
  await expect(createRegistryClient({ registryUrl: `http://${host}` }).schemaText(1)).rejects.toMatchObject({ code });
});

test('an address that is none is told at once', () => {
  expect(() => createRegistryClient({ registryUrl: 'localhost' })).toThrow(/set SCHEMA_REGISTRY_URL/);
});
