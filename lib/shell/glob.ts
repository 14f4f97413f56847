/**
 * File patterns: `*`, `?`, `[a-z]`, `[!a-z]`, a backslash for a literal character; one component at a time.
 *
 * Matching takes time proportional to pattern × name, whatever the pattern, so a hostile name costs nothing.
 *
 * @module
 */

/** One component of a pattern. */
export interface GlobComponent {
  /** The name itself when the component has no pattern character, else null. */
  readonly literal: string | null;
  /** The component taken as a plain name: `a[1].txt` may be one. */
  readonly plain: string;
  /** Whether a name fits. A leading dot must be asked for. */
  matches(name: string): boolean;
}

/** What `expandGlob` needs to know of a listed name. */
export interface GlobEntry {
  /** Name inside its folder. */
  readonly name: string;
  /** Folders are entered when more of the pattern follows. */
  readonly isFolder: boolean;
  /** Whether Ferry moves something of this name; it is reported if not. */
  readonly isUsable: boolean;
}

/** A path that a pattern matched. */
export interface GlobMatch<Entry extends GlobEntry> {
  /** The path in the form the pattern had: absolute or relative, `/` between components. */
  readonly path: string;
  /** How it was listed. */
  readonly entry: Entry;
}

/** Parses one component of a pattern. */
export function parseGlobComponent(pattern: string): GlobComponent {
  const tokens = tokenize(pattern);
  if (tokens.every((token) => token.kind === "literal")) {
    const literal = tokens.map((token) => token.kind === "literal" ? token.character : "").join("");
    return { literal, plain: literal, matches: (name) => name === literal };
  }
  const wantsDot = tokens[0]?.kind === "literal" && tokens[0].character === ".";
  return {
    literal: null,
    plain: pattern.replace(/\\(.)/gs, "$1"),
    matches: (name) => (wantsDot || !name.startsWith(".")) && matchTokens(tokens, [...name]),
  };
}

/**
 * Finds the paths that fit a pattern, sorted as the listings are.
 *
 * @param list Entries of a folder, given its path in the pattern's form ("" is where the pattern starts).
 *   What it throws for a folder reached through a pattern character counts as an empty folder.
 */
export async function expandGlob<Entry extends GlobEntry>(
  pattern: string,
  list: (folder: string) => Promise<readonly Entry[]>,
): Promise<GlobMatch<Entry>[]> {
  const components = pattern.split("/").filter((part) => part !== "").map(parseGlobComponent);
  const last = components.pop();
  let folders = [pattern.startsWith("/") ? "/" : ""];
  let isListed = false;
  for (const component of components) {
    const next: string[] = [];
    for (const folder of folders) {
      if (component.literal !== null) {
        next.push(joinPath(folder, component.literal));
        continue;
      }
      for (const { name, isFolder, isUsable } of await matching(folder, component)) {
        if (isFolder && isUsable) next.push(joinPath(folder, name));
      }
    }
    isListed ||= component.literal === null;
    folders = next;
  }
  const found: GlobMatch<Entry>[] = [];
  for (const folder of last === undefined ? [] : folders) {
    for (const entry of await matching(folder, last!)) {
      found.push({ path: joinPath(folder, entry.name), entry });
    }
  }
  return found;

  async function matching(folder: string, component: GlobComponent): Promise<readonly Entry[]> {
    return matchesAmong(await listOrNothing(list, folder, isListed), component);
  }
}

/** Who names something exactly means that, and nothing else that the same text would match as a pattern. */
function matchesAmong<Entry extends GlobEntry>(
  entries: readonly Entry[],
  component: GlobComponent,
): readonly Entry[] {
  const exact = entries.find(({ name }) => name === component.plain);
  return exact === undefined ? entries.filter(({ name }) => component.matches(name)) : [exact];
}

type Token =
  | { kind: "literal"; character: string }
  | { kind: "one" }
  | { kind: "any" }
  | { kind: "set"; isNegated: boolean; ranges: readonly (readonly [number, number])[] };

function tokenize(pattern: string): Token[] {
  const characters = [...pattern];
  const tokens: Token[] = [];
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index]!;
    if (character === "\\" && index + 1 < characters.length) {
      tokens.push({ kind: "literal", character: characters[++index]! });
    } else if (character === "*") {
      if (tokens.at(-1)?.kind !== "any") tokens.push({ kind: "any" });
    } else if (character === "?") {
      tokens.push({ kind: "one" });
    } else if (character === "[") {
      const set = readSet(characters, index);
      if (set === null) {
        tokens.push({ kind: "literal", character });
      } else {
        tokens.push(set.token);
        index = set.end;
      }
    } else {
      tokens.push({ kind: "literal", character });
    }
  }
  return tokens;
}

function readSet(
  characters: readonly string[],
  start: number,
): { token: Token; end: number } | null {
  let index = start + 1;
  const isNegated = characters[index] === "!" || characters[index] === "^";
  if (isNegated) index++;
  const ranges: [number, number][] = [];
  for (let isFirst = true; index < characters.length; isFirst = false) {
    let character = characters[index++]!;
    if (character === "]" && !isFirst) {
      return { token: { kind: "set", isNegated, ranges }, end: index - 1 };
    }
    if (character === "\\" && index < characters.length) character = characters[index++]!;
    const low = character.codePointAt(0)!;
    if (
      characters[index] === "-" && index + 1 < characters.length && characters[index + 1] !== "]"
    ) {
      ranges.push([low, characters[index + 1]!.codePointAt(0)!]);
      index += 2;
    } else {
      ranges.push([low, low]);
    }
  }
  return null;
}

/** Greedy match that goes back to the last `*` only: O(pattern × name). */
function matchTokens(tokens: readonly Token[], name: readonly string[]): boolean {
  let token = 0;
  let position = 0;
  let starToken = -1;
  let starPosition = 0;
  while (position < name.length) {
    const current = tokens[token];
    if (current?.kind === "any") {
      starToken = token++;
      starPosition = position;
    } else if (current !== undefined && matchesOne(current, name[position]!)) {
      token++;
      position++;
    } else if (starToken >= 0) {
      token = starToken + 1;
      position = ++starPosition;
    } else {
      return false;
    }
  }
  while (tokens[token]?.kind === "any") token++;
  return token === tokens.length;
}

function matchesOne(token: Token, character: string): boolean {
  if (token.kind === "literal") return token.character === character;
  if (token.kind !== "set") return token.kind === "one";
  const code = character.codePointAt(0)!;
  return token.ranges.some(([low, high]) => code >= low && code <= high) !== token.isNegated;
}

async function listOrNothing<Entry extends GlobEntry>(
  list: (folder: string) => Promise<readonly Entry[]>,
  folder: string,
  isPatternMatch: boolean,
): Promise<readonly Entry[]> {
  if (!isPatternMatch) return await list(folder);
  try {
    return await list(folder);
  } catch {
    return [];
  }
}

function joinPath(folder: string, name: string): string {
  if (folder === "") return name;
  return folder.endsWith("/") ? `${folder}${name}` : `${folder}/${name}`;
}
