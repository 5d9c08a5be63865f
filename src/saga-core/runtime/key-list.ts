/** A set of a few strings: one or two, nearly always, of thousands of instances, each of which would make a hash table of its own. */
export class KeyList implements Iterable<string> {
  readonly #keys: string[];

  constructor(keys: readonly string[] = []) {
    this.#keys = [...keys];
  }

  get size(): number {
    return this.#keys.length;
  }

  has(key: string): boolean {
    return this.#keys.includes(key);
  }

  add(key: string): void {
    if (!this.#keys.includes(key)) this.#keys.push(key);
  }

  delete(key: string): void {
    const at = this.#keys.indexOf(key);
    if (at >= 0) this.#keys.splice(at, 1);
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#keys[Symbol.iterator]();
  }
}
