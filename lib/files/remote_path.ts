import { FileError } from "./file_error.ts";

/** Exists for the compiler only, so that no other object passes for a {@linkcode RemotePath}. */
export declare const REMOTE_PATH: unique symbol;

/**
 * A path inside a served folder: validated components below its root, `[]` being the root itself.
 *
 * Only the functions of this file make one, so whoever holds a `RemotePath` need not check it.
 */
export interface RemotePath {
  /** Names from the root down; each has passed {@linkcode validateComponent}. */
  readonly components: readonly string[];
  /** Marks values made here; there is nothing to read. */
  readonly [REMOTE_PATH]: true;
}

/** Names starting so belong to Ferry (staging, journals): never listed, never accepted. */
export const STAGING_PREFIX = ".~ft-";

const MAX_COMPONENT_BYTES = 255;
const MAX_PATH_BYTES = 4096;
const MAX_COMPONENTS = 64;

/** The served folder itself. */
export const REMOTE_ROOT: RemotePath = brand([]);

/**
 * Makes a path from components that came over the wire.
 *
 * Rejects and never repairs: whatever is not already clean was made by a broken or hostile peer.
 *
 * @throws {FileError} `invalid-name` or `name-too-long`.
 */
export function remotePathFromComponents(components: readonly string[]): RemotePath {
  const text = "/" + components.join("/");
  for (const name of components) checkComponent(name, text);
  checkLength(components, text);
  return brand([...components]);
}

/**
 * Resolves what a user typed against the folder the user is in.
 *
 * `/` starts at the root, `.` and repeated slashes are ignored, `..` goes up. Text is brought to
 * NFC, because a keyboard may produce either form.
 *
 * @throws {FileError} `outside` when `..` would leave the root, else as
 * {@linkcode remotePathFromComponents}.
 */
export function resolveRemotePath(base: RemotePath, text: string): RemotePath {
  const components = text.startsWith("/") ? [] : [...base.components];
  for (const part of text.normalize("NFC").split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (components.pop() === undefined) {
        throw new FileError("outside", text, { reason: "path leaves the shared folder" });
      }
      continue;
    }
    checkComponent(part, text);
    components.push(part);
  }
  checkLength(components, text);
  return brand(components);
}

/** Writes a path as users see it: `/` or `/a/b`. */
export function formatRemotePath(path: RemotePath): string {
  return "/" + path.components.join("/");
}

/**
 * Says why a name cannot be a component of a path, or returns `null` when it can.
 *
 * The rules are the same on every system, so that what one end stores the other can store too:
 * Windows device names and characters are refused everywhere, as are names that differ only in
 * what cannot be seen. Emoji presentation (U+FE0F after an emoji) is allowed; the zero-width
 * joiner is not.
 */
export function validateComponent(name: string): string | null {
  if (PLAIN_NAME.test(name) && name.length <= MAX_COMPONENT_BYTES) return null;
  if (name === "") return "name is empty";
  if (name === "." || name === "..") return "name is a reference to a folder";
  if (!name.isWellFormed()) return "name is not valid Unicode";
  if (FORBIDDEN_CHARACTER.test(name)) {
    return 'name has a control character or one of < > : " | ? * \\ /';
  }
  if (INVISIBLE_CHARACTER.test(name)) {
    return "name has an invisible or direction-changing character";
  }
  if (name.endsWith(".") || name.endsWith(" ")) return "name ends in a dot or a space";
  if (DEVICE_NAME.test(name)) return "name is reserved by Windows";
  if (name.toLowerCase().startsWith(STAGING_PREFIX)) {
    return "name is reserved for unfinished transfers";
  }
  if (name.normalize("NFC") !== name) return `name is not in NFC: write "${name.normalize("NFC")}"`;
  if (utf8Length(name) > MAX_COMPONENT_BYTES) return TOO_LONG;
  return null;
}

/** What nearly every name is like, and nothing below forbids: trees of many thousands go through here. */
const PLAIN_NAME = /^(?!con|prn|aux|nul|com|lpt)[0-9a-z_-](?:[0-9a-z_. -]*[0-9a-z_-])?$/i;

const TOO_LONG = "name is longer than 255 bytes";

// deno-lint-ignore no-control-regex
const FORBIDDEN_CHARACTER = /[\u0000-\u001F\u007F-\u009F<>:"|?*\\/]/;

/** Default-ignorable and bidirectional controls, U+FFFD, and variation selectors not after an emoji. */
const INVISIBLE_CHARACTER =
  /[\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u2028-\u202E\u2060-\u206F\u3164\uFE00-\uFE0E\uFEFF\uFFA0\uFFF0-\uFFFB\uFFFD\u{1BCA0}-\u{1BCA3}\u{1D173}-\u{1D17A}\u{E0000}-\u{E0FFF}]|(?<!\p{Emoji})\uFE0F/u;

const DEVICE_NAME = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:[. ].*)?$/i;

function checkComponent(name: string, text: string): void {
  const reason = validateComponent(name);
  if (reason === null) return;
  throw new FileError(reason === TOO_LONG ? "name-too-long" : "invalid-name", text, { reason });
}

function checkLength(components: readonly string[], text: string): void {
  if (components.length > MAX_COMPONENTS) {
    throw new FileError("name-too-long", text, { reason: "path is deeper than 64 folders" });
  }
  const length = components.reduce((sum, name) => sum + utf8Length(name) + 1, 0);
  if (length > MAX_PATH_BYTES) {
    throw new FileError("name-too-long", text, { reason: "path is longer than 4096 bytes" });
  }
}

const encoder = new TextEncoder();
// deno-lint-ignore no-control-regex
const ASCII = /^[\u0000-\u007F]*$/;

/** Only ASCII has as many bytes as UTF-16 units, and most names have nothing else. */
function utf8Length(text: string): number {
  return ASCII.test(text) ? text.length : encoder.encode(text).length;
}

/** Whether a path is somewhere in a folder, which is not in itself. */
export function isBelow(path: RemotePath, folder: RemotePath): boolean {
  return path.components.length > folder.components.length &&
    folder.components.every((name, index) => name === path.components[index]);
}

function brand(components: readonly string[]): RemotePath {
  return Object.freeze({ components: Object.freeze(components) }) as RemotePath;
}
