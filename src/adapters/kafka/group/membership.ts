import type { GroupToJoin, Membership, MembershipListener } from '#saga-core/ports';
import type { KafkaConfig } from '../config.ts';
import { KafkaError } from '../errors.ts';

export type RunningMembership = Membership;

export const joinGroup = (options: {
  readonly config: KafkaConfig; readonly group: GroupToJoin; readonly listener: MembershipListener;
  readonly partitionCount: (topic: string) => Promise<number>;
}): Promise<RunningMembership> =>
  Promise.reject(new KafkaError('KAFKA_REFUSED', `group ${options.group.group}: membership is not built yet`));
