/** Every kind of request that a client sends to the broker. */
export type RequestKind =
  | 'init-producer-id'
  | 'produce'
  | 'txn-offset-commit'
  | 'end-txn'
  | 'fetch'
  | 'join-group'
  | 'heartbeat'
  | 'leave-group'
  | 'offset-fetch'
  | 'list-offsets'
  | 'metadata';

/** `subject` is the transactional id, the group, or `topic/partition`; `client` the name of the asking process. */
export type FaultyRequest = { readonly kind: RequestKind; readonly client: string; readonly subject: string };

/**
 * What becomes of a request. A lost request never reaches the broker; with a lost answer the broker has done what was
 * asked; a delayed one arrives so much later, even if its sender has given it up or is dead by then.
 */
export type Verdict = 'deliver' | 'lose-request' | 'lose-answer' | { readonly delayMs: number };

/** Decides what becomes of each request. */
export type FaultPlan = { readonly onRequest: (request: FaultyRequest) => Verdict };

/** Every request is delivered and answered. */
export const noFaults: FaultPlan = { onRequest: () => 'deliver' };
