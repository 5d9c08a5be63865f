// Front door of projections: what an author of read models meets, and the port of their store.
export {
  bigint, type Column, type Columns, type ColumnType, defineTable, double, flag, integer, keyText, nullable, numeric, type Row, type RowOf, type Table, text, timestamp, type Value,
} from './table.ts';
export { applyChanges, type Change, checkedRow, fold, put, type Rows, rowsOf } from './change.ts';
export { type AnyTable, changesOf, defineProjection, type Handled, isOfInterest, type Mapping, type Projected, type ProjectionDefinition, when } from './define-projection.ts';
export type { ApplyOutcome, Comparison, Fault, Folded, Generation, OpenOutcome, ProjectionBatch, ReadModelStore } from './store.ts';
