export { type GroqSimulator, type GroqSimulatorOptions, startGroqSimulator } from './groq-simulator.ts';
