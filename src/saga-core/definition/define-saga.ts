import { InvariantViolation } from '#kernel';
import type { SagaDefinition, SagaShape } from './saga.ts';
import { definitionFaults } from './validate.ts';

/**
 * Declares a saga. Stops the process with all faults listed when the definition is wrong: unknown dependency, cycle,
 * unreachable step, missing predicate, two events of one name.
 */
export const defineSaga = <const Shape extends SagaShape>(shape: Shape): SagaDefinition<Shape> => {
  const faults = definitionFaults(shape);
  if (faults.length > 0) throw new InvariantViolation(`saga ${shape.type} v${shape.version} is not well defined:\n- ${faults.join('\n- ')}`);
  return { kind: 'saga', ...shape };
};
