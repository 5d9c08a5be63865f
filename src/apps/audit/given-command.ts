/** A command as its entity was given it. */
export type GivenCommand = { readonly key: string; readonly partition: number; readonly offset: number; readonly type: string; readonly payload: unknown };

/** What is kept of it until the end. */
export type Placed<Command> = { readonly partition: number; readonly offset: number; readonly command: Command };

/** Whether a record lies in dead letters: nobody has acted on it. Topic without the namespace. */
export type IsRefused = (at: { readonly topic: string; readonly partition: number; readonly offset: number }) => boolean;
