import type { Socket } from 'node:net';
import { KafkaError } from '../errors.ts';
import { WireReader } from '../wire/wire-reader.ts';
import { WireWriter } from '../wire/wire-writer.ts';
import { API_VERSIONS_KEY, type Request } from './request.ts';

const FRAME_HEADER_BYTES = 4;
/** Larger answers than any fetch limit of ours: a sign of a broken or foreign peer. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

type Pending = {
  readonly correlationId: number;
  readonly request: Request<unknown>;
  readonly deadlineMs: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: KafkaError) => void;
};

/**
 * One socket to one broker. Kafka answers a connection's requests one by one, in order.
 * A request without answer by its deadline destroys the socket: its late answer must reach nobody, and what follows it
 * would wait for it. There is no reconnection: whoever needs a new connection opens one and knows it.
 */
export class Connection {
  readonly address: string;
  /** Monotonic milliseconds after which a new connection must be opened (KIP-368); Infinity without a limit. */
  expiresAtMs = Infinity;
  readonly #socket: Socket;
  readonly #clientId: string;
  #correlationId = 0;
  #pending: Pending[] = [];
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #neededBytes = FRAME_HEADER_BYTES;
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = 0;
  #failure: KafkaError | undefined;
  #isRetired = false;

  constructor(socket: Socket, address: string, clientId: string) {
    this.address = address;
    this.#socket = socket;
    this.#clientId = clientId;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(new KafkaError('KAFKA_CONNECTION_LOST', `connection to ${address} failed: ${error.message}`, { cause: error })));
    socket.on('close', () => this.#fail(new KafkaError('KAFKA_CONNECTION_LOST', `connection to ${address} was closed`)));
  }

  /** Usable for a new request now. */
  get isOpen(): boolean {
    return this.#failure === undefined && !this.#isRetired && performance.now() < this.expiresAtMs;
  }

  /** Sends at once. Rejects with KAFKA_REQUEST_TIMEOUT, KAFKA_CONNECTION_LOST or KAFKA_PROTOCOL; codes inside the answer are data. */
  send<Answer>(request: Request<Answer>, timeoutMs: number): Promise<Answer> {
    const failure = this.#failure;
    if (failure !== undefined) return Promise.reject(failure);
    this.#correlationId = (this.#correlationId + 1) & 0x7fffffff;
    const correlationId = this.#correlationId;
    const frame = this.#frame(request, correlationId);
    return new Promise<Answer>((resolve, reject) => {
      this.#pending.push({
        correlationId, request, deadlineMs: performance.now() + timeoutMs, reject,
        resolve: (answer) => resolve(answer as Answer),
      });
      this.#armTimer();
      this.#socket.write(frame);
    });
  }

  /** Takes no new request, and ends as soon as the pending ones are answered. */
  retire(): void {
    this.#isRetired = true;
    this.#endIfRetired();
  }

  /** Ends the connection now; what is pending is rejected. Idempotent. */
  destroy(reason: string = 'closed by this client'): void {
    this.#fail(new KafkaError('KAFKA_CONNECTION_LOST', `connection to ${this.address}: ${reason}`));
  }

  #endIfRetired(): void {
    if (this.#isRetired && this.#pending.length === 0) this.destroy('replaced by a new one');
  }

  #frame(request: Request<unknown>, correlationId: number): Buffer {
    const writer = new WireWriter(512);
    writer.int32(0).int16(request.apiKey).int16(request.apiVersion).int32(correlationId).string(this.#clientId);
    if (request.flexible) writer.noTags();
    request.encode(writer);
    writer.patchInt32(0, writer.length - FRAME_HEADER_BYTES);
    return writer.finish();
  }

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    while (this.#bufferedBytes >= this.#neededBytes && this.#failure === undefined) {
      const buffered = this.#joined();
      const bodyBytes = buffered.readInt32BE(0);
      if (bodyBytes < 4 || bodyBytes > ANSWER_BYTES_MAX) {
        this.#fail(new KafkaError('KAFKA_PROTOCOL', `${this.address} announced an answer of ${bodyBytes} bytes: is it a Kafka listener of this security protocol?`));
        return;
      }
      const frameBytes = FRAME_HEADER_BYTES + bodyBytes;
      if (buffered.length < frameBytes) {
        this.#neededBytes = frameBytes;
        return;
      }
      const rest = buffered.subarray(frameBytes);
      this.#chunks = rest.length === 0 ? [] : [rest];
      this.#bufferedBytes = rest.length;
      this.#neededBytes = FRAME_HEADER_BYTES;
      this.#answer(buffered.subarray(FRAME_HEADER_BYTES, frameBytes));
    }
  }

  #joined(): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && this.#chunks.length === 1) return first;
    const joined = Buffer.concat(this.#chunks, this.#bufferedBytes);
    this.#chunks = [joined];
    return joined;
  }

  #answer(frame: Buffer): void {
    const reader = new WireReader(frame);
    const correlationId = reader.int32();
    const pending = this.#pending.shift();
    if (pending === undefined || pending.correlationId !== correlationId) {
      if (pending !== undefined) this.#pending.unshift(pending);
      this.#fail(new KafkaError('KAFKA_PROTOCOL', `${this.address} answered request ${correlationId}, expected ${pending?.correlationId ?? 'none'}`));
      return;
    }
    if (this.#pending.length === 0) this.#disarmTimer();
    try {
      if (pending.request.flexible && pending.request.apiKey !== API_VERSIONS_KEY) reader.skipTags();
      pending.resolve(pending.request.decode(reader));
    } catch (thrown) {
      pending.reject(new KafkaError('KAFKA_PROTOCOL', `${pending.request.name} v${pending.request.apiVersion} answer of ${this.address} is unreadable`, { cause: thrown }));
    }
    this.#endIfRetired();
  }

  /** Answers come in order, but a later request may have the earlier deadline: the nearest of all counts. */
  #armTimer(): void {
    let nearestMs = Infinity;
    for (const pending of this.#pending) nearestMs = Math.min(nearestMs, pending.deadlineMs);
    if (nearestMs === Infinity || (this.#timer !== undefined && this.#timerAtMs <= nearestMs)) return;
    this.#disarmTimer();
    this.#timerAtMs = nearestMs;
    this.#timer = setTimeout(() => this.#onTimer(), Math.max(1, Math.ceil(nearestMs - performance.now())));
  }

  #disarmTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #onTimer(): void {
    this.#timer = undefined;
    const now = performance.now();
    const late = this.#pending.find((pending) => pending.deadlineMs <= now);
    if (late === undefined) this.#armTimer();
    else this.#fail(new KafkaError('KAFKA_REQUEST_TIMEOUT', `${late.request.name} v${late.request.apiVersion}: no answer of ${this.address} in time`));
  }

  #fail(error: KafkaError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#disarmTimer();
    this.#socket.destroy();
    this.#chunks = [];
    const pending = this.#pending;
    this.#pending = [];
    for (const request of pending) request.reject(error);
  }
}
