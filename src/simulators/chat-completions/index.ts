export { type ChatSimulator, type ChatSimulatorOptions, type ChatVendor, startChatSimulator } from './chat-simulator.ts';
