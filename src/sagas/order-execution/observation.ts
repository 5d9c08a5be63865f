import { erase, err, ok, type Result } from '#kernel';

/** A venue's word for what happened to an order. */
export type ObservationKind = 'new' | 'partial_fill' | 'fill' | 'canceled' | 'expired' | 'rejected' | 'bust' | 'other';

/** One execution as the venue told it; decimals as text, time in milliseconds. */
export type ObservedFill = {
  readonly executionId: string;
  readonly symbol: string;
  readonly side: string;
  /** Decimal texts. */
  readonly qty: string;
  readonly price: string;
  readonly atMs: number;
};

/**
 * The body of a BrokerObservationRecorded of an order: what was heard of it, by stream or by poll. Fills carry `fill`; a bust
 * carries the execution it takes back.
 */
export type Observation = {
  readonly kind: ObservationKind;
  readonly via: 'stream' | 'poll';
  readonly brokerOrderId: string;
  readonly orderQty: string;
  /** The venue's count of what is filled of the order after this. */
  readonly orderFilledQty: string;
  readonly fill: ObservedFill | null;
  readonly bustedExecutionId: string | null;
  readonly reason: string | null;
  readonly atMs: number;
};

/** An observation as the text that records carry. */
export const formatObservation = (observation: Observation): string => JSON.stringify(observation);

const KINDS: readonly string[] = ['new', 'partial_fill', 'fill', 'canceled', 'expired', 'rejected', 'bust', 'other'] satisfies readonly ObservationKind[];
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;
const isTextOrNull = (value: unknown): boolean => value === null || typeof value === 'string';

const isFill = (value: unknown): boolean =>
  isRecord(value) && ['executionId', 'symbol', 'side', 'qty', 'price'].every((field) => typeof value[field] === 'string') && typeof value['atMs'] === 'number';

const isObservation = (value: unknown): value is Observation =>
  isRecord(value)
  && KINDS.includes(String(value['kind']))
  && (value['via'] === 'stream' || value['via'] === 'poll')
  && ['brokerOrderId', 'orderQty', 'orderFilledQty'].every((field) => typeof value[field] === 'string')
  && (value['fill'] === null || isFill(value['fill']))
  && isTextOrNull(value['bustedExecutionId'])
  && isTextOrNull(value['reason'])
  && typeof value['atMs'] === 'number';

const parsedJson = (text: string): unknown => {
  try {
    return erase<unknown>(JSON.parse(text));
  } catch {
    return null;
  }
};

/** Reads a recorded body; a body of another shape is a fault that names it. */
export const parseObservation = (body: string): Result<Observation, string> => {
  const value = parsedJson(body);
  return isObservation(value) ? ok(value) : err(`not an order observation: ${body.slice(0, 200)}`);
};
