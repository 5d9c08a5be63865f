// `PORT=… node main.ts`: the Groq simulator as a process of its own.
import { runAsProcess } from '../support/index.ts';
import { startGroqSimulator } from './groq-simulator.ts';

await runAsProcess((port) => startGroqSimulator({ port }));
