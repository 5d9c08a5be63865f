export { type OpenaiSimulator, type OpenaiSimulatorOptions, startOpenaiSimulator } from './openai-simulator.ts';
