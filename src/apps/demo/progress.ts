import type { Journal } from './journal.ts';
import { progressLine, rateOf, type Sample, withSample } from './progress-line.ts';

/** Where progress goes: standard error, so that standard output holds results only. */
export type Screen = { readonly isTerminal: boolean; readonly write: (text: string) => void };
export const standardError: Screen = { isTerminal: process.stderr.isTTY === true, write: (text) => void process.stderr.write(text) };

const EVERY_TERMINAL_MS = 500;
const EVERY_LOG_MS = 5_000;

export type ProgressOptions = { readonly screen: Screen; readonly journal: Journal; readonly total: number; readonly lag: () => Promise<number> };

/** The live line: sagas by state, rate, lag. One line in a terminal, one now and then elsewhere. Returns what ends it. */
export const showProgress = ({ screen, journal, total, lag }: ProgressOptions): (() => void) => {
  const begunMs = performance.now();
  let samples: readonly Sample[] = [{ atMs: begunMs, ended: 0 }];
  let lagRecords: number | null = null;
  let isAsking = false;
  const show = (): void => {
    if (!isAsking) {
      isAsking = true;
      // A broker that does not answer costs the display, not the run.
      lag().then((records) => { lagRecords = records; }, () => { lagRecords = null; }).finally(() => { isAsking = false; });
    }
    const nowMs = performance.now();
    const { completed, failed, orders, fills } = journal;
    samples = withSample(samples, { atMs: nowMs, ended: completed + failed });
    const line = progressLine({ elapsedMs: nowMs - begunMs, total, completed, failed, phases: journal.phases(), rate: rateOf(samples), lagRecords, orders, fills });
    screen.write(screen.isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
  };
  const timer = setInterval(show, screen.isTerminal ? EVERY_TERMINAL_MS : EVERY_LOG_MS);
  return () => {
    clearInterval(timer);
    show();
    if (screen.isTerminal) screen.write('\n');
  };
};
