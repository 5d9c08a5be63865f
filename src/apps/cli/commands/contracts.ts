import type { Command } from 'commander';
import { createKafkaAdmin, type KafkaAdmin } from '#adapters/kafka';
import { checkSchemas, createRegistryClient, registerSchemas, type SubjectState } from '#adapters/schema-registry';
import { applyTopics, planTopics, type TopicDifference, type TopicOptions, type TopicPlan } from '#apps/topics';
import { carriedTypes, liveTopicsOf } from '#apps/worker';
import { effectiveEnvironment, kafkaOf, namespaceOf, registryOf } from '../environment.ts';
import { answer, type OutputOptions, WrongUse } from '../output.ts';

type TopicArguments = OutputOptions & { readonly partitions?: string; readonly replicationFactor?: string };

const countOf = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new WrongUse(`--${name} ${text}: a whole number above zero is expected`);
  return count;
};

const describeDifference = (difference: TopicDifference): string => {
  switch (difference.kind) {
    case 'create': return `+ ${difference.topic}, ${difference.partitions} partitions, ${Object.entries(difference.config).map(([name, value]) => `${name}=${value}`).join(' ')}`;
    case 'change': return `~ ${difference.topic}, ${Object.entries(difference.config).map(([name, value]) => `${name}: ${difference.was[name] ?? ''} -> ${value}`).join(', ')}`;
    case 'partitions-differ': return `! ${difference.topic} has ${difference.actual} partitions, ${difference.declared} are declared: a live topic keeps what it has; open a new generation to change it`;
  }
};
const renderPlan = (plan: TopicPlan, done: string): string => [...plan.differences.map(describeDifference), `${plan.differences.length} ${done}, ${plan.unchanged} as declared`].join('\n');

const withAdmin = async <Result>(options: TopicArguments, work: (admin: KafkaAdmin, topics: TopicOptions) => Promise<Result>): Promise<Result> => {
  const environment = effectiveEnvironment();
  const [partitions, replicationFactor] = [countOf('partitions', options.partitions), countOf('replication-factor', options.replicationFactor)];
  const admin = createKafkaAdmin(kafkaOf(environment));
  try {
    return await work(admin, { namespace: namespaceOf(environment), ...(partitions === undefined ? {} : { partitions }), ...(replicationFactor === undefined ? {} : { replicationFactor }) });
  } finally {
    await admin.close();
  }
};

const schemas = async (options: OutputOptions, work: typeof checkSchemas): Promise<readonly SubjectState[]> => {
  const environment = effectiveEnvironment();
  const states = await work(createRegistryClient(registryOf(environment)), carriedTypes(), liveTopicsOf(namespaceOf(environment)));
  const wrong = states.filter(({ status }) => status !== 'registered');
  const told = (state: SubjectState): string => (state.status === 'incompatible' ? `! ${state.subject}: ${state.reasons.join('; ')}` : `+ ${state.subject} is missing`);
  answer(options, states.map(({ schemaText: _text, ...state }) => state), () => [...wrong.map(told), `${states.length - wrong.length} of ${states.length} subjects are registered as this build has them`].join('\n'));
  return wrong;
};

export const addContractCommands = (program: Command): void => {
  const topics = program.command('topics').description('declared topics against the cluster');
  const topicOptions = (command: Command): Command =>
    command.option('--partitions <count>', 'in place of the declared number, for new topics').option('--replication-factor <count>').option('--json', 'answer as JSON');
  topicOptions(topics.command('plan').description('show what differs; exit 1 if something does')).action((options: TopicArguments) =>
    withAdmin(options, async (admin, wanted) => {
      const plan = await planTopics(admin, wanted);
      answer(options, plan, () => renderPlan(plan, 'differ'));
      if (plan.differences.length > 0) process.exitCode = 1;
    }));
  topicOptions(topics.command('apply').description('create what is missing, set what differs')).action((options: TopicArguments) =>
    withAdmin(options, async (admin, wanted) => {
      const plan = await applyTopics(admin, wanted);
      answer(options, plan, () => renderPlan(plan, 'applied'));
      if (plan.differences.some(({ kind }) => kind === 'partitions-differ')) process.exitCode = 1;
    }));
  const registry = program.command('schemas').description('schemas of this build against the registry');
  registry.command('check').description('compare, changing nothing; exit 1 if one is missing or incompatible').option('--json', 'answer as JSON').action(async (options: OutputOptions) => {
    if ((await schemas(options, checkSchemas)).length > 0) process.exitCode = 1;
  });
  registry.command('register').description('register what is missing, under full transitive compatibility').option('--json', 'answer as JSON').action(async (options: OutputOptions) => {
    await schemas(options, registerSchemas);
  });
};
