/**
 * The congestion controller a user names → the one in the file of that name.
 *
 * @module
 */

import { UsageError } from "../shell/mod.ts";
import type { TransportConfig } from "../transport/mod.ts";

/** What a controller's file exports. */
export type CongestionControllerFactory = TransportConfig["congestion"];

/**
 * Imports the file of a controller. It lives in the entry points: only an import written there as
 * a template literal takes the whole folder into the program.
 */
export type ControllerImport = (name: string) => Promise<unknown>;

/** Names that come with the program, for messages. */
const KNOWN = ["bbr", "cubic", "new_reno", "polite"];

/**
 * The controller of that name; null for the default.
 *
 * @throws {UsageError} When there is no such controller.
 */
export async function loadController(
  name: string | null,
  importController: ControllerImport,
): Promise<CongestionControllerFactory | null> {
  if (name === null) return null;
  const module = await importOrNull(name, importController);
  if (!isControllerModule(module)) {
    throw new UsageError(
      `No congestion controller "${name}". There are: ${KNOWN.join(", ")}`,
    );
  }
  return module.congestionController;
}

async function importOrNull(name: string, importController: ControllerImport): Promise<unknown> {
  try {
    return await importController(name);
  } catch (error) {
    if (error instanceof TypeError) return null; // module not found
    throw error;
  }
}

function isControllerModule(
  module: unknown,
): module is { readonly congestionController: CongestionControllerFactory } {
  if (typeof module !== "object" || module === null) return false;
  const { congestionController } = module as { congestionController?: unknown };
  return typeof congestionController === "object" && congestionController !== null &&
    "create" in congestionController;
}
