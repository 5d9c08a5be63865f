import type { ClusterView } from '../cluster.ts';
import { KafkaError } from '../errors.ts';
import type { Connection } from '../net/connection.ts';

/** A writer's own connections, one a broker: a broker works on one request of a connection at a time. */
export class WriterConnections {
  readonly #cluster: ClusterView;
  readonly #open = new Map<number, Promise<Connection>>();
  #isClosed = false;

  constructor(cluster: ClusterView) {
    this.#cluster = cluster;
  }

  /** An open connection. Nothing is sent, so a failure leaves no doubt. */
  to(nodeId: number): Promise<Connection> {
    return this.#connection(nodeId);
  }

  /** Ends the connection to one broker; the next use opens another. */
  drop(nodeId: number): void {
    const opening = this.#open.get(nodeId);
    this.#open.delete(nodeId);
    void opening?.then((connection) => connection.destroy(), () => undefined);
  }

  /** Pending requests are rejected; nothing is sent any more. */
  close(): void {
    this.#isClosed = true;
    for (const opening of this.#open.values()) opening.then((connection) => connection.destroy(), () => undefined);
    this.#open.clear();
  }

  async #connection(nodeId: number): Promise<Connection> {
    if (this.#isClosed) throw new KafkaError('KAFKA_CLOSED', 'the writer is closed');
    const known = this.#open.get(nodeId);
    if (known !== undefined) {
      const connection = await known;
      if (connection.isOpen) return connection;
      if (this.#open.get(nodeId) === known) {
        this.#open.delete(nodeId);
        connection.destroy('the session has expired');
      }
      return await this.#connection(nodeId);
    }
    const opening = this.#cluster.open(nodeId);
    this.#open.set(nodeId, opening);
    try {
      const connection = await opening;
      if (!this.#isClosed) return connection;
      connection.destroy();
      throw new KafkaError('KAFKA_CLOSED', 'the writer is closed');
    } catch (thrown) {
      if (this.#open.get(nodeId) === opening) this.#open.delete(nodeId);
      throw thrown;
    }
  }
}
