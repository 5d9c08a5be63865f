import { partitionFor } from '#kernel';

/** An id whose records lie on the same partition: what is written of it lies behind what was written of the other before. */
export const idBeside = (id: string, partitionCount = 2): string => {
  const wanted = partitionFor(id, partitionCount);
  let number = 1;
  while (partitionFor(`${id}-next-${number}`, partitionCount) !== wanted) number++;
  return `${id}-next-${number}`;
};
