import { type ChatSimulator, type ChatSimulatorOptions, startChatSimulator } from '../chat-completions/index.ts';

export type GroqSimulator = ChatSimulator;
export type GroqSimulatorOptions = ChatSimulatorOptions;

/** Groq's POST /openai/v1/chat/completions on a real socket, with /admin controls (docs/reference/simulators.md). */
export const startGroqSimulator = (options: GroqSimulatorOptions = {}): Promise<GroqSimulator> =>
  startChatSimulator({ path: /^\/openai\/v1\/chat\/completions$/, idPrefix: 'chatcmpl-' }, options);
