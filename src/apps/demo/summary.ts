import { createHash } from 'node:crypto';
import { add, formatDecimal, knownDecimal, multiply, round, subtract } from '#kernel';
import type { BarFault } from '#participants/market-data';
import type { Journal, SymbolJournal } from './journal.ts';
import type { Series } from './market.ts';
import { lastCloses, playedOf, type ReplayCounts } from './replay.ts';
import type { Watch } from './watch.ts';

/** How one symbol did. Decimal texts, in the account's currency. */
export type SymbolSummary = {
  readonly symbol: string;
  readonly bars: number;
  readonly decisions: number;
  /** Submitted; refused ones are none. */
  readonly orders: number;
  readonly fills: number;
  readonly position: { readonly qty: string; readonly avgPrice: string };
  readonly lastClose: string;
  readonly realizedPnl: string;
  /** Open positions are valued at the last close. */
  readonly unrealizedPnl: string;
  /** Of decisions, orders and fills in their order: the same seed gives the same one. */
  readonly digest: string;
};

export type AuditSummary = { readonly isClean: boolean; readonly records: number; readonly problems: readonly string[] };

/** What a run came to. */
export type RunSummary = {
  readonly namespace: string;
  readonly seed: string;
  readonly seconds: number;
  readonly sagasPerSecond: number;
  readonly cycles: { readonly played: number; readonly refused: number; readonly byOutcome: Readonly<Record<string, number>>; readonly failures: Readonly<Record<string, number>> };
  readonly sagas: { readonly started: number; readonly completed: number; readonly failed: number; readonly manualRequired: number; readonly open: number };
  readonly decisions: number;
  readonly orders: number;
  readonly fills: number;
  readonly splits: number;
  /** Splits that found shares held. */
  readonly splitHoldings: number;
  /** What the vendors did wrong, as their simulators counted it: by vendor and status, `dropped` for a lost answer. */
  readonly vendorFaults: Readonly<Record<string, number>>;
  readonly fallbacks: Readonly<Record<string, number>>;
  readonly retries: Readonly<Record<string, number>>;
  readonly rejections: Readonly<Record<string, number>>;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly symbols: readonly SymbolSummary[];
  readonly badRows: readonly string[];
  readonly interestingSaga: string | null;
  /** null: the run was interrupted. */
  readonly audit: AuditSummary | null;
};

export type SummaryInput = {
  readonly namespace: string;
  readonly seed: string;
  readonly seconds: number;
  readonly series: readonly Series[];
  readonly badRows: readonly BarFault[];
  readonly journal: Journal;
  readonly counts: ReplayCounts;
  readonly watch: Pick<Watch, 'stateOf'>;
  readonly audit: AuditSummary | null;
  readonly vendorFaults: Readonly<Record<string, number>>;
};

const CENTS = 2;
const DIGEST_CHARACTERS = 16;
const money = (text: string): string => formatDecimal(round(knownDecimal(text), CENTS, 'half-even'));

/** By nearest rank: the least of the values that at least this share of them does not exceed; 0 of none. */
export const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
};

const digestOf = ({ decisions, orders, fills }: SymbolJournal): string =>
  createHash('sha256').update(JSON.stringify([decisions, orders, fills])).digest('hex').slice(0, DIGEST_CHARACTERS);

const symbolSummary = ({ symbol, bars }: Series, input: SummaryInput, lastClose: string): SymbolSummary => {
  const journal = input.journal.symbol(symbol);
  const position = input.watch.stateOf(symbol)?.position ?? { qty: '0', avgPrice: '0' };
  const unrealized = multiply(knownDecimal(position.qty), subtract(knownDecimal(lastClose), knownDecimal(position.avgPrice)));
  return {
    symbol, bars: bars.length, decisions: journal.decisions.length, orders: journal.submittedCount, fills: journal.fills.length,
    position: { qty: position.qty, avgPrice: position.avgPrice }, lastClose,
    realizedPnl: money(formatDecimal(journal.realizedPnl)), unrealizedPnl: money(formatDecimal(unrealized)), digest: digestOf(journal),
  };
};

