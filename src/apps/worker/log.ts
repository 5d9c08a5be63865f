import pino, { type Logger } from 'pino';
import type { Log } from '#saga-core/ports';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
export const LOG_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

/** JSON lines on standard error: standard output belongs to commands. */
export const createPino = (options: { readonly level: LogLevel; readonly name: string }): Logger =>
  pino({ level: options.level, base: { name: options.name }, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: false }));

/** A pino logger as the ports know it. */
export const logOn = (logger: Logger): Log => ({
  info: (message, fields) => logger.info(fields, message),
  warn: (message, fields) => logger.warn(fields, message),
  error: (message, fields) => logger.error(fields, message),
});
