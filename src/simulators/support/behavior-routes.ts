import type { AdminRoute } from './admin-controls.ts';
import { isRecord, type JsonRecord } from './json.ts';

/** The standing behaviour of a simulator, changed while it runs. `problemWith` says what is wrong with one, or null. */
export type BehaviorHolder = {
  readonly read: () => JsonRecord;
  readonly change: (behavior: JsonRecord) => void;
  readonly initial: JsonRecord;
  readonly problemWith: (behavior: JsonRecord) => string | null;
};

/** GET, POST (merges) and DELETE (back to the initial one) of /admin/behavior. */
export const behaviorRoutes = (holder: BehaviorHolder): readonly AdminRoute[] => [
  { method: 'GET', path: '/admin/behavior', handle: () => ({ status: 200, body: holder.read() }) },
  {
    method: 'POST', path: '/admin/behavior',
    handle: ({ body }) => {
      if (!isRecord(body)) return { status: 400, body: { message: 'a behaviour is an object' } };
      const next = { ...holder.read(), ...body };
      const problem = holder.problemWith(next);
      if (problem !== null) return { status: 400, body: { message: problem } };
      holder.change(next);
      return { status: 200, body: holder.read() };
    },
  },
  {
    method: 'DELETE', path: '/admin/behavior',
    handle: () => {
      holder.change(holder.initial);
      return { status: 200, body: holder.read() };
    },
  },
];
