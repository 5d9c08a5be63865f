// `PORT=… node main.ts`: the OpenAI simulator as a process of its own.
import { runAsProcess } from '../support/index.ts';
import { startOpenaiSimulator } from './openai-simulator.ts';

await runAsProcess((port) => startOpenaiSimulator({ port }));
