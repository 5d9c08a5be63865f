export type { AdminRoute } from './admin-controls.ts';
export { type AssignmentBook, createAssignmentBook } from './assignment-book.ts';
export { behaviorRoutes } from './behavior-routes.ts';
export { errorFault, type Fault, type FaultTarget } from './fault.ts';
export type { SimReply, SimRequest } from './http-server.ts';
export { arrayOf, isRecord, type JsonRecord, parseJson, recordOf, textOf, wholeOf } from './json.ts';
export { commonBehaviorFault, type Simulator, startSimulator, type VendorRoute } from './simulator.ts';
export { runAsProcess } from './run.ts';
