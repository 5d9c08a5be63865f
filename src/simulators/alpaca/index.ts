export { type AlpacaCredentials, type AlpacaSimulator, type AlpacaSimulatorOptions, startAlpacaSimulator } from './alpaca-simulator.ts';
