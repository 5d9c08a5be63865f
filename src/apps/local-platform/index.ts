export { type Addresses, type Environment, isNamedIn, securityOf, withoutPassword } from './environment.ts';
export { LocalPlatformError, type LocalPlatformErrorCode } from './errors.ts';
export { healthAnswers } from './health.ts';
export type { ExtraListener } from './kafka-config.ts';
export type { ExtraProcess, LocalPlatformOptions, PlatformPart } from './options.ts';
export { keptPort, type LocalPlatform, startLocalPlatform, stopInstance } from './platform.ts';
export { choosePort, freePorts, isPortFree, type PortWish } from './ports.ts';
export { chorusHome, localFile, projectRoot } from './paths.ts';
export { down, knownAddresses, type LocalFileExtras, type PartStatus, status, upDetached } from './up.ts';
