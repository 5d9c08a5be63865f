import type { Envelope } from '#contracts/core';
import type { Report } from './violation.ts';

type Link = { readonly prevHash: Uint8Array | null; readonly bodyHash: Uint8Array; readonly where: string };
type ChainState = {
  /** Last number of the part without gaps; 0 before the first. */
  seq: number;
  head: Uint8Array | null;
  /** Numbers that were read before their predecessors, which lie on other partitions. */
  readonly ahead: Map<number, Link>;
  isBroken: boolean;
};

const isSame = (left: Uint8Array | null, right: Uint8Array | null): boolean => {
  if (left === null || right === null || left.length !== right.length) return left === right;
  for (const [index, byte] of left.entries()) if (byte !== right[index]) return false;
  return true;
};

/**
 * Chains that run through many instances and partitions: an entity's outcomes. Records come in any order; what waits is only
 * what overtook its predecessor.
 */
export class EntityChains {
  readonly #chains = new Map<string, ChainState>();
  readonly #report: Report;
  /** Where the log's head is gone a chain may begin late. */
  readonly #isWhole: boolean;

  constructor(options: { readonly report: Report; readonly isWhole: boolean }) {
    this.#report = options.report;
    this.#isWhole = options.isWhole;
  }

  add(envelope: Envelope, bodyHash: Uint8Array, where: string): void {
    const { id, seq, prevHash } = envelope.chain;
    const chain = this.#chains.get(id) ?? { seq: 0, head: null, ahead: new Map<number, Link>(), isBroken: false };
    this.#chains.set(id, chain);
    if (seq <= chain.seq || chain.ahead.has(seq)) return this.#say(id, `number ${seq} is there twice, again ${where}`);
    chain.ahead.set(seq, { prevHash, bodyHash, where });
    this.#advance(id, chain);
  }

  /** The head as the entity's own state tells it; a state that lies behind the records is only older. */
  head(envelope: Envelope): void {
    const { id, seq, prevHash } = envelope.chain;
    const chain = this.#chains.get(id);
    if (chain === undefined) {
      if (seq > 0 && this.#isWhole) this.#say(id, `the entity's state counts ${seq} records, the log has none`);
      return;
    }
    if (chain.isBroken || chain.ahead.size > 0) return;
    if (seq > chain.seq) return this.#say(id, `the entity's state counts ${seq} records, the log has ${chain.seq}`);
    if (seq === chain.seq && !isSame(prevHash, chain.head)) this.#say(id, `the hash of number ${seq} in the entity's state differs from that record`);
  }

  /** To be called when everything is read: what still waits has lost its predecessor. */
  finish(): void {
    for (const [id, chain] of this.#chains) {
      if (chain.ahead.size === 0) continue;
      chain.isBroken = true;
      const waiting = [...chain.ahead].sort(([left], [right]) => left - right);
      let before: readonly [seq: number, hash: Uint8Array] | null = chain.seq === 0 && !this.#isWhole ? null : [chain.seq, chain.head ?? new Uint8Array()];
      for (const [seq, link] of waiting) {
        if (before !== null) this.#compare(id, { seq, link, before });
        before = [seq, link.bodyHash];
      }
    }
  }

  #compare(id: string, at: { readonly seq: number; readonly link: Link; readonly before: readonly [seq: number, hash: Uint8Array] }): void {
    const { seq, link, before: [last, hash] } = at;
    if (seq !== last + 1) this.#say(id, `number ${seq} follows ${last}: ${seq - last - 1} missing, ${link.where}`);
    else if (!isSame(link.prevHash, hash)) this.#say(id, `number ${seq} has another hash of number ${last} than that record, ${link.where}`);
  }

  #advance(id: string, chain: ChainState): void {
    for (let next = chain.ahead.get(chain.seq + 1); next !== undefined; next = chain.ahead.get(chain.seq + 1)) {
      chain.ahead.delete(chain.seq + 1);
      if (!isSame(next.prevHash, chain.head)) this.#say(id, `number ${chain.seq + 1} has another hash of number ${chain.seq} than that record, ${next.where}`);
      chain.seq++;
      chain.head = next.bodyHash;
    }
  }

  #say(id: string, problem: string): void {
    this.#report({ invariant: 'CHAIN', instance: null, message: `chain ${id}: ${problem}` });
  }
}
