/** Runs code that watches a call of the app. What it throws surfaces as an uncaught error, never in that call. */
export function guarded<T>(watch: () => T): T | undefined {
  try {
    return watch();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
    return undefined;
  }
}
