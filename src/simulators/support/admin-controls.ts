import type { FaultBook } from './fault.ts';
import { parseFaultPlan, type FaultPlanner } from './fault-plan.ts';
import type { SimReply, SimRequest } from './http-server.ts';
import { arrayOf, recordOf, textOf } from './json.ts';
import type { RequestLog } from './request-log.ts';

/** One control below /admin. */
export type AdminRoute = { readonly method: string; readonly path: string; readonly handle: (request: SimRequest) => SimReply };

export type ControlContext = {
  readonly faults: FaultBook;
  readonly planner: FaultPlanner;
  readonly log: RequestLog;
  /** The route a queue goes to unless it names one. */
  readonly mainRoute: string;
  /** `http`, `stream` or `all`. */
  readonly dropConnections: (target: string) => void;
  readonly resetBehavior: () => void;
};

const OK: SimReply = { status: 200, body: { ok: true } };
const badRequest = (message: string): SimReply => ({ status: 400, body: { message } });
const done = (action: () => void) => (): SimReply => {
  action();
  return OK;
};

/** The controls that every simulator has (docs/reference/simulators.md). */
export const commonControls = (context: ControlContext): readonly AdminRoute[] => [
  ...requestControls(context),
  ...faultControls(context),
  ...planControls(context),
  {
    method: 'POST', path: '/admin/drop',
    handle: ({ body }) => {
      context.dropConnections(textOf(recordOf(body)['target']) ?? 'all');
      return OK;
    },
  },
  {
    method: 'POST', path: '/admin/reset',
    handle: done(() => {
      context.faults.clear();
      context.planner.install(null);
      context.log.clear();
      context.resetBehavior();
    }),
  },
];

const requestControls = ({ log }: ControlContext): readonly AdminRoute[] => [
  {
    method: 'GET', path: '/admin/requests',
    handle: ({ query }) => ({ status: 200, body: log.report({ route: query.get('route'), key: query.get('key'), symbol: query.get('symbol') }) }),
  },
  { method: 'DELETE', path: '/admin/requests', handle: done(log.clear) },
];

const faultControls = ({ faults, mainRoute }: ControlContext): readonly AdminRoute[] => [
  { method: 'GET', path: '/admin/faults', handle: () => ({ status: 200, body: { rules: faults.list() } }) },
  { method: 'DELETE', path: '/admin/faults', handle: done(faults.clear) },
  {
    method: 'POST', path: '/admin/faults',
    handle: ({ body }) => {
      const rules = Array.isArray(body) ? arrayOf(body) : [body];
      return rules.every(faults.add) ? OK : badRequest('a rule is {route?, key?, symbol?, times?, fault}');
    },
  },
  {
    method: 'POST', path: '/admin/queue',
    handle: ({ body }) => {
      const { route, key, symbol, answers } = recordOf(body);
      const isAdded = arrayOf(answers).every((fault) => faults.add({ route: textOf(route) ?? mainRoute, key, symbol, times: 1, fault }));
      return isAdded ? OK : badRequest('a queue is {route?, key?, answers: [status or fault, …]}');
    },
  },
];

const planControls = ({ planner }: ControlContext): readonly AdminRoute[] => [
  { method: 'GET', path: '/admin/fault-plan', handle: () => ({ status: 200, body: planner.report() }) },
  { method: 'DELETE', path: '/admin/fault-plan', handle: done(() => planner.install(null)) },
  {
    method: 'PUT', path: '/admin/fault-plan',
    handle: ({ body }) => {
      const plan = parseFaultPlan(body);
      if (typeof plan === 'string') return badRequest(plan);
      planner.install(plan);
      return OK;
    },
  },
];
