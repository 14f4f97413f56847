/**
 * Does something with each item, so many at the same time. After a failure no more are begun.
 *
 * @throws The first failure, when all that were under way have ended.
 */
export async function forEachOf<Item>(
  items: Iterable<Item>,
  parallel: number,
  act: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  let failure: { readonly error: unknown } | null = null;
  const worker = async () => {
    while (failure === null) {
      const next = queue.next();
      if (next.done) return;
      try {
        await act(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  throwFailure(failure);
}

/** A function, because control flow analysis does not see the assignment inside the worker. */
function throwFailure(failure: { readonly error: unknown } | null): void {
  if (failure !== null) throw failure.error;
}
