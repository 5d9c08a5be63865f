import type { Journal } from './journal.ts';

/** Where progress goes: standard error, so that standard output holds results only. */
export type Screen = { readonly isTerminal: boolean; readonly write: (text: string) => void };
export const standardError: Screen = { isTerminal: process.stderr.isTTY === true, write: (text) => void process.stderr.write(text) };

const EVERY_TERMINAL_MS = 500;
const EVERY_LOG_MS = 5_000;
const RATE_WINDOW_MS = 5_000;
const MILLIS = 1_000;

export type ProgressOptions = { readonly screen: Screen; readonly journal: Journal; readonly total: number; readonly lag: () => Promise<number> };

const clockOf = (seconds: number): string => `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

/** The live line: sagas by state, rate, lag. One line in a terminal, one now and then elsewhere. Returns what ends it. */
export const showProgress = ({ screen, journal, total, lag }: ProgressOptions): (() => void) => {
  const begunMs = performance.now();
  const samples: { readonly atMs: number; readonly ended: number }[] = [{ atMs: begunMs, ended: 0 }];
  let lagRecords: number | null = null;
  let isAsking = false;
  const show = (): void => {
    if (!isAsking) {
      isAsking = true;
      // A broker that does not answer costs the display, not the run.
      lag().then((records) => { lagRecords = records; }, () => { lagRecords = null; }).finally(() => { isAsking = false; });
    }
    const nowMs = performance.now();
    const ended = journal.completed + journal.failed;
    samples.push({ atMs: nowMs, ended });
    while (samples.length > 2 && nowMs - (samples[0]?.atMs ?? 0) > RATE_WINDOW_MS) samples.shift();
    const first = samples[0] ?? { atMs: begunMs, ended: 0 };
    const rate = (ended - first.ended) / Math.max(0.001, (nowMs - first.atMs) / MILLIS);
    const { running, compensating, manual_required: manual } = journal.phases();
    const line = `${clockOf((nowMs - begunMs) / MILLIS)}  ${ended}/${total} sagas  running ${running}  compensating ${compensating}  completed ${journal.completed}  failed ${journal.failed}`
      + `${manual > 0 ? `  waiting for a person ${manual}` : ''}  ${rate.toFixed(1)}/s  lag ${lagRecords ?? '?'}  orders ${journal.orders}  fills ${journal.fills}`;
    screen.write(screen.isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
  };
  const timer = setInterval(show, screen.isTerminal ? EVERY_TERMINAL_MS : EVERY_LOG_MS);
  return () => {
    clearInterval(timer);
    show();
    if (screen.isTerminal) screen.write('\n');
  };
};
