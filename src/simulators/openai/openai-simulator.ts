import { type ChatSimulator, type ChatSimulatorOptions, startChatSimulator } from '../chat-completions/index.ts';

export type OpenaiSimulator = ChatSimulator;
export type OpenaiSimulatorOptions = ChatSimulatorOptions;

/** OpenAI's POST /v1/chat/completions on a real socket, with /admin controls (docs/reference/simulators.md). */
export const startOpenaiSimulator = (options: OpenaiSimulatorOptions = {}): Promise<OpenaiSimulator> =>
  startChatSimulator({ path: /^\/v1\/chat\/completions$/, idPrefix: 'chatcmpl-' }, options);
