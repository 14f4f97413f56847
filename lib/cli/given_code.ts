/**
 * The access code that was given beforehand: in a file or in the environment, never as an argument, where
 * every user of the machine could read it.
 *
 * @module
 */

import { normalCode } from "../access/mod.ts";
import { fileErrorFrom, readUserFile } from "../files/mod.ts";
import { SubjectError, UsageError } from "../shell/mod.ts";
import { environmentVariable } from "./environment.ts";

const MAX_FILE_BYTES = 4_096;

/**
 * The code in its normal form; null when none was given. A file counts before the environment.
 *
 * @throws {UsageError} when what was given cannot be a code.
 * @throws {SubjectError} when the file cannot be read.
 */
export async function givenCode(file: string | null): Promise<string | null> {
  const text = file === null ? environmentVariable("FERRY_CODE") : await firstLine(file);
  if (text === undefined || (file === null && text === "")) return null;
  const code = normalCode(text);
  if (code !== null) return code;
  const origin = file === null ? "FERRY_CODE" : file;
  throw new UsageError(
    `No access code in ${origin}: expected at least 8 letters and digits, such as K7QF-9X2M`,
  );
}

async function firstLine(file: string): Promise<string> {
  try {
    const content = await readUserFile(file, MAX_FILE_BYTES);
    return new TextDecoder().decode(content).trim().split("\n")[0] ?? "";
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message, { cause: error });
    throw new SubjectError(`${file} (--code-file)`, fileErrorFrom(error, file));
  }
}
