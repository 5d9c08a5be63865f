import { expect, test } from '@jest/globals';
import { formatDecimal, knownDecimal as d } from '#kernel';
import { type DailyBar, parseBarRow, parseBars } from './daily-bar.ts';
import { epochDayOf, quoteEventIdOf, quotesOfBar } from './quotes.ts';
import { splitAdjustedBars, splitAdjustedCloses, splitBetween, splitsOf } from './splits.ts';

const bar = (row: string): DailyBar => {
  const parsed = parseBarRow(row);
  if (!parsed.ok) throw new Error(parsed.fault.join());
  return parsed.value;
};

test('a row is read with every column', () => {
  expect(bar('AAPL,2000-03-01,118.56,132.06,118.5,130.31,9616100,4.186662803811')).toEqual({
    symbol: 'AAPL', date: '2000-03-01', open: d('118.56'), high: d('132.06'), low: d('118.5'), close: d('130.31'), volume: d('9616100'), adjustedClose: d('4.186662803811'),
  });
});

test.each([
  ['row', 'AAPL,2000-03-01,1,2'], ['Ticker', 'aapl,2000-03-01,1,2,1,1,1,1'], ['Date', 'AAPL,2000-13-01,1,2,1,1,1,1'], ['Open', 'AAPL,2000-03-01,,2,1,1,1,1'],
  ['Close', 'AAPL,2000-03-01,1,2,1,0,1,1'], ['Low', 'AAPL,2000-03-01,1,2,3,1,1,1'], ['Adj Close', 'AAPL,2000-03-01,1,2,1,1,1,nan'],
])('a fault in %s is named', (column, row) => {
  const parsed = parseBarRow(row);
  expect(parsed.ok ? [] : parsed.fault.filter((fault) => fault.startsWith(`${column}:`))).toHaveLength(1);
});

test('bad rows are left out and told with their line', () => {
  const { bars, faults } = parseBars('Ticker,Date,Open,High,Low,Close,Volume,Adj Close\nAAPL,2000-03-01,1,2,1,1,1,1\nrubbish\n');
  expect(bars).toHaveLength(1);
  expect(faults).toMatchObject([{ line: 3 }]);
});

test('a bar is four quotes in the documented order, spread outwards to whole cents', () => {
  const quotes = quotesOfBar(bar('AAPL,2000-03-01,118.56,132.06,118.5,130.31,9616100,4.18'));
  expect(quotes.map(({ barPoint, last, bid, ask }) => [barPoint, last, bid, ask])).toEqual([
    ['open', '118.56', '118.54', '118.58'], ['low', '118.5', '118.48', '118.52'], ['high', '132.06', '132.04', '132.08'], ['close', '130.31', '130.29', '130.33'],
  ]);
  expect(quotes.map(({ quoteTime }) => new Date(quoteTime).toISOString())).toEqual(['2000-03-01T14:30:00.000Z', '2000-03-01T16:30:00.000Z', '2000-03-01T18:30:00.000Z', '2000-03-01T21:00:00.000Z']);
  expect(quoteEventIdOf({ symbol: 'AAPL', date: '2000-03-01' }, 'close')).toBe('q-AAPL-2000-03-01-close');
});

test.each(['1970-01-01', '2000-02-29', '2000-03-01', '2013-03-01', '1969-12-31', '2100-03-01'])('%s is the day the calendar says', (date) => {
  expect(epochDayOf(date)).toBe(Date.parse(`${date}T00:00:00Z`) / 86_400_000);
});

// Rows of the data set around its real events.
const SPLIT_2000 = [bar('AAPL,2000-06-20,98.5,103.94,98.37,101.25,4476700,3.2530090467797'), bar('AAPL,2000-06-21,50.5,56.94,50.31,55.63,4375000,3.5746151757502')] as const;
const SPLIT_2005 = [bar('AAPL,2005-02-25,89.62,89.91,88.19,88.99,16348400,5.7182276557615'), bar('AAPL,2005-02-28,44.68,45.14,43.96,44.86,11635900,5.7651352430039')] as const;
const SPLIT_2003 = [bar('MSFT,2003-02-14,47.25,48.5,46.77,48.3,45223200,16.076442938105'), bar('MSFT,2003-02-18,24.62,24.99,24.4,24.96,28707750,16.61565282547')] as const;
const DIVIDEND_2004 = [bar('MSFT,2004-11-12,30.16,30.2,29.8,29.97,162269000,20.185104962165'), bar('MSFT,2004-11-15,27.35,27.5,27.2,27.39,104468000,20.521860133372')] as const;
const CRASH_2000 = [bar('AAPL,2000-09-28,49.31,53.81,48.13,53.5,17492600,3.4377478321524'), bar('AAPL,2000-09-29,28.19,29.0,25.37,25.75,132529300,1.6546169472509')] as const;

test('the three 2:1 splits are seen overnight', () => {
  expect([SPLIT_2000, SPLIT_2003, SPLIT_2005].map((days) => splitBetween(...days))).toEqual([
    { symbol: 'AAPL', effectiveDate: '2000-06-21', ratio: d('2') }, { symbol: 'MSFT', effectiveDate: '2003-02-18', ratio: d('2') }, { symbol: 'AAPL', effectiveDate: '2005-02-28', ratio: d('2') },
  ]);
});

test('an 11 % dividend is no split, nor is a fall by half', () => {
  expect([splitBetween(...DIVIDEND_2004), splitBetween(...CRASH_2000)]).toEqual([null, null]);
});

test('adjusted for splits, no overnight halving is left, and the last day is as traded', () => {
  const days = [...SPLIT_2000, ...SPLIT_2005];
  expect(splitsOf(days).map((split) => split.effectiveDate)).toEqual(['2000-06-21', '2005-02-28']);
  expect(splitAdjustedCloses(days).map(formatDecimal)).toEqual(['25.3125', '27.815', '44.495', '44.86']);
  expect(splitsOf(splitAdjustedBars(days))).toEqual([]);
});
