import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createFaultBook, type Fault, type FaultTarget } from './fault.ts';
import { createFaultPlanner, parseFaultPlan, type FaultPlanner } from './fault-plan.ts';
import { startHttpServer, type Connection, type HttpServer, type SimReply, type SimRequest } from './http-server.ts';
import { arrayOf, isRecord, recordOf, textOf } from './json.ts';
import { createRequestLog, type LoggedRequest } from './request-log.ts';

/** One endpoint of the vendor. `handle` has the effect and makes the normal answer. */
export type VendorRoute = {
  readonly name: string;
  readonly method: string;
  readonly pattern: RegExp;
  /** What the request is about, for counters and faults; the first key is the one a fault plan hashes. */
  readonly about: (request: SimRequest, parts: readonly string[]) => { readonly keys: readonly string[]; readonly symbol: string | null };
  readonly handle: (request: SimRequest, parts: readonly string[]) => SimReply;
};

/** Endpoint of the vendor's own controls, below /admin. */
export type AdminRoute = { readonly method: string; readonly path: string; readonly handle: (request: SimRequest) => SimReply };

export type SimulatorOptions = {
  readonly port: number;
  /** The route a fault plan applies to unless it names others. */
  readonly mainRoute: string;
  readonly routes: readonly VendorRoute[];
  readonly adminRoutes: readonly AdminRoute[];
  /** Refuses a request for its credentials; null: let it in. Runs before faults. */
  readonly authorize: (request: SimRequest) => SimReply | null;
  readonly errorBody: (status: number) => unknown;
  /** The standing behaviour's fault for a request; null: none. */
  readonly behaviorFault: (target: FaultTarget) => Fault | null;
  readonly resetBehavior: () => void;
  readonly dropConnections?: (target: string) => void;
  readonly afterRequest?: () => void;
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
};

export type Simulator = {
  readonly server: HttpServer;
  readonly planner: FaultPlanner;
  readonly stop: () => Promise<void>;
};

const OK: SimReply = { status: 200, body: { ok: true } };
const badRequest = (message: string): SimReply => ({ status: 400, body: { message } });

