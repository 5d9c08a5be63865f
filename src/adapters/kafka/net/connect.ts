import { isIP, connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { KafkaConfig } from '../config.ts';
import { KafkaError } from '../errors.ts';
import { authenticate } from './authenticate.ts';
import { Connection } from './connection.ts';

export type BrokerAddress = { readonly host: string; readonly port: number };

const openSocket = (config: KafkaConfig, { host, port }: BrokerAddress): { readonly socket: Socket; readonly readyEvent: string } => {
  if (config.tls === undefined) return { socket: connectTcp({ host, port }), readyEvent: 'connect' };
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return { socket: connectTls({ ...servername, ...config.tls, host, port }), readyEvent: 'secureConnect' };
};

/** A connected, authenticated connection. Rejects with KAFKA_CONNECTION_LOST, KAFKA_REQUEST_TIMEOUT or KAFKA_AUTHENTICATION. */
export const openConnection = async (config: KafkaConfig, address: BrokerAddress, timeoutMs: number): Promise<Connection> => {
  const name = `${address.host}:${address.port}`;
  const startedAtMs = performance.now();
  const { socket, readyEvent } = openSocket(config, address);
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: KafkaError): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const onError = (error: Error): void => refuse(new KafkaError('KAFKA_CONNECTION_LOST', `cannot connect to ${name}: ${error.message}`, { cause: error }));
    const onClose = (): void => refuse(new KafkaError('KAFKA_CONNECTION_LOST', `cannot connect to ${name}: closed during the handshake`));
    const timer = setTimeout(() => refuse(new KafkaError('KAFKA_CONNECTION_LOST', `cannot connect to ${name} within ${timeoutMs} ms`)), timeoutMs);
    socket.on('error', onError).once('close', onClose);
    socket.once(readyEvent, () => {
      clearTimeout(timer);
      socket.off('error', onError).off('close', onClose);
      resolve();
    });
  });
  const connection = new Connection(socket, name, config.clientId);
  if (config.sasl === undefined) return connection;
  try {
    await authenticate(connection, config.sasl, Math.max(1, timeoutMs - (performance.now() - startedAtMs)));
    return connection;
  } catch (thrown) {
    connection.destroy('authentication failed');
    throw thrown;
  }
};