export const summaryOf = (input: SummaryInput): RunSummary => {
  const { journal, counts } = input;
  const series = playedOf(input.series, counts);
  const phases = journal.phases();
  const closes = lastCloses(series);
  return {
    namespace: input.namespace, seed: input.seed, seconds: Math.round(input.seconds * 10) / 10, sagasPerSecond: Math.round((journal.latenciesMs.length / Math.max(0.001, input.seconds)) * 10) / 10,
    cycles: { played: counts.published, refused: counts.refused, byOutcome: Object.fromEntries(journal.outcomes), failures: Object.fromEntries(journal.failures) },
    sagas: { started: journal.started, completed: journal.completed, failed: journal.failed, manualRequired: phases.manual_required, open: phases.running + phases.compensating },
    decisions: journal.decisions, orders: journal.orders, fills: journal.fills, splits: counts.splits, splitHoldings: counts.splitHoldings,
    vendorFaults: input.vendorFaults, fallbacks: Object.fromEntries(journal.fallbacks), retries: Object.fromEntries(journal.retries), rejections: Object.fromEntries(journal.rejections),
    latencyMs: { p50: quantile(journal.latenciesMs, 0.5), p95: quantile(journal.latenciesMs, 0.95), p99: quantile(journal.latenciesMs, 0.99) },
    symbols: series.map((one) => symbolSummary(one, input, closes.get(one.symbol) ?? '0')),
    badRows: input.badRows.map(({ line, faults }) => `line ${line}: ${faults.join('; ')}`),
    interestingSaga: journal.interestingSaga, audit: input.audit,
  };
};

const listed = (counts: Readonly<Record<string, number>>): string => {
  const entries = Object.entries(counts);
  return entries.length === 0 ? 'none' : entries.map(([name, count]) => `${count} ${name.replaceAll('_', ' ')}`).join(', ');
};
const grouped = (text: string): string => text.replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ',');

const symbolTable = (symbols: readonly SymbolSummary[]): readonly string[] => {
  const header = ['symbol', 'days', 'orders', 'fills', 'position', 'average', 'last close', 'realised', 'open', 'digest'];
  const rows = symbols.map((one) => [
    one.symbol, String(one.bars), String(one.orders), String(one.fills), one.position.qty, money(one.position.avgPrice), one.lastClose, grouped(one.realizedPnl), grouped(one.unrealizedPnl), one.digest,
  ]);
  const sum = (read: (one: SymbolSummary) => string): string => grouped(formatDecimal(symbols.reduce((total, one) => add(total, knownDecimal(read(one))), knownDecimal('0'))));
  const count = (read: (one: SymbolSummary) => number): string => String(symbols.reduce((total, one) => total + read(one), 0));
  const totals = ['all', count((one) => one.bars), count((one) => one.orders), count((one) => one.fills), '', '', '', sum((one) => one.realizedPnl), sum((one) => one.unrealizedPnl), ''];
  const all = [header, ...rows, totals];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => `  ${row.map((cell, column) => (column === 0 || column === row.length - 1 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')}`.trimEnd());
};

/** The summary as people read it. */
export const renderSummary = (summary: RunSummary): string => {
  const { sagas, cycles, latencyMs, audit } = summary;
  return [
    '',
    `${cycles.played} trading days replayed in ${summary.seconds} s (${summary.sagasPerSecond} sagas a second), seed ${summary.seed}`,
    '',
    `  sagas      ${sagas.completed} completed, ${sagas.failed} failed and compensated${sagas.manualRequired > 0 ? `, ${sagas.manualRequired} wait for a person` : ''}${sagas.open > 0 ? `, ${sagas.open} still open` : ''}`,
    `  cycles     ${listed(cycles.byOutcome)}${cycles.refused > 0 ? `; ${cycles.refused} quotes began none` : ''}`,
    `  latency    p50 ${latencyMs.p50} ms, p95 ${latencyMs.p95} ms, p99 ${latencyMs.p99} ms, from a cycle's start to its end`,
    `  trading    ${summary.decisions} decisions, ${summary.orders} orders, ${summary.fills} fills, ${summary.splits} splits, ${summary.splitHoldings} of them of shares held`,
    `  faults     ${listed(summary.vendorFaults)}`,
    `  fallbacks  ${listed(summary.fallbacks)}`,
    `  retries    ${listed(summary.retries)}`,
    `  refusals   ${listed(summary.rejections)}`,
    ...(summary.badRows.length === 0 ? [] : [`  bad rows   ${summary.badRows.length}: ${summary.badRows.slice(0, 5).join(' | ')}`]),
    ...(audit === null ? [] : [`  audit      ${audit.isClean ? `clean: every invariant holds over ${audit.records} records` : `${audit.problems.length} problems: ${audit.problems.slice(0, 5).join(' | ')}`}`]),
    '',
    ...symbolTable(summary.symbols),
    '',
  ].join('\n');
};
