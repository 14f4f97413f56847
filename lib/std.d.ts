/**
 * Types of the standard modules.
 *
 * The package that the import map names ships plain JavaScript, so without this file every import
 * from it would be `any`. Each `declare module` carries the bare name that the sources import, and
 * the signatures of the functions that a program like this one needs. Documentation:
 * `https://jsr.io/@std`.
 *
 * `@std/cli` stands for its argument parser alone: the package's own `cli/mod.js` imports a table
 * (`_data.json`) that was not published, and cannot be loaded.
 */

declare module "@std/path" {
  export const DELIMITER: string;
  export const SEPARATOR: string;
  export const SEPARATOR_PATTERN: RegExp;

  export interface ParsedPath {
    root: string;
    dir: string;
    base: string;
    ext: string;
    name: string;
  }

  export interface GlobOptions {
    extended?: boolean;
    globstar?: boolean;
    caseInsensitive?: boolean;
  }

  export interface GlobToRegExpOptions extends GlobOptions {
    os?: "darwin" | "linux" | "windows";
  }

  export function basename(path: string | URL, suffix?: string): string;
  export function common(paths: readonly string[]): string;
  export function dirname(path: string | URL): string;
  export function extname(path: string | URL): string;
  export function format(path: Partial<ParsedPath>): string;
  export function fromFileUrl(url: string | URL): string;
  export function globToRegExp(glob: string, options?: GlobToRegExpOptions): RegExp;
  export function isAbsolute(path: string): boolean;
  export function isGlob(text: string): boolean;
  export function join(path?: string | URL, ...paths: string[]): string;
  export function joinGlobs(globs: readonly string[], options?: GlobOptions): string;
  export function normalize(path: string | URL): string;
  export function normalizeGlob(glob: string, options?: GlobOptions): string;
  export function parse(path: string): ParsedPath;
  export function relative(from: string, to: string): string;
  export function resolve(...paths: string[]): string;
  export function toFileUrl(path: string): URL;
  export function toNamespacedPath(path: string): string;
}

declare module "@std/fs" {
  export interface CopyOptions {
    overwrite?: boolean;
    preserveTimestamps?: boolean;
  }

  export interface ExistsOptions {
    isReadable?: boolean;
    isDirectory?: boolean;
    isFile?: boolean;
  }

  export interface ExpandGlobOptions {
    root?: string;
    exclude?: string[];
    includeDirs?: boolean;
    followSymlinks?: boolean;
    canonicalize?: boolean;
    extended?: boolean;
    globstar?: boolean;
    caseInsensitive?: boolean;
  }

  export interface MoveOptions {
    overwrite?: boolean;
  }

  export interface WalkOptions {
    maxDepth?: number;
    includeFiles?: boolean;
    includeDirs?: boolean;
    includeSymlinks?: boolean;
    followSymlinks?: boolean;
    canonicalize?: boolean;
    exts?: string[];
    match?: RegExp[];
    skip?: RegExp[];
  }

  export interface WalkEntry extends Deno.DirEntry {
    path: string;
  }

  export function copy(from: string | URL, to: string | URL, options?: CopyOptions): Promise<void>;
  export function copySync(from: string | URL, to: string | URL, options?: CopyOptions): void;
  export function emptyDir(directory: string | URL): Promise<void>;
  export function emptyDirSync(directory: string | URL): void;
  export function ensureDir(directory: string | URL): Promise<void>;
  export function ensureDirSync(directory: string | URL): void;
  export function ensureFile(path: string | URL): Promise<void>;
  export function ensureFileSync(path: string | URL): void;
  export function ensureLink(from: string | URL, to: string | URL): Promise<void>;
  export function ensureLinkSync(from: string | URL, to: string | URL): void;
  export function ensureSymlink(target: string | URL, name: string | URL): Promise<void>;
  export function ensureSymlinkSync(target: string | URL, name: string | URL): void;
  export function exists(path: string | URL, options?: ExistsOptions): Promise<boolean>;
  export function existsSync(path: string | URL, options?: ExistsOptions): boolean;
  export function expandGlob(
    glob: string | URL,
    options?: ExpandGlobOptions,
  ): AsyncIterableIterator<WalkEntry>;
  export function expandGlobSync(
    glob: string | URL,
    options?: ExpandGlobOptions,
  ): IterableIterator<WalkEntry>;
  export function move(from: string | URL, to: string | URL, options?: MoveOptions): Promise<void>;
  export function moveSync(from: string | URL, to: string | URL, options?: MoveOptions): void;
  export function walk(
    root: string | URL,
    options?: WalkOptions,
  ): AsyncIterableIterator<WalkEntry>;
  export function walkSync(
    root: string | URL,
    options?: WalkOptions,
  ): IterableIterator<WalkEntry>;
}

declare module "@std/cli" {
  export interface ParseOptions<
    Flag extends string,
    Text extends string,
    Many extends string,
    Negatable extends string,
  > {
    /** Options that are true when given and false when not. */
    boolean?: readonly Flag[];
    /** Options that take text. List "_" to keep positional arguments from turning into numbers. */
    string?: readonly Text[];
    /** Options that may be given several times; they are always arrays. */
    collect?: readonly Many[];
    /** Flags that `--no-name` sets to false. */
    negatable?: readonly Negatable[];
    alias?: Readonly<Record<string, string | readonly string[]>>;
    default?: Readonly<Record<string, unknown>>;
    /** Everything after the first positional argument is positional too. */
    stopEarly?: boolean;
    /** Puts what follows a bare `--` into the result under "--". */
    "--"?: boolean;
    /** Called for each option not named above; returning false leaves it out of the result. */
    unknown?: (argument: string, key?: string, value?: unknown) => unknown;
  }

