import { expect, test } from '@jest/globals';
import { Registry } from 'prom-client';
import { erase } from '#kernel';
import type { ParticipantStatus, Worker } from '#saga-core/runtime';
import { serveWorker } from './http.ts';

const never = (): Promise<never> => Promise.reject(new Error('not asked'));

test.each([
  { what: 'live on everything it owns', tasks: { liveTasks: 2, drainingTasks: 0, isReady: true }, isStopping: false, status: 200, says: 'ready' },
  { what: 'taking over', tasks: { liveTasks: 1, drainingTasks: 0, isReady: false }, isStopping: false, status: 503, says: 'not-ready' },
  { what: 'giving partitions back', tasks: { liveTasks: 2, drainingTasks: 1, isReady: false }, isStopping: false, status: 503, says: 'draining' },
  { what: 'told to stop', tasks: { liveTasks: 2, drainingTasks: 0, isReady: true }, isStopping: true, status: 503, says: 'draining' },
])('readiness of a worker that is $what: $says', async ({ tasks, isStopping, status, says }) => {
  const one = erase<ParticipantStatus>({ participant: 'p', tasks: 2, openInstances: 0, refusals: [], ...tasks });
  const worker: Worker = { start: never, stop: never, recover: never, status: () => [one] };
  const server = await serveWorker({ port: 0, host: '127.0.0.1', worker, metrics: new Registry(), isStopping: () => isStopping });
  try {
    const response = await fetch(`${server.url}/health/ready`);
    expect([response.status, await response.json()]).toEqual([status, { status: says, participants: [expect.objectContaining({ participant: 'p', drainingTasks: tasks.drainingTasks, refusals: [] })] }]);
  } finally {
    await server.close();
  }
});
