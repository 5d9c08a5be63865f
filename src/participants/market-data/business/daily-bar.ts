import { compare, type Decimal, err, isPositive, ok, parseDecimal, type Result } from '#kernel';

/** One trading day of a symbol, prices as traded (unadjusted) and the close as adjusted by the supplier. */
export type DailyBar = {
  readonly symbol: string;
  /** ISO-8601 date. */
  readonly date: string;
  readonly open: Decimal;
  readonly high: Decimal;
  readonly low: Decimal;
  readonly close: Decimal;
  readonly volume: Decimal;
  readonly adjustedClose: Decimal;
};

/** The columns, in this order. */
export const BAR_COLUMNS = ['Ticker', 'Date', 'Open', 'High', 'Low', 'Close', 'Volume', 'Adj Close'] as const;

const DATE_PATTERN = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const SYMBOL_PATTERN = /^[A-Z][A-Z0-9.]{0,9}$/;

type Figures = { readonly values: Readonly<Record<string, Decimal>>; readonly faults: readonly string[] };

const figures = (cells: readonly string[]): Figures => {
  const values: Record<string, Decimal> = {};
  const faults: string[] = [];
  for (const [at, column] of BAR_COLUMNS.entries()) {
    if (at < 2) continue;
    const parsed = parseDecimal((cells[at] ?? '').trim());
    if (!parsed.ok) faults.push(`${column}: ${parsed.fault}`);
    else if (column === 'Volume' ? parsed.value.units < 0n : !isPositive(parsed.value)) faults.push(`${column}: must be above zero`);
    else values[column] = parsed.value;
  }
  return { values, faults };
};

/** Reads one row; every fault of the row is named with its column. */
export const parseBarRow = (row: string): Result<DailyBar, readonly string[]> => {
  const cells = row.split(',');
  if (cells.length !== BAR_COLUMNS.length) return err([`row: ${BAR_COLUMNS.length} columns expected, got ${cells.length}`]);
  const [symbol = '', date = ''] = cells;
  const { values, faults: figureFaults } = figures(cells);
  const faults = [...figureFaults];
  if (!SYMBOL_PATTERN.test(symbol)) faults.push(`Ticker: ${JSON.stringify(symbol)} is no symbol`);
  if (!DATE_PATTERN.test(date)) faults.push(`Date: ${JSON.stringify(date)} is no ISO-8601 date`);
  const { Open: open, High: high, Low: low, Close: close, Volume: volume, 'Adj Close': adjustedClose } = values;
  if (open === undefined || high === undefined || low === undefined || close === undefined || volume === undefined || adjustedClose === undefined) return err(faults);
  if (compare(low, high) > 0) faults.push('Low: is above High');
  return faults.length > 0 ? err(faults) : ok({ symbol, date, open, high, low, close, volume, adjustedClose });
};

export type BarFault = { readonly line: number; readonly faults: readonly string[] };

/** Reads a whole file, header first. Rows that cannot be read are left out and told with their line, from 1. */
export const parseBars = (text: string): { readonly bars: readonly DailyBar[]; readonly faults: readonly BarFault[] } => {
  const bars: DailyBar[] = [];
  const faults: BarFault[] = [];
  for (const [index, row] of text.split(/\r?\n/).entries()) {
    if (row.trim() === '') continue;
    if (index === 0) {
      if (row !== BAR_COLUMNS.join(',')) faults.push({ line: 1, faults: [`header: must be ${BAR_COLUMNS.join(',')}`] });
      continue;
    }
    const bar = parseBarRow(row);
    if (bar.ok) bars.push(bar.value);
    else faults.push({ line: index + 1, faults: bar.fault });
  }
  return { bars, faults };
};
