import {
  type ApplySplitCommand, applySplitCommand, type AssessDecisionCommand, assessDecisionCommand, type NotePositionCommand, notePositionCommand, type OrchestratorTradeRequested,
  orchestratorTradeRequested, type ReleaseExposureCommand, releaseExposureCommand,
} from '#contracts';
import { absolute, add, compare, type Decimal, divide, erase, formatDecimal, multiply, parseDecimal, ZERO } from '#kernel';
import type { AuditedRecord } from '#saga-core/testing';
import { type GivenCommand, type IsRefused, KeptCommands } from './given-command.ts';
import type { Report } from './violation.ts';

const PRICE_PLACES = 8;
export const EXPOSURES_COMMANDS = 'entities.exposures.commands';

type Held = { readonly qty: Decimal; readonly avgPrice: Decimal };
type Command =
  | { readonly kind: 'assess'; readonly cycleId: string; readonly price: Decimal; readonly where: string }
  | { readonly kind: 'release'; readonly cycleId: string }
  | { readonly kind: 'position'; readonly symbol: string; readonly held: Held }
  | { readonly kind: 'split'; readonly symbol: string; readonly date: string; readonly ratio: Decimal };
type Requested = { readonly cycleId: string; readonly instance: string | null; readonly isBuy: boolean; readonly qty: Decimal; readonly before: Decimal; readonly after: Decimal };
type Account = { readonly positions: Map<string, Held>; readonly reserved: Map<string, Decimal>; readonly splits: Set<string> };

const decimal = (text: string | null): Decimal | null => {
  const parsed = text === null ? null : parseDecimal(text);
  return parsed?.ok === true ? parsed.value : null;
};

/** What a command does to an account's exposure, by type; null: nothing, or figures that its entity refuses too. */
const READERS: Readonly<Record<string, (payload: unknown, where: string) => Command | null>> = {
  [assessDecisionCommand.name]: (payload, where) => {
    const { cycleId, limitPrice, ask } = erase<AssessDecisionCommand>(payload);
    const price = decimal(limitPrice ?? ask);
    return price === null ? null : { kind: 'assess', cycleId, price, where };
  },
  [releaseExposureCommand.name]: (payload) => ({ kind: 'release', cycleId: erase<ReleaseExposureCommand>(payload).cycleId }),
  [notePositionCommand.name]: (payload) => {
    const { symbol, qty, avgPrice } = erase<NotePositionCommand>(payload);
    return { kind: 'position', symbol, held: { qty: decimal(qty) ?? ZERO, avgPrice: decimal(avgPrice) ?? ZERO } };
  },
  [applySplitCommand.name]: (payload) => {
    const { symbol, effectiveDate, ratio } = erase<ApplySplitCommand>(payload);
    const value = decimal(ratio);
    return value === null || value.units <= 0n ? null : { kind: 'split', symbol, date: effectiveDate, ratio: value };
  },
};

const splitOf = ({ qty, avgPrice }: Held, ratio: Decimal): Held => {
  const price = divide(avgPrice, ratio, { scale: PRICE_PLACES, rounding: 'half-even' });
  return { qty: multiply(qty, ratio), avgPrice: price.ok ? price.value : avgPrice };
};

const totalOf = ({ positions, reserved }: Account, cycleId: string): Decimal => {
  let total = ZERO;
  for (const { qty, avgPrice } of positions.values()) total = add(total, absolute(multiply(qty, avgPrice)));
  for (const [owner, value] of reserved) if (owner !== cycleId) total = add(total, value);
  return total;
};

/**
 * An account's exposure once more, from the commands that its entity was given, in their order: what every granted trade says of
 * the exposure before and after it must be the sum of positions and reservations at that place.
 */
export class Exposures {
  readonly #commands = new KeptCommands<Command>(EXPOSURES_COMMANDS);
  readonly #requested = new Map<string, Requested>();
  readonly #report: Report;
  readonly #isWhole: boolean;

  /** Where retention has deleted commands the sum is not known, and nothing is compared. */
  constructor(options: { readonly report: Report; readonly isWhole: boolean }) {
    this.#report = options.report;
    this.#isWhole = options.isWhole;
  }

  add({ type, payload, envelope }: AuditedRecord): void {
    if (type !== orchestratorTradeRequested.name) return;
    const { side, qty, riskCheck } = erase<OrchestratorTradeRequested>(payload);
    const cycleId = envelope.correlationId ?? '';
    const [size, before, after] = [decimal(qty), decimal(riskCheck.exposureBefore), decimal(riskCheck.exposureAfter)];
    if (size !== null && before !== null && after !== null && !this.#requested.has(cycleId)) {
      this.#requested.set(cycleId, { cycleId, instance: envelope.correlationId, isBuy: side === 'buy', qty: size, before, after });
    }
  }

  /** In the order of the commands' partition; what went to dead letters is left out at the end. */
  command(given: GivenCommand): void {
    const command = this.#isWhole ? (READERS[given.type]?.(given.payload, `assessed by command ${given.partition}/${given.offset}`) ?? null) : null;
    if (command !== null) this.#commands.keep(given, command);
  }

  finish(isRefused: IsRefused): void {
    for (const [key, commands] of this.#commands.handled(isRefused)) {
      const account: Account = { positions: new Map(), reserved: new Map(), splits: new Set() };
      for (const command of commands) this.#apply(key, account, command);
    }
  }

  #apply(key: string, account: Account, command: Command): void {
    switch (command.kind) {
      case 'assess': return this.#assess(key, account, command);
      case 'release':
        account.reserved.delete(command.cycleId);
        return;
      case 'position':
        account.positions.set(command.symbol, command.held);
        return;
      case 'split': {
        const held = account.positions.get(command.symbol);
        const name = `${command.symbol}@${command.date}`;
        if (held !== undefined && !account.splits.has(name)) account.positions.set(command.symbol, splitOf(held, command.ratio));
        account.splits.add(name);
      }
    }
  }

  #assess(key: string, account: Account, { cycleId, price, where }: Extract<Command, { readonly kind: 'assess' }>): void {
    const requested = this.#requested.get(cycleId);
    if (requested === undefined) return;
    const before = totalOf(account, cycleId);
    const adds = requested.isBuy ? multiply(requested.qty, price) : ZERO;
    const after = add(before, adds);
    if (compare(before, requested.before) !== 0) this.#say(requested, `exposure of ${key} before the trade is told as ${formatDecimal(requested.before)}, positions and reservations come to ${formatDecimal(before)}, ${where}`);
    else if (compare(after, requested.after) !== 0) this.#say(requested, `exposure of ${key} after the trade is told as ${formatDecimal(requested.after)}, it comes to ${formatDecimal(after)}, ${where}`);
    account.reserved.set(cycleId, adds);
  }

  #say({ instance }: Requested, message: string): void {
    this.#report({ invariant: 'I6', instance, message });
  }
}
