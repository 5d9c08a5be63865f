export { type AssignmentBook, type AssignmentTarget, createAssignmentBook } from './assignment-book.ts';
export { type BehaviorHolder, behaviorRoutes } from './behavior-routes.ts';
export { createFaultBook, errorFault, type Fault, type FaultBook, type FaultPhase, type FaultTarget, NO_FAULT, parseFault } from './fault.ts';
export { createFaultPlanner, type FaultPlan, type FaultPlanner, fractionOf, parseFaultPlan, type PlanVariant, variantFor } from './fault-plan.ts';
export { type SimReply, type SimRequest } from './http-server.ts';
export { arrayOf, isRecord, type JsonRecord, numberOf, parseJson, recordOf, textOf, wholeOf } from './json.ts';
export { type AdminRoute } from './admin-controls.ts';
export { commonBehaviorFault, type Simulator, type SimulatorOptions, startSimulator, type VendorRoute } from './simulator.ts';
