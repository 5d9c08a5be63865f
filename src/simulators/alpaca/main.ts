// `PORT=… ALPACA_KEY_ID=… ALPACA_SECRET_KEY=… ALPACA_ACCOUNT_ID=… node main.ts`: the Alpaca simulator as a process of its own.
import { runAsProcess } from '../support/index.ts';
import { startAlpacaSimulator } from './alpaca-simulator.ts';

const { ALPACA_KEY_ID: keyId, ALPACA_SECRET_KEY: secret, ALPACA_ACCOUNT_ID: accountId } = process.env;
const accounts = keyId === undefined || secret === undefined ? {} : { accounts: [{ keyId, secret, ...(accountId === undefined ? {} : { accountId }) }] };
await runAsProcess((port) => startAlpacaSimulator({ port, ...accounts }));
