import type { BrokerGateway, BrokerOrder, CancelOutcome, FindOrderOutcome, SubmitOutcome } from '#participants/trading-engine';

/** A broker whose answers are scripted call by call; the last answer of a list repeats. Counts what was asked. */
export type ScriptedBroker = BrokerGateway & { readonly calls: string[] };

export const brokerOrder = (changes: Partial<BrokerOrder> = {}): BrokerOrder => ({
  brokerOrderId: 'b1', clientOrderId: 'c-1.submit_order', symbol: 'AAPL', side: 'buy', kind: 'market', timeInForce: 'day', status: 'open', venueStatus: 'new', qty: '10', filledQty: '0',
  filledAvgPrice: null, limitPrice: null, stopPrice: null, legs: [], submittedAtMs: 500, ...changes,
});

const script = <Answer>(answers: readonly Answer[]): (() => Answer) => {
  let at = 0;
  return () => {
    const answer = answers[Math.min(at++, answers.length - 1)];
    if (answer === undefined) throw new Error('the script has no answer for this call');
    return answer;
  };
};

export const scriptedBroker = (answers: {
  readonly submit?: readonly SubmitOutcome[];
  readonly find?: readonly FindOrderOutcome[];
  readonly get?: readonly FindOrderOutcome[];
  readonly cancel?: readonly CancelOutcome[];
}): ScriptedBroker => {
  const calls: string[] = [];
  const [submit, find, get, cancel] = [script(answers.submit ?? []), script(answers.find ?? []), script(answers.get ?? []), script(answers.cancel ?? [])];
  const unscripted = (name: string) => async (): Promise<never> => {
    throw new Error(`${name} is not scripted`);
  };
  const said = <Answer>(name: string, answer: () => Answer) => async (): Promise<Answer> => {
    calls.push(name);
    return answer();
  };
  return {
    calls,
    submitOrder: said('submit', submit), findByClientOrderId: said('find', find), getOrder: said('get', get), cancelOrder: said('cancel', cancel),
    listOrders: unscripted('listOrders'), listOpenOrders: unscripted('listOpenOrders'), listFills: unscripted('listFills'), getPosition: unscripted('getPosition'),
    closePosition: unscripted('closePosition'), getAccount: unscripted('getAccount'),
  };
};
