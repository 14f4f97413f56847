/**
 * AES-128-GMAC by the system's libcrypto: tags of leaves of a file, a MiB each.
 *
 * @module
 */
import { InternalError } from "../bytes/invariant.ts";
import {
  checkKeyLengths,
  destroyedKeyError,
  type Gmac,
  noMessageError,
  TAG_BYTES,
} from "./aead.ts";
import { ENCRYPT, type Functions, GET_TAG, NULL, OK } from "./libcrypto_functions.ts";

/** Where GMAC's nonce, tag and a length lie behind its key of 16 bytes. */
const GMAC_NONCE = 16;
const GMAC_TAG = 32;
const GMAC_LENGTH = 48;
const GMAC_BYTES = 64;

/** Tells where buffers lie. */
interface Addresses {
  /** The address of the first byte. */
  addressOf(memory: ArrayBufferLike): bigint;
}

/** Tags of one message after another; see {@linkcode Gmac}. */
export class LibcryptoGmac implements Gmac {
  readonly #addresses: Addresses;
  readonly #functions: Functions;
  /** Key, nonce, tag and a length that nobody reads. */
  readonly #memory = new Uint8Array(GMAC_BYTES);
  readonly #address: bigint;
  /** EVP_CIPHER_CTX; null pointer once destroyed. */
  #context: bigint;
  #isStarted = false;

  /** Makes a context without a key. */
  constructor(addresses: Addresses, functions: Functions) {
    this.#addresses = addresses;
    this.#functions = functions;
    this.#address = addresses.addressOf(this.#memory.buffer);
    this.#context = functions.EVP_CIPHER_CTX_new();
    const cipher = functions.EVP_aes_128_gcm();
    const isReady = this.#context !== NULL && cipher !== NULL &&
      functions.EVP_CipherInit_ex(this.#context, cipher, NULL, NULL, NULL, ENCRYPT) === OK;
    if (isReady) return;
    this.destroy();
    throw new InternalError("libcrypto refuses to make tags");
  }

  start(key: Uint8Array, nonce: Uint8Array): void {
    checkKeyLengths("aes-128-gcm", key, nonce);
    const context = this.#usableContext();
    this.#memory.set(key, 0);
    this.#memory.set(nonce, GMAC_NONCE);
    const { EVP_CipherInit_ex: init } = this.#functions;
    const nonceAddress = this.#at(GMAC_NONCE);
    this.#isStarted = init(context, NULL, NULL, this.#address, nonceAddress, ENCRYPT) === OK;
    this.#memory.fill(0, 0, GMAC_NONCE);
    if (!this.#isStarted) throw tagError();
  }

  update(data: Uint8Array): void {
    const context = this.#usableContext();
    if (!this.#isStarted) throw noMessageError();
    if (data.length > 0x7fff_ffff) throw new RangeError(`Too long a piece: ${data.length} bytes`);
    const bytes = BigInt.asUintN(
      64,
      this.#addresses.addressOf(data.buffer) + BigInt(data.byteOffset),
    );
    const { EVP_CipherUpdate: update } = this.#functions;
    if (update(context, NULL, this.#at(GMAC_LENGTH), bytes, data.length) !== OK) throw tagError();
  }

  tag(): Uint8Array {
    const context = this.#usableContext();
    if (!this.#isStarted) throw noMessageError();
    this.#isStarted = false;
    const tag = this.#at(GMAC_TAG);
    const functions = this.#functions;
    const isDone = functions.EVP_CipherFinal_ex(context, tag, this.#at(GMAC_LENGTH)) === OK &&
      functions.EVP_CIPHER_CTX_ctrl(context, GET_TAG, TAG_BYTES, tag) === OK;
    if (!isDone) throw tagError();
    return this.#memory.slice(GMAC_TAG, GMAC_TAG + TAG_BYTES);
  }

  destroy(): void {
    if (this.#context !== NULL) this.#functions.EVP_CIPHER_CTX_free(this.#context);
    this.#context = NULL;
    this.#isStarted = false;
  }

  #usableContext(): bigint {
    if (this.#context === NULL) throw destroyedKeyError();
    return this.#context;
  }

  #at(offset: number): bigint {
    return BigInt.asUintN(64, this.#address + BigInt(offset));
  }
}

function tagError(): InternalError {
  return new InternalError("libcrypto could not make a tag");
}