/** A vendor on a socket: its routes, with faults, counters and the common /admin controls around them. */
export const startSimulator = async (options: SimulatorOptions): Promise<Simulator> => {
  const book = createFaultBook();
  const planner = createFaultPlanner(options.mainRoute);
  const log = createRequestLog();
  const pending = new Set<() => void>();
  let server: HttpServer | null = null;

  const hold = (delayMs: number): Promise<void> => {
    if (delayMs === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        pending.delete(finish);
        resolve();
      };
      const timer = setTimeout(finish, delayMs);
      pending.add(finish);
    });
  };

  const commonAdmin: readonly AdminRoute[] = [
    {
      method: 'GET', path: '/admin/requests',
      handle: ({ query }) => ({ status: 200, body: log.report({ route: query.get('route'), key: query.get('key'), symbol: query.get('symbol') }) }),
    },
    { method: 'DELETE', path: '/admin/requests', handle: () => (log.clear(), OK) },
    { method: 'GET', path: '/admin/faults', handle: () => ({ status: 200, body: { rules: book.list() } }) },
    { method: 'DELETE', path: '/admin/faults', handle: () => (book.clear(), OK) },
    {
      method: 'POST', path: '/admin/faults',
      handle: ({ body }) => {
        const rules = Array.isArray(body) ? arrayOf(body) : [body];
        return rules.every((rule) => book.add(rule)) ? OK : badRequest('a rule is {route?, key?, symbol?, times?, fault}');
      },
    },
    {
      method: 'POST', path: '/admin/queue',
      handle: ({ body }) => {
        const queue = recordOf(body);
        const route = textOf(queue['route']) ?? options.mainRoute;
        const added = arrayOf(queue['answers']).every((fault) => book.add({ route, key: queue['key'], symbol: queue['symbol'], times: 1, fault }));
        return added ? OK : badRequest('a queue is {route?, key?, answers: [status or fault, …]}');
      },
    },
    { method: 'GET', path: '/admin/fault-plan', handle: () => ({ status: 200, body: planner.report() }) },
    { method: 'DELETE', path: '/admin/fault-plan', handle: () => (planner.install(null), OK) },
    {
      method: 'PUT', path: '/admin/fault-plan',
      handle: ({ body }) => {
        const plan = parseFaultPlan(body);
        if (typeof plan === 'string') return badRequest(plan);
        planner.install(plan);
        return OK;
      },
    },
    {
      method: 'POST', path: '/admin/drop',
      handle: ({ body }) => {
        const target = textOf(recordOf(body)['target']) ?? 'all';
        options.dropConnections?.(target);
        // After this very answer is out.
        if (target !== 'stream') setImmediate(() => server?.dropConnections());
        return OK;
      },
    },
    {
      method: 'POST', path: '/admin/reset',
      handle: () => {
        book.clear();
        planner.install(null);
        log.clear();
        options.resetBehavior();
        return OK;
      },
    },
  ];
  const adminRoutes = [...options.adminRoutes, ...commonAdmin];

  const admin = (request: SimRequest): SimReply => {
    const route = adminRoutes.find((candidate) => candidate.method === request.method && candidate.path === request.path);
    return route === undefined ? { status: 404, body: { message: `no control ${request.method} ${request.path}` } } : route.handle(request);
  };

  const vendor = async (request: SimRequest, connection: Connection): Promise<SimReply | null> => {
    const found = findRoute(options.routes, request);
    if (found === null) return { status: 404, body: options.errorBody(404) };
    const { route, parts } = found;
    const about = route.about(request, parts);
    const entry = log.record({ route: route.name, method: request.method, path: request.path, ...about });
    const refusal = options.authorize(request);
    if (refusal !== null) return settle(entry, refusal);
    const target: FaultTarget = { route: route.name, ...about };
    const planned = planner.take(target);
    const fault = book.take(target) ?? options.behaviorFault(target) ?? planned;
    const hasEffect = fault.kind === 'none' || (fault.kind === 'answer' ? fault.effect : fault.phase === 'after_effect');
    const normal = hasEffect ? route.handle(request, parts) : null;
    if (hasEffect) options.afterRequest?.();
    await hold(fault.delayMs);
    switch (fault.kind) {
      case 'none':
        return settle(entry, normal ?? { status: 500, body: options.errorBody(500) });
      case 'answer': {
        const reply = { status: fault.status, headers: fault.headers };
        if (fault.text !== null) return settle(entry, { ...reply, text: fault.text });
        return settle(entry, { ...reply, body: fault.body ?? options.errorBody(fault.status) });
      }
      case 'drop':
        entry.outcome = 'dropped';
        connection.drop();
        return null;
      case 'silent':
        entry.outcome = 'silent';
        return null;
    }
  };

  server = await startHttpServer({
    port: options.port,
    handle: (request, connection) =>
      request.path.startsWith('/admin/') ? Promise.resolve(admin(request)) : vendor(request, connection),
    ...(options.upgrade === undefined ? {} : { upgrade: options.upgrade }),
  });
  const running = server;
  return {
    server: running,
    planner,
    stop: async () => {
      for (const finish of [...pending]) finish();
      await running.stop();
    },
  };
};

const settle = (entry: LoggedRequest, reply: SimReply): SimReply => {
  entry.outcome = reply.status;
  return reply;
};

const findRoute = (
  routes: readonly VendorRoute[],
  request: SimRequest,
): { readonly route: VendorRoute; readonly parts: readonly string[] } | null => {
  for (const route of routes) {
    if (route.method !== request.method) continue;
    const match = route.pattern.exec(request.path);
    if (match !== null) return { route, parts: match.slice(1).map((part) => decodeURIComponent(part ?? '')) };
  }
  return null;
};

/** The standing behaviour that every simulator knows: {should_drop_connection, drop_phase, delay_millis}. */
export const commonBehaviorFault = (behavior: unknown): Fault | null => {
  if (!isRecord(behavior)) return null;
  const delayMs = typeof behavior['delay_millis'] === 'number' ? behavior['delay_millis'] : 0;
  if (behavior['should_drop_connection'] === true) {
    return { kind: 'drop', phase: behavior['drop_phase'] === 'before_effect' ? 'before_effect' : 'after_effect', delayMs };
  }
  return delayMs > 0 ? { kind: 'none', delayMs } : null;
};
