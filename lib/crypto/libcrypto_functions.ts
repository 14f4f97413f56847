/**
 * The functions of libcrypto (OpenSSL 1.1.1 or 3) that we call, and the numbers that they take.
 *
 * @module
 */

/** What `dlopen` is asked for. Every pointer is a `u64`; `libcrypto.ts` says why. */
export const SYMBOLS = {
  EVP_CIPHER_CTX_new: { parameters: [], result: "u64" },
  EVP_CIPHER_CTX_free: { parameters: ["u64"], result: "void" },
  EVP_aes_128_gcm: { parameters: [], result: "u64" },
  EVP_chacha20_poly1305: { parameters: [], result: "u64" },
  // (context, cipher, engine, key, iv, isEncrypting); null pointers keep what is set.
  EVP_CipherInit_ex: { parameters: ["u64", "u64", "u64", "u64", "u64", "i32"], result: "i32" },
  // (context, out, outLength, in, inLength); without `out` the input is associated data.
  EVP_CipherUpdate: { parameters: ["u64", "u64", "u64", "u64", "i32"], result: "i32" },
  // (context, out, outLength); when decrypting, 0 if the tag is wrong.
  EVP_CipherFinal_ex: { parameters: ["u64", "u64", "u64"], result: "i32" },
  // (context, command, length, pointer)
  EVP_CIPHER_CTX_ctrl: { parameters: ["u64", "i32", "i32", "u64"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The library, loaded. */
export type Library = Deno.DynamicLibrary<typeof SYMBOLS>;

/** Its functions. */
export type Functions = Library["symbols"];

/** The null pointer. */
export const NULL = 0n;
/** Direction of a cipher. */
export const DECRYPT = 0;
/** Direction of a cipher. */
export const ENCRYPT = 1;
/** What a function returns when it has done what it was asked for. */
export const OK = 1;
/** EVP_CTRL_AEAD_GET_TAG. */
export const GET_TAG = 0x10;
/** EVP_CTRL_AEAD_SET_TAG. */
export const SET_TAG = 0x11;
