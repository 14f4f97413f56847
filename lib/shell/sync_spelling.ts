/**
 * What the target of `sync` has under another spelling than the source, because its disk takes both for one name.
 * Unseen, it would be new and too much at the same time: sent, and then deleted.
 *
 * @module
 */

import type { FileStatus } from "../files/mod.ts";
import type { Tree } from "./sync_plan.ts";
import { foldedName } from "./target_names.ts";

/** Two trees in which the same path means the same thing. */
export interface SettledTrees {
  /** The source without what has no place of its own at the target. */
  readonly source: Tree;
  /** The target, spelled as the source is. */
  readonly target: Tree;
  /** What is missing in the source, topmost only, with the path that it shares a name with at the target. */
  readonly leftOut: readonly { readonly path: string; readonly first: string }[];
}

/**
 * Finds out what of the source is at the target under another name.
 *
 * @param has Whether the target finds anything under a path; asked only where it lists a name that is nearly the same.
 */
export async function settleSpelling(
  source: Tree,
  target: Tree,
  has: (path: string) => Promise<boolean>,
): Promise<SettledTrees> {
  const settledSource = new Map<string, FileStatus>();
  const leftOut: { path: string; first: string }[] = [];
  let settledTarget = target;
  let spellings: ReadonlyMap<string, string> | null = null;
  for (const [path, status] of source) {
    if (leftOut.some((above) => path.startsWith(`${above.path}/`))) continue;
    if (!settledTarget.has(path)) {
      spellings ??= spellingsOf(source, settledTarget);
      const listed = spellings.get(folded(path));
      if (listed !== undefined && await has(path)) {
        if (source.has(listed)) {
          leftOut.push({ path, first: listed });
          continue;
        }
        settledTarget = respelled(settledTarget, listed, path);
        spellings = null;
      }
    }
    settledSource.set(path, status);
  }
  return { source: settledSource, target: settledTarget, leftOut };
}

/** The paths of the target by what they have in common with other spellings of their last name. */
function spellingsOf(source: Tree, target: Tree): Map<string, string> {
  const spellings = new Map<string, string>();
  for (const path of target.keys()) {
    const key = folded(path);
    const other = spellings.get(key);
    // What the source does not have is more likely the one: a disk that tells the two apart lists both.
    if (other === undefined || source.has(other)) spellings.set(key, path);
  }
  return spellings;
}

function folded(path: string): string {
  const end = path.lastIndexOf("/") + 1;
  return path.slice(0, end) + foldedName(path.slice(end));
}

/** The same tree with another name for one thing in it. */
function respelled(tree: Tree, from: string, to: string): Tree {
  return new Map([...tree].map(([path, status]) => {
    const isMeant = path === from || path.startsWith(`${from}/`);
    return [isMeant ? to + path.slice(from.length) : path, status];
  }));
}
