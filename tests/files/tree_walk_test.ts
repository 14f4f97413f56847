import { assertEquals } from "@std/assert";
import type { DirectoryEntry } from "../../lib/files/directory_listing.ts";
import type { FileError } from "../../lib/files/file_error.ts";
import { REMOTE_ROOT } from "../../lib/files/remote_path.ts";
import { walkContents } from "../../lib/files/tree_walk.ts";

/** An entry that the disk lists and tells nothing of. */
function unknown(name: string): DirectoryEntry {
  return { name, kind: "other", sizeBytes: 0, modifiedMs: 0, mode: 0, readable: false };
}

Deno.test("walkContents() says of what it skips whether it is the name, or access", async () => {
  const listed = ["plain.txt", "a:b", "e\u0301", "bytes\uFFFD"].map(unknown);
  const list = async function* () {
    yield* listed;
  };
  const skipped: FileError[] = [];
  const skip = (error: FileError) => void skipped.push(error);
  assertEquals(
    await Array.fromAsync(walkContents(list, REMOTE_ROOT, skip)),
    [],
  );
  assertEquals(skipped.map(({ kind, message }) => `${kind} ${message}`), [
    'permission Cannot use "/plain.txt": access is denied',
    'invalid-name Cannot use "/a:b": name has a control character or one of < > : " | ? * \\ /',
    'invalid-name Cannot use "/e\u0301": name is not in NFC: write "\u00e9"',
    'invalid-name Cannot use "/bytes\uFFFD": name has an invisible or direction-changing character',
  ]);
});
