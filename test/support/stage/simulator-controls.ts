// A simulator's control surface, as tests use it.

export type SeenRequest = {
  readonly route: string;
  readonly method: string;
  readonly path: string;
  readonly keys: readonly string[];
  readonly symbol: string | null;
  readonly monotonic_ms: number;
  readonly outcome: number | 'dropped' | 'silent' | null;
};

export type VenueOrder = { readonly id: string; readonly client_order_id: string; readonly symbol: string; readonly status: string; readonly qty: string; readonly filled_qty: string };

/** What is asked of one simulator; every call rejects when the simulator refuses it. */
export class SimulatorControls {
  readonly #adminUrl: string;

  constructor(adminUrl: string) {
    this.#adminUrl = adminUrl;
  }

  async send(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
    const init = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`${this.#adminUrl}/${path}`, { method, ...init });
    if (!response.ok) throw new Error(`${method} ${path} was refused with ${response.status}: ${await response.text()}`);
    return response.json();
  }

  /** One answer per request of the symbol, in this order; then all is normal. */
  async answer(symbol: string, faults: readonly unknown[], route?: string): Promise<void> {
    await this.send('POST', 'faults', faults.map((fault) => ({ symbol, fault, ...(route === undefined ? {} : { route }) })));
  }

  /** The text of every completion about the symbol. */
  async content(symbol: string, content: string): Promise<void> {
    await this.send('POST', 'contents', { symbol, times: null, content });
  }

  async requests(filter: { readonly symbol?: string; readonly route?: string; readonly key?: string }): Promise<readonly SeenRequest[]> {
    const { requests } = (await this.send('GET', `requests?${new URLSearchParams(filter).toString()}`)) as { readonly requests: readonly SeenRequest[] };
    return requests;
  }

  async orders(keyId: string): Promise<readonly VenueOrder[]> {
    return (await this.send('GET', `orders?key_id=${keyId}`)) as readonly VenueOrder[];
  }
}

/** Milliseconds between one request and the next. */
export const gapsOf = (requests: readonly SeenRequest[]): readonly number[] =>
  requests.slice(1).map((request, index) => request.monotonic_ms - (requests[index]?.monotonic_ms ?? 0));
