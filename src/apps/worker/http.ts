import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import type { ParticipantStatus, Worker } from '#saga-core/runtime';
import { type HttpServer, serveHttp } from './http-server.ts';

export type WorkerHttpOptions = {
  /** 0: any free one. */
  readonly port: number;
  /** Only loopback is safe where strangers reach the machine: the admin messages have no password of their own. */
  readonly host: string;
  readonly worker: Worker;
  readonly metrics: Registry;
  readonly isStopping: () => boolean;
};

type Answer = { readonly status: number; readonly type: string; readonly body: string };
const json = (status: number, value: unknown): Answer => ({ status, type: 'application/json', body: `${JSON.stringify(value)}\n` });
const problem = (status: number, title: string, detail: string): Answer =>
  ({ status, type: 'application/problem+json', body: `${JSON.stringify({ type: 'about:blank', title, status, detail })}\n` });

const isReady = (statuses: readonly ParticipantStatus[]): boolean => statuses.length > 0 && statuses.every(({ isReady: isOne }) => isOne);

const admin = async (message: string, participant: string, worker: Worker): Promise<Answer> => {
  const status = worker.status().find((candidate) => candidate.participant === participant);
  if (status === undefined) return problem(404, 'No such participant', `${participant} does not run here; there are ${worker.status().map((each) => each.participant).join(', ')}`);
  if (message === 'stats') return json(200, status);
  return json(200, { participant, recovered: await worker.recover(participant) });
};

const PARTICIPANT_MESSAGE = /^\/participants\/([a-z0-9-]+)\/(recover|stats)$/;

const readiness = ({ worker, isStopping }: WorkerHttpOptions): Answer => {
  const statuses = worker.status();
  const isDraining = isStopping() || statuses.some(({ drainingTasks }) => drainingTasks > 0);
  const status = isDraining ? 'draining' : isReady(statuses) ? 'ready' : 'not-ready';
  return json(status === 'ready' ? 200 : 503, { status, participants: statuses.map(({ participant, tasks, liveTasks, drainingTasks, refusals }) => ({ participant, tasks, liveTasks, drainingTasks, refusals })) });
};

const PAGES: Readonly<Record<string, (options: WorkerHttpOptions) => Answer | Promise<Answer>>> = {
  '/health/live': () => json(200, { status: 'live' }),
  '/health/ready': readiness,
  '/metrics': async ({ metrics }) => ({ status: 200, type: metrics.contentType, body: await metrics.metrics() }),
  '/participants': ({ worker }) => json(200, worker.status()),
};

const answerOf = async (request: IncomingMessage, options: WorkerHttpOptions): Promise<Answer> => {
  const { pathname: path } = new URL(request.url ?? '/', 'http://worker');
  const [, participant = '', message = ''] = PARTICIPANT_MESSAGE.exec(path) ?? [];
  const wanted = message === 'recover' ? 'POST' : 'GET';
  if (request.method !== wanted) return problem(405, 'Method not allowed', `${path} wants ${wanted}`);
  if (message !== '') return admin(message, participant, options.worker);
  const page = Object.hasOwn(PAGES, path) ? PAGES[path] : undefined;
  return page === undefined ? problem(404, 'No such page', `${path}; there are ${Object.keys(PAGES).join(', ')}, /participants/NAME/stats and /participants/NAME/recover`) : page(options);
};

const send = (response: ServerResponse, answer: Answer): void => {
  response.writeHead(answer.status, { 'content-type': answer.type });
  response.end(answer.body);
};

/** Health, metrics and the admin messages of one worker. */
export const serveWorker = (options: WorkerHttpOptions): Promise<HttpServer> =>
  serveHttp((request, response) => {
    answerOf(request, options).then((answer) => send(response, answer), (error: unknown) => send(response, problem(500, 'Not answered', String(error))));
  }, options);
