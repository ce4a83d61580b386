/** Whether all these properties can be overridden on the object itself (a mock may be frozen or sealed). */
export function overridable(target: object, names: readonly string[]): boolean {
  if (!Object.isExtensible(target)) return false;
  return names.every((name) => Object.getOwnPropertyDescriptor(target, name)?.configurable !== false);
}

/** What the property gives without our override, read anew each time: `clone()` changes a native `body`. */
export function inherited(target: object, name: string): () => unknown {
  const own = Object.getOwnPropertyDescriptor(target, name);
  if (own === undefined) return () => Reflect.get(Object.getPrototypeOf(target), name, target);
  return own.get === undefined ? () => own.value : own.get.bind(target);
}

/** Overrides what exists; an undefined method stands for one that does not. */
export function overrideMethods(target: object, methods: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(methods)) {
    if (value !== undefined)
      Object.defineProperty(target, name, { value, configurable: true, writable: true });
  }
}

export function overrideGetter(target: object, name: string, get: () => unknown): void {
  Object.defineProperty(target, name, { get, configurable: true });
}
