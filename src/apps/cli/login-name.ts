import { userInfo } from 'node:os';

/** Who runs this process, for the record of an order: in a container a uid often has no name. */
export const loginName = (ask: () => { readonly username: string } = userInfo, uid: number | undefined = process.getuid?.()): string => {
  try {
    return ask().username;
  } catch {
    return `uid-${String(uid ?? 'unknown')}`;
  }
};
