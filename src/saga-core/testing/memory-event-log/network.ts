import type { Clock } from '#saga-core/ports';
import type { SimulatedProcess } from '../simulated-process.ts';
import type { SimulatedRandom } from '../simulated-random.ts';
import type { FaultPlan, RequestKind } from './faults.ts';

/** One way, uniform between the bounds. Different requests overtake each other within them. */
export type Latency = { readonly minMs: number; readonly maxMs: number };

export type Call<Answer> = {
  readonly kind: RequestKind;
  readonly subject: string;
  readonly from: SimulatedProcess;
  readonly timeoutMs: number;
  /** Runs at the broker when the request arrives. */
  readonly serve: () => Answer | Promise<Answer>;
};

export type Reply<Answer> = { readonly status: 'answered'; readonly answer: Answer } | { readonly status: 'lost' };

export type Network = { readonly request: <Answer>(call: Call<Answer>) => Promise<Reply<Answer>> };

export type NetworkOptions = { readonly clock: Clock; readonly random: SimulatedRandom; readonly faults: FaultPlan; readonly latency: Latency };

const isPromise = <Answer>(value: Answer | Promise<Answer>): value is Promise<Answer> => value instanceof Promise;

/** Carries requests and answers with random delay, and loses or holds up what the fault plan says. */
export const createNetwork = (options: NetworkOptions): Network => {
  const { clock, random, faults, latency } = options;
  const delayMs = (): number => random.between(latency.minMs, latency.maxMs);
  const request = <Answer>(call: Call<Answer>): Promise<Reply<Answer>> =>
    new Promise((resolve) => {
      const verdict = faults.onRequest({ kind: call.kind, client: call.from.name, subject: call.subject });
      const cancelTimeout = call.from.clock.after(call.timeoutMs, () => resolve({ status: 'lost' }));
      if (verdict === 'lose-request') return;
      const answer = (value: Answer): void => {
        if (verdict === 'lose-answer') return;
        clock.after(delayMs(), () =>
          call.from.enter(() => {
            cancelTimeout();
            resolve({ status: 'answered', answer: value });
          }),
        );
      };
      clock.after(delayMs() + (typeof verdict === 'object' ? verdict.delayMs : 0), () => {
        const served = call.serve();
        if (isPromise(served)) void served.then(answer);
        else answer(served);
      });
    });
  return { request };
};
