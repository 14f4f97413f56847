/**
 * Who may: what each side keeps to recognise the other, and the proof of an access code.
 *
 * @module
 */
export type { Entropy } from "../crypto/mod.ts";
export { createCode, formatCode, normalCode } from "./access_code.ts";
export { AuthorizedClients, type GrantedRole } from "./authorized_clients.ts";
export { type ProofChannel, startCodeProof } from "./code_proof.ts";
export { type PrivatePaths, privatePaths } from "./config_folder.ts";
export { type Cookie, readCookies, writeCookie } from "./cookie_file.ts";
export { type Guess, GuessLimiter } from "./guess_limiter.ts";
export { loadIdentity, type StoredIdentity } from "./identity_store.ts";
export {
  KnownServers,
  type ServerName,
  serverNameText,
  type ServerStanding,
} from "./known_servers.ts";
export { PrivateFolder, type PrivateFolderOptions } from "./private_folder.ts";
