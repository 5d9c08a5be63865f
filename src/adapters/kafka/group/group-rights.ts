import type { ClusterView } from '../cluster.ts';
import { codeName, NOT_AUTHORISED } from '../error-codes.ts';
import { isLostAnswer, KafkaError } from '../errors.ts';
import { heartbeatV4 } from '../protocol/heartbeat-v4.ts';

const DEADLINE_MS = 10_000;
/** Nobody has it: the broker looks at the rights first, and then does not know the member. */
const NOBODY = { memberId: 'nobody', generationId: -1 };

const forbidden = (groupId: string, code: number): KafkaError =>
  new KafkaError('KAFKA_NOT_AUTHORISED', `group ${groupId}: ${codeName(code)}: grant READ on the group`, { brokerCode: code });

/**
 * Rejects with KAFKA_NOT_AUTHORISED when this user may not join the group. Asked by the heartbeat of a member that does not
 * exist, which needs the same right as JoinGroup, answers at once and changes nothing. Whoever cannot be asked now joins later.
 */
export const checkGroupRights = async (cluster: ClusterView, groupId: string): Promise<void> => {
  try {
    const { errorCode } = await cluster.askCoordinator(
      { type: 'group', key: groupId, deadlineMs: performance.now() + DEADLINE_MS }, heartbeatV4({ groupId, ...NOBODY }), (answer) => answer.errorCode,
    );
    if (NOT_AUTHORISED.has(errorCode)) throw forbidden(groupId, errorCode);
  } catch (thrown) {
    if (!(thrown instanceof KafkaError)) throw thrown;
    if (thrown.code === 'KAFKA_REFUSED' && thrown.brokerCode !== undefined && NOT_AUTHORISED.has(thrown.brokerCode)) throw forbidden(groupId, thrown.brokerCode);
    if (!isLostAnswer(thrown) && thrown.code !== 'KAFKA_REFUSED') throw thrown;
  }
};
