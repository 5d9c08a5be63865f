export { isClean, verdictLines } from './verdict.ts';
export { type LogVerification, verifyLog, type VerifyLogOptions } from './verify-log.ts';
export type { AuditViolation } from './violation.ts';