  export type ParsedArguments<Flag extends string, Text extends string, Many extends string> =
    & { [Name in Exclude<Flag, Many>]: boolean }
    & { [Name in Extract<Flag, Many>]: boolean[] }
    & { [Name in Exclude<Text, Many | "_">]: string | undefined }
    & { [Name in Extract<Text, Many>]: string[] }
    & { _: "_" extends Text ? string[] : (string | number)[]; "--"?: string[] }
    & Record<string, unknown>;

  export function parseArgs<
    const Flag extends string = never,
    const Text extends string = never,
    const Many extends string = never,
    const Negatable extends string = never,
  >(
    args: readonly string[],
    options?: ParseOptions<Flag, Text, Many, Negatable>,
  ): ParsedArguments<Flag, Text, Many>;
}

declare module "@std/cli/prompt-secret" {
  export interface PromptSecretOptions {
    /** What is shown for each character; "" shows nothing. */
    mask?: string;
    /** Removes the prompt line afterwards. */
    clear?: boolean;
  }

  /** Asks for text without showing it; null when standard input is no terminal. */
  export function promptSecret(message?: string, options?: PromptSecretOptions): string | null;
}

declare module "@std/assert" {
  // deno-lint-ignore no-explicit-any
  type ErrorClass<Kind extends Error = Error> = abstract new (...args: any[]) => Kind;
  type Falsy = false | 0 | 0n | "" | null | undefined;

  export class AssertionError extends Error {
    constructor(message: string, options?: ErrorOptions);
  }

  export function assert(condition: unknown, message?: string): asserts condition;
  export function assertAlmostEquals(
    actual: number,
    expected: number,
    tolerance?: number,
    message?: string,
  ): void;
  export function assertArrayIncludes<Item>(
    actual: ArrayLike<Item>,
    expected: ArrayLike<Item>,
    message?: string,
  ): void;
  export function assertEquals<Value>(actual: Value, expected: Value, message?: string): void;
  export function assertExists<Value>(
    actual: Value,
    message?: string,
  ): asserts actual is NonNullable<Value>;
  export function assertFalse(condition: unknown, message?: string): asserts condition is Falsy;
  export function assertGreater<Value>(actual: Value, expected: Value, message?: string): void;
  export function assertGreaterOrEqual<Value>(
    actual: Value,
    expected: Value,
    message?: string,
  ): void;
  export function assertInstanceOf<
    // deno-lint-ignore no-explicit-any
    Class extends abstract new (...args: any[]) => any,
  >(
    actual: unknown,
    expectedType: Class,
    message?: string,
  ): asserts actual is InstanceType<Class>;
  export function assertIsError<Kind extends Error = Error>(
    error: unknown,
    errorClass?: ErrorClass<Kind>,
    messageMatches?: string | RegExp,
    message?: string,
  ): asserts error is Kind;
  export function assertLess<Value>(actual: Value, expected: Value, message?: string): void;
  export function assertLessOrEqual<Value>(actual: Value, expected: Value, message?: string): void;
  export function assertMatch(actual: string, expected: RegExp, message?: string): void;
  export function assertNotEquals<Value>(actual: Value, expected: Value, message?: string): void;
  export function assertNotInstanceOf<Value, Unexpected>(
    actual: Value,
    // deno-lint-ignore no-explicit-any
    unexpectedType: abstract new (...args: any[]) => Unexpected,
    message?: string,
  ): asserts actual is Exclude<Value, Unexpected>;
  export function assertNotMatch(actual: string, expected: RegExp, message?: string): void;
  export function assertNotStrictEquals<Value>(
    actual: Value,
    expected: Value,
    message?: string,
  ): void;
  export function assertObjectMatch(
    // deno-lint-ignore no-explicit-any
    actual: Record<PropertyKey, any>,
    expected: Record<PropertyKey, unknown>,
    message?: string,
  ): void;
  export function assertRejects(
    run: () => PromiseLike<unknown>,
    message?: string,
  ): Promise<unknown>;
  export function assertRejects<Kind extends Error = Error>(
    run: () => PromiseLike<unknown>,
    errorClass: ErrorClass<Kind>,
    messageIncludes?: string,
    message?: string,
  ): Promise<Kind>;
  export function assertStrictEquals<Value>(
    actual: unknown,
    expected: Value,
    message?: string,
  ): asserts actual is Value;
  export function assertStringIncludes(actual: string, expected: string, message?: string): void;
  export function assertThrows(run: () => unknown, message?: string): unknown;
  export function assertThrows<Kind extends Error = Error>(
    run: () => unknown,
    errorClass: ErrorClass<Kind>,
    messageIncludes?: string,
    message?: string,
  ): Kind;
  export function equal(left: unknown, right: unknown): boolean;
  export function fail(message?: string): never;
  export function unimplemented(message?: string): never;
  export function unreachable(message?: string): never;
}
