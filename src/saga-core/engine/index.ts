export { childSagaId } from './child-id.ts';
export { compileSaga, type CompiledSaga, type CompiledStep, limitsInForce, limitsOf, limitsOfSteps, type ParticipantView, type PinnedLimits, withPinnedLimits } from './compile.ts';
export { advance, begin, begins, evolve, type Evolved, type Refusal } from './evolve.ts';
export { type Action, decide, type Decision, type DecisionWorld, END_KEY, compensationKey, forwardKey, keyOfAction, quarantineKey, REQUEST_KEY, START_KEY } from './decide.ts';
export { numbersOf, type StepNumbers } from './numbers.ts';
export { causeOf, isDue, isEveryStepDone, isReady, isStepDone, readyAtMs } from './readiness.ts';
export { type ChildEnd, EMPTY_SLOT, type FoldedRecord, type Instance, instanceKey, type InstanceStatus, isEnded, itemsOf, keyOf, resultOf, type Slot, slotOf } from './state.ts';
export { awaitStateOf, type Emission, emissionKey, emissionsDue, endOfWaiting } from './watch.ts';
