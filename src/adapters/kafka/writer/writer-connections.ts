import type { ClusterView } from '../cluster.ts';
import { KafkaError } from '../errors.ts';
import type { Connection } from '../net/connection.ts';
import type { Request } from '../net/request.ts';

/** A writer's own connections, one a broker: a broker works on one request of a connection at a time. */
export class WriterConnections {
  readonly #cluster: ClusterView;
  readonly #open = new Map<number, Promise<Connection>>();
  #isClosed = false;

  constructor(cluster: ClusterView) {
    this.#cluster = cluster;
  }

  async send<Answer>(nodeId: number, request: Request<Answer>, timeoutMs: number): Promise<Answer> {
    const connection = await this.#connection(nodeId);
    return await connection.send(request, timeoutMs);
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
