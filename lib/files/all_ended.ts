/**
 * Waits until all have ended, then gives what they resolved to: nobody is still at work when this throws.
 *
 * @throws The first failure in the order given.
 */
export async function allEnded<Results extends readonly unknown[]>(
  work: { readonly [Index in keyof Results]: Promise<Results[Index]> },
): Promise<Results> {
  await Promise.allSettled(work);
  return await Promise.all(work) as unknown as Results;
}
