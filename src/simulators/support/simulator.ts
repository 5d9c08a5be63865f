import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type AdminRoute, commonControls } from './admin-controls.ts';
import { createFaultBook, type Fault, type FaultBook, type FaultTarget } from './fault.ts';
import { createFaultPlanner, type FaultPlanner } from './fault-plan.ts';
import { createHolds, type Holds } from './holds.ts';
import { startHttpServer, type Connection, type HttpServer, type SimReply, type SimRequest } from './http-server.ts';
import { isRecord } from './json.ts';
import { createRequestLog, type LoggedRequest, type RequestLog } from './request-log.ts';

/** One endpoint of the vendor. `handle` has the effect and makes the normal answer. */
export type VendorRoute = {
  readonly name: string;
  readonly method: string;
  readonly pattern: RegExp;
  /** What the request is about, for counters and faults; the first key is the one a fault plan hashes. */
  readonly about: (request: SimRequest, parts: readonly string[]) => { readonly keys: readonly string[]; readonly symbol: string | null };
  readonly handle: (request: SimRequest, parts: readonly string[]) => SimReply;
};

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

/** A vendor on a socket: its routes, with faults, counters and the common /admin controls around them. */
export const startSimulator = async (options: SimulatorOptions): Promise<Simulator> => {
  const serving: Serving = {
    options, faults: createFaultBook(), planner: createFaultPlanner(options.mainRoute), log: createRequestLog(), holds: createHolds(),
  };
  const dropConnections = (target: string): void => {
    options.dropConnections?.(target);
    // After the answer to this very request is out.
    if (target !== 'stream') setImmediate(() => server.dropConnections());
  };
  const controls = [
    ...options.adminRoutes,
    ...commonControls({ ...serving, mainRoute: options.mainRoute, dropConnections, resetBehavior: options.resetBehavior }),
  ];
  const server = await startHttpServer({
    port: options.port,
    handle: (request, connection) =>
      request.path.startsWith('/admin/') ? Promise.resolve(control(controls, request)) : serve(serving, request, connection),
    ...(options.upgrade === undefined ? {} : { upgrade: options.upgrade }),
  });
  return {
    server,
    planner: serving.planner,
    stop: async () => {
      serving.holds.releaseAll();
      await server.stop();
    },
  };
};

type Serving = {
  readonly options: SimulatorOptions;
  readonly faults: FaultBook;
  readonly planner: FaultPlanner;
  readonly log: RequestLog;
  readonly holds: Holds;
};

const control = (controls: readonly AdminRoute[], request: SimRequest): SimReply => {
  const route = controls.find(({ method, path }) => method === request.method && path === request.path);
  return route === undefined ? { status: 404, body: { message: `no control ${request.method} ${request.path}` } } : route.handle(request);
};

const hasEffect = (fault: Fault): boolean => {
  if (fault.kind === 'none') return true;
  return fault.kind === 'answer' ? fault.effect : fault.phase === 'after_effect';
};

/** One vendor request: counted, authorised, then served as its fault says. null: no answer goes out. */
const serve = async (serving: Serving, request: SimRequest, connection: Connection): Promise<SimReply | null> => {
  const { options } = serving;
  const found = findRoute(options.routes, request);
  if (found === null) return { status: 404, body: options.errorBody(404) };
  const { route, parts } = found;
  const target: FaultTarget = { route: route.name, ...route.about(request, parts) };
  const entry = serving.log.record({ ...target, method: request.method, path: request.path });
  const refusal = options.authorize(request);
  if (refusal !== null) return settle(entry, refusal);
  // The plan is asked even when a rule decides: it counts a key's attempts.
  const planned = serving.planner.take(target);
  const fault = serving.faults.take(target) ?? options.behaviorFault(target) ?? planned;
  const normal = hasEffect(fault) ? route.handle(request, parts) : null;
  if (normal !== null) options.afterRequest?.();
  await serving.holds.hold(fault.delayMs);
  if (fault.kind === 'answer') return settle(entry, cannedReply(fault, options));
  if (fault.kind === 'none' && normal !== null) return settle(entry, normal);
  entry.outcome = fault.kind === 'drop' ? 'dropped' : 'silent';
  if (fault.kind === 'drop') connection.drop();
  return null;
};

const cannedReply = (fault: Extract<Fault, { readonly kind: 'answer' }>, options: SimulatorOptions): SimReply => {
  const reply = { status: fault.status, headers: fault.headers };
  return fault.text === null ? { ...reply, body: fault.body ?? options.errorBody(fault.status) } : { ...reply, text: fault.text };
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
