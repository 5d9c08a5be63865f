import { type AuditedRecord, type DefinitionLookup, historiesOf, type Violation } from './audited.ts';
import { checkInstance } from './checks.ts';
import { type Ledger, ledgerOf } from './ledger.ts';
import { checkAllEnded, checkCauses, checkChains, checkPartitions } from './log-checks.ts';
import { checkVendorEffects, type VendorEffect } from './vendor-checks.ts';

/** What the check of a log came to. */
export type Verification = {
  readonly violations: readonly Violation[];
  readonly instanceCount: number;
  /** Without a terminal record. */
  readonly openCount: number;
  /** Their definition is not known here. */
  readonly unjudgedCount: number;
};

/** What is checked, and what is known beside the records. */
export type VerifyOptions = {
  readonly definitions: DefinitionLookup;
  /** The run is over: whatever has not ended is a violation of I9. */
  readonly isFinished?: boolean;
  /** What vendors hold, where it is known: enables I5. */
  readonly vendorEffects?: readonly VendorEffect[];
  /** eventIds that lie on other topics: entity commands, market facts. */
  readonly isKnownElsewhere?: (eventId: string) => boolean;
};

const isLedger = (ledger: Ledger | null): ledger is Ledger => ledger !== null;

/** Checks every invariant of the runtime that the records of saga topics alone can tell. Pure; the order of `records` does not matter. */
export const verifyRecords = (records: readonly AuditedRecord[], options: VerifyOptions): Verification => {
  const histories = historiesOf(records, options.definitions);
  const ledgers = histories.map(ledgerOf).filter(isLedger);
  const violations = [
    ...ledgers.flatMap(checkInstance),
    ...checkPartitions(records),
    ...checkCauses(histories, options.isKnownElsewhere),
    ...checkChains(records),
    ...(options.isFinished === true ? checkAllEnded(ledgers) : []),
    ...(options.vendorEffects === undefined ? [] : checkVendorEffects(ledgers, options.vendorEffects)),
  ];
  return {
    violations,
    instanceCount: histories.length,
    openCount: ledgers.filter((ledger) => ledger.terminals.length === 0).length,
    unjudgedCount: histories.length - ledgers.length,
  };
};
