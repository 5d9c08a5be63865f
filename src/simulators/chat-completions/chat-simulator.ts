import { createHash } from 'node:crypto';
import {
  arrayOf, behaviorRoutes, createAssignmentBook, type JsonRecord, recordOf, type SimReply, type SimRequest, startSimulator, textOf,
} from '../support/index.ts';
import { behaviorContent, behaviorFaultOf, behaviorProblem, DEFAULT_BEHAVIOR, errorBody } from './behavior.ts';
import { decide, readPrompt } from './decision.ts';

const CHARACTERS_PER_TOKEN = 4;

export type ChatSimulatorOptions = {
  /** Default 0: a free one. Bound to loopback. */
  readonly port?: number;
  /** The only keys there are; default: any. */
  readonly apiKeys?: readonly string[];
};

export type ChatSimulator = {
  /** Root, without a trailing slash and without the vendor's path. */
  readonly url: string;
  readonly adminUrl: string;
  readonly stop: () => Promise<void>;
};

export type ChatVendor = {
  /** e.g. /v1/chat/completions */
  readonly path: RegExp;
  readonly idPrefix: string;
};

type Completion = { readonly body: JsonRecord; readonly content: string; readonly idPrefix: string };

const tokensIn = (text: string): number => Math.ceil(text.length / CHARACTERS_PER_TOKEN);

const completionBody = ({ body, content, idPrefix }: Completion): unknown => {
  const prompt = arrayOf(body['messages']).map((message) => textOf(recordOf(message)['content']) ?? '').join('\n');
  const usage = { prompt_tokens: tokensIn(prompt), completion_tokens: tokensIn(content) };
  return {
    id: `${idPrefix}${createHash('sha256').update(prompt).digest('hex').slice(0, 24)}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1_000),
    model: textOf(body['model']) ?? 'unknown',
    choices: [{ index: 0, message: { role: 'assistant', content }, logprobs: null, finish_reason: 'stop' }],
    usage: { ...usage, total_tokens: usage.prompt_tokens + usage.completion_tokens },
  };
};

const aboutPrompt = ({ body }: SimRequest): { readonly keys: readonly string[]; readonly symbol: string | null } => {
  const data = readPrompt(recordOf(body)['messages']);
  return data === null ? { keys: [], symbol: null } : { keys: [`${data.symbol}@${data.asOf}`], symbol: data.symbol };
};

/** A chat-completions vendor: a deterministic reader of price series behind the vendor's wire protocol and fault controls. */
export const startChatSimulator = async (vendor: ChatVendor, options: ChatSimulatorOptions = {}): Promise<ChatSimulator> => {
  let behavior: JsonRecord = DEFAULT_BEHAVIOR;
  const contents = createAssignmentBook('content', textOf);

  const authorize = ({ headers }: SimRequest): SimReply | null => {
    const key = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
    const isKnown = key !== undefined && (options.apiKeys === undefined || options.apiKeys.includes(key));
    return isKnown ? null : { status: 401, body: errorBody(401) };
  };

  const complete = (request: SimRequest): SimReply => {
    const body = recordOf(request.body);
    if (!Array.isArray(body['messages']) || textOf(body['model']) === null) return { status: 400, body: errorBody(400) };
    const data = readPrompt(body['messages']);
    const about = aboutPrompt(request);
    const key = about.keys[0];
    const planned = key === undefined ? null : textOf(recordOf(simulator.planner.variantOf(key, about.symbol)?.extra)['content']);
    const decided = data === null ? 'There is no price data in your message that I could judge.' : JSON.stringify(decide(data));
    const content = contents.take(about) ?? behaviorContent(behavior) ?? planned ?? decided;
    return { status: 200, body: completionBody({ body, content, idPrefix: vendor.idPrefix }) };
  };

  const simulator = await startSimulator({
    port: options.port ?? 0,
    mainRoute: 'complete',
    routes: [{ name: 'complete', method: 'POST', pattern: vendor.path, about: aboutPrompt, handle: complete }],
    adminRoutes: [
      ...behaviorRoutes({
        read: () => behavior, initial: DEFAULT_BEHAVIOR, problemWith: behaviorProblem,
        change: (next) => {
          behavior = next;
        },
      }),
      {
        method: 'POST', path: '/admin/contents',
        handle: ({ body }) =>
          contents.add(body) ? { status: 200, body: { ok: true } } : { status: 400, body: { message: 'needs {key?, symbol?, times?, content}' } },
      },
    ],
    authorize,
    errorBody,
    behaviorFault: () => behaviorFaultOf(behavior),
    resetBehavior: () => {
      behavior = DEFAULT_BEHAVIOR;
      contents.clear();
    },
  });
  const { url } = simulator.server;
  return { url, adminUrl: `${url}/admin`, stop: simulator.stop };
};
