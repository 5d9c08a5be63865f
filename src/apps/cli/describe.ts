import { dependenciesOf, type SagaDefinition, type StepDefinition } from '#saga-core';
import { table } from './output.ts';

type StepDescription = {
  readonly name: string;
  readonly number: number;
  readonly kind: StepDefinition['kind'];
  readonly owner: string;
  readonly after: readonly string[];
  readonly when: string | null;
  readonly perItem: boolean;
  /** Null: no watch. */
  readonly watch: { readonly endsWaiting: boolean } | null;
  /** Milliseconds; null: none of its own. */
  readonly timeoutMs: number | null;
  readonly maxAttempts: number | null;
  readonly compensation: string;
  readonly output: readonly string[];
  readonly emits: readonly string[];
};
export type SagaDescription = {
  readonly type: string;
  readonly version: number;
  readonly context: string;
  readonly initiator: string;
  readonly start: string;
  /** Milliseconds; 0: none. */
  readonly timeoutMs: number;
  readonly result: string | null;
  readonly completed: string | null;
  readonly failed: string | null;
  readonly steps: readonly StepDescription[];
};

const compensationOf = ({ compensation }: StepDefinition): string => {
  switch (compensation.kind) {
    case 'undo': return 'undo';
    case 'none': return `none: ${compensation.why}`;
    case 'kept': return `kept: ${compensation.what}`;
  }
};
const outputsOf = ({ output }: StepDefinition): readonly string[] => (output === null ? [] : Array.isArray(output) ? output.map(({ name }) => name) : 'name' in output ? [output.name] : []);

const describeStep = (name: string, step: StepDefinition): StepDescription => ({
  name, number: step.number, kind: step.kind, owner: step.owner, after: dependenciesOf(step), when: step.when ?? null, perItem: step.forEach !== undefined, watch: step.kind === 'await' ? (step.watch ?? null) : null,
  timeoutMs: step.kind === 'effect' || step.kind === 'await' ? step.timeoutMs : null, maxAttempts: step.kind === 'effect' ? step.retry.maxAttempts : null,
  compensation: compensationOf(step), output: outputsOf(step), emits: (step.emits ?? []).map((type) => type.name),
});

/** A definition as data. */
export const describeSaga = (saga: SagaDefinition): SagaDescription => ({
  type: saga.type, version: saga.version, context: saga.context, initiator: saga.initiator, start: saga.start.name, timeoutMs: saga.timeoutMs, result: saga.result ?? null,
  completed: saga.completed.emits?.name ?? null, failed: saga.failed.emits?.name ?? null, steps: Object.entries(saga.steps).map(([name, step]) => describeStep(name, step)),
});

const seconds = (ms: number | null): string => (ms === null || ms === 0 ? '-' : `${ms / 1_000} s`);

/** Steps as a Mermaid state diagram: what follows what, and where a failure leads. */
export const mermaidStates = (saga: SagaDescription): string => {
  const followed = new Set(saga.steps.flatMap(({ after }) => after));
  const arrows = saga.steps.flatMap(({ name, after, when }) => {
    const label = when === null ? '' : `: ${when.replaceAll('_', ' ')}`;
    return after.length === 0 ? [`  [*] --> ${name}${label}`] : after.map((dependency) => `  ${dependency} --> ${name}${label}`);
  });
  const emitting = saga.steps.flatMap(({ name, watch, emits }) => (watch === null ? [] : emits.map((type) => `  ${name} --> ${name}: ${type}`)));
  const ends = saga.steps.filter(({ name }) => !followed.has(name)).map(({ name }) => `  ${name} --> COMPLETED`);
  const failing = saga.steps.map(({ name }) => `  ${name} --> COMPENSATING: failed`);
  return ['stateDiagram-v2', ...arrows, ...emitting, ...ends, ...failing, '  COMPENSATING --> FAILED: all compensated', '  COMPENSATING --> MANUAL_REQUIRED: a compensation failed', '  MANUAL_REQUIRED --> COMPENSATING: retry, skip', '  MANUAL_REQUIRED --> FAILED: resolve', '  COMPLETED --> [*]', '  FAILED --> [*]'].join('\n');
};

const kindOf = ({ kind, watch }: StepDescription): string => {
  if (watch === null) return kind;
  return watch.endsWaiting ? 'watch, ends the waiting' : 'watch';
};

/** A definition for people. */
export const renderSaga = (saga: SagaDescription): string => {
  const rows = saga.steps.map((step) => [
    String(step.number), step.name, kindOf(step), step.owner, step.after.length === 0 ? 'start' : step.after.join(', '), step.when ?? '-', step.perItem ? 'each' : '', seconds(step.timeoutMs),
    step.maxAttempts === null ? '-' : String(step.maxAttempts), step.compensation,
  ]);
  return [
    `${saga.type}, version ${saga.version}, in context ${saga.context}`,
    `started by ${saga.start}, initiated by ${saga.initiator}, ${saga.timeoutMs === 0 ? 'no deadline' : `deadline ${saga.timeoutMs / 1_000} s`}`,
    `ends with ${saga.completed ?? 'no event of its own'} or ${saga.failed ?? 'no event of its own'}`,
    '',
    table(['no.', 'step', 'kind', 'owner', 'after', 'only when', 'item', 'limit', 'attempts', 'compensation'], rows),
    '',
    mermaidStates(saga),
  ].join('\n');
};
