import { hash } from 'node:crypto';
import type { Snapshot } from '#adapters/postgres';
import { applyChanges, changesOf, isOfInterest, keyText, type Projected, type ProjectionDefinition, type Row, type Rows, rowsOf, type Table } from '#projections';
import type { Report } from './violation.ts';

/** Differences told per table; the rest is counted. */
const TOLD_MAX = 20;

const textOf = (row: Row): string => JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
const digestOf = (row: Row): string => hash('sha1', textOf(row), 'base64');

const difference = (table: Table, expected: Row, found: Row): string =>
  Object.keys(table.columns).filter((name) => expected[name] !== found[name]).map((name) => `${name} is ${String(found[name])}, the log says ${String(expected[name])}`).join('; ');

/** One read model, folded once more in memory up to where the stored one has read, and compared with it row by row. */
export class ReadModelFold {
  readonly #projection: ProjectionDefinition;
  readonly #snapshot: Snapshot;
  readonly #report: Report;
  readonly #rows: Rows = new Map();
  /** Of append-only tables: a digest per row is enough. */
  readonly #digests = new Map<string, Map<string, string>>();
  #faultCount = 0;
  #behindCount = 0;
  rowCount = 0;

  constructor(options: { readonly projection: ProjectionDefinition; readonly snapshot: Snapshot; readonly report: Report }) {
    this.#projection = options.projection;
    this.#snapshot = options.snapshot;
    this.#report = options.report;
  }

  get name(): string {
    return this.#projection.name;
  }

  /** Whether it reads this topic. */
  reads(topic: string): boolean {
    return this.#projection.topics.includes(topic);
  }

  /** Whether the stored read model has read the record. */
  covers(topic: string, partition: number, offset: number): boolean {
    return offset < (this.#snapshot.positions.get(`${topic}/${partition}`) ?? 0);
  }

  wants(type: string): boolean {
    return isOfInterest(this.#projection, type);
  }

  fault(): void {
    this.#faultCount++;
  }

  /** Throws only what mapping the record throws: nothing is changed then. */
  take(record: Projected): void {
    if (this.covers(record.topic, record.partition, record.offset)) return this.#add(record);
    if (changesOf(this.#projection, record).length > 0) this.#behindCount++;
  }

  /** A record that cannot be mapped. */
  faulty({ topic, partition, offset }: Projected): void {
    if (this.covers(topic, partition, offset)) this.fault();
  }

  #add(record: Projected): void {
    const fault = applyChanges(this.#rows, changesOf(this.#projection, record), (table, key) => this.#compact(table, key));
    if (fault !== null) this.#faultCount++;
  }

  /** The row that the log comes to. */
  row(table: string, key: string): Row | undefined {
    return this.#rows.get(table)?.get(key);
  }

  /** Where nothing runs any more, the stored read model must hold everything. */
  checkReached(): void {
    if (this.#behindCount > 0) this.#say(`${this.#behindCount} records of the log have not been read`);
  }

  async compare(): Promise<void> {
    for (const table of this.#projection.tables) await this.#compareTable(table);
    if (this.#faultCount !== this.#snapshot.faultCount) this.#say(`${this.#snapshot.faultCount} faults are recorded, the log has ${this.#faultCount} records that it cannot project`);
  }

  #compact(table: Table, key: string): void {
    if (!table.isAppendOnly) return;
    const rows = rowsOf(this.#rows, table);
    const row = rows.get(key);
    if (row === undefined) return;
    const digests = this.#digests.get(table.name) ?? new Map<string, string>();
    this.#digests.set(table.name, digests);
    digests.set(key, digestOf(row));
    rows.delete(key);
  }

  async #compareTable(table: Table): Promise<void> {
    const problems: string[] = [];
    const expected = table.isAppendOnly ? (this.#digests.get(table.name) ?? new Map<string, string>()) : rowsOf(this.#rows, table);
    const seen = new Set<string>();
    for await (const page of this.#snapshot.rows(table)) {
      for (const found of page) {
        this.rowCount++;
        const key = keyText(table, found);
        const problem = this.#problemOf(table, found, expected.get(key));
        if (problem !== null) problems.push(`row ${key.replaceAll('\u001f', '/')} ${problem}`);
        seen.add(key);
      }
    }
    for (const key of expected.keys()) if (!seen.has(key)) problems.push(`row ${key.replaceAll('\u001f', '/')} is missing`);
    for (const problem of problems.slice(0, TOLD_MAX)) this.#say(`table ${table.name}: ${problem}`);
    if (problems.length > TOLD_MAX) this.#say(`table ${table.name}: ${problems.length - TOLD_MAX} more rows differ`);
  }

  #problemOf(table: Table, found: Row, expected: Row | string | undefined): string | null {
    if (expected === undefined) return 'is not what any record of the log made';
    if (typeof expected === 'string') return digestOf(found) === expected ? null : 'differs from its record';
    const differing = difference(table, expected, found);
    return differing === '' ? null : differing;
  }

  #say(message: string): void {
    this.#report({ invariant: 'I7', instance: null, message: `read model ${this.#projection.name}: ${message}` });
  }
}
