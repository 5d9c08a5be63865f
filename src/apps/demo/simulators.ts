import { type AlpacaSimulator, startAlpacaSimulator } from '#simulators/alpaca';
import { type GroqSimulator, startGroqSimulator } from '#simulators/groq';
import { type OpenaiSimulator, startOpenaiSimulator } from '#simulators/openai';

/** The account that the demo trades. */
export const DEMO_ACCOUNT = { accountId: 'demo-account', brokerConnectionId: 'demo-connection', userId: 'demo-user', keyId: 'demo-key', secret: 'demo-secret', cash: '1000000' } as const;

export type Simulators = { readonly alpaca: AlpacaSimulator; readonly openai: OpenaiSimulator; readonly groq: GroqSimulator; readonly stop: () => Promise<void> };

/** The vendors, on real sockets of this machine. */
export const startSimulators = async (): Promise<Simulators> => {
  const { keyId, secret, accountId, cash } = DEMO_ACCOUNT;
  const alpaca = await startAlpacaSimulator({ accounts: [{ keyId, secret, accountId, cash }] });
  const openai = await startOpenaiSimulator();
  const groq = await startGroqSimulator();
  const stop = async (): Promise<void> => { await Promise.all([alpaca.stop(), openai.stop(), groq.stop()]); };
  return { alpaca, openai, groq, stop };
};

/** Addresses of the vendors' control surfaces. */
export type AdminUrls = { readonly alpaca: string; readonly openai: string; readonly groq: string };

/** One request to a simulator's controls; a refusal is a mistake of ours and stops the run. */
export const control = async (url: string, method: 'POST' | 'PUT' | 'GET', body?: unknown): Promise<unknown> => {
  const response = await fetch(url, { method, ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }) });
  if (!response.ok) throw new Error(`${method} ${url} was refused with ${response.status}: ${await response.text()}`);
  return response.json();
};

const fieldsOf = (value: unknown): ReadonlyMap<string, unknown> => new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
const FAULTY_ROUTES: readonly unknown[] = ['submit_order', 'complete'];

/** How often each vendor answered an order or a question otherwise than well: by status, or `dropped` for a lost answer. */
export const vendorFaults = async (admin: AdminUrls): Promise<Readonly<Record<string, number>>> => {
  const counts = new Map<string, number>();
  for (const [vendor, url] of Object.entries(admin)) {
    const requests = fieldsOf(await control(`${url}/requests`, 'GET')).get('requests');
    for (const request of Array.isArray(requests) ? requests : []) {
      const fields = fieldsOf(request);
      const outcome = fields.get('outcome');
      if (!FAULTY_ROUTES.includes(fields.get('route')) || (typeof outcome === 'number' && outcome < 300)) continue;
      const name = `${vendor} ${String(outcome)}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return Object.fromEntries([...counts].sort(([left], [right]) => (left < right ? -1 : 1)));
};
