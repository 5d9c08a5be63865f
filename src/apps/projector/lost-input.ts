/** Why a projection refuses to go on, whatever is tried again. */
export type ProjectionRefusal = 'READ_MODEL_INPUT_LOST';

const INPUT_LOST: ProjectionRefusal = 'READ_MODEL_INPUT_LOST';

type Position = {
  readonly projection: string;
  /** `topic/partition`. */
  readonly partition: string;
  /** Everything before it was read; null: nothing was. */
  readonly known: number | null;
  readonly logStart: number;
  readonly logEnd: number;
};

/** Why a read model cannot go on from where it stands: records that it has not read are not on the log any more. Null where it can. */
export const lostInput = ({ projection, partition, known, logStart, logEnd }: Position): string | null => {
  if (known === null || (known >= logStart && known <= logEnd)) return null;
  const what = known < logStart ? `begins at ${logStart}: what lay between was deleted unread` : `ends at ${logEnd}: the topic was made anew, or cut`;
  return `${INPUT_LOST}: the read model holds everything before ${known} of ${partition}, but the log ${what}; \`chorus projection rebuild ${projection}\` builds it from what the log still holds`;
};
