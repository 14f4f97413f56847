/**
 * Files outside any served folder that the user of this program names, read where their links lead.
 *
 * @module
 */

/**
 * Reads a file that the user of this program names, links and pipes included.
 *
 * @throws {RangeError} when it holds more than `limitBytes`.
 */
export async function readUserFile(path: string, limitBytes: number): Promise<Uint8Array> {
  const file = await Deno.open(path);
  try {
    const content = new Uint8Array(limitBytes + 1);
    let length = 0;
    while (length < content.length) {
      const count = await file.read(content.subarray(length));
      if (count === null) return content.subarray(0, length);
      length += count;
    }
    throw new RangeError(`Expected at most ${limitBytes} bytes in ${path}`);
  } finally {
    file.close();
  }
}

/** Where a path that the user of this program names leads once its links are followed, absolute. */
export async function followUserLinks(path: string): Promise<string> {
  return await Deno.realPath(path);
}
