import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  FileError,
  formatRemotePath,
  REMOTE_ROOT,
  remotePathFromComponents,
  resolveRemotePath,
  validateComponent,
} from "../../lib/files/mod.ts";

const HOSTILE = [
  "",
  ".",
  "..",
  "a/b",
  "/etc",
  "a\\b",
  "..\\..\\x",
  "C:",
  "C:\\x",
  "file:stream",
  "a<b",
  "a>b",
  'a"b',
  "a|b",
  "a?b",
  "a*b",
  "nul\0byte",
  "line\nfeed",
  "carriage\rreturn",
  "escape\x1b[2J",
  "delete\x7f",
  "c1\x9bcontrol",
  "lone\ud800surrogate",
  "\udc00",
  "CON",
  "nul",
  "NUL .txt",
  "nul.tar.gz",
  "Aux.c",
  "COM1",
  "com¹.log",
  "LPT9.txt",
  "conin$",
  "CONOUT$",
  "trailing.",
  "trailing ",
  "...",
  "right\u202eto-left",
  "zero\u200bwidth",
  "joined\u200dtogether",
  "isolate\u2066d",
  "\ufeffmark",
  "soft\u00adhyphen",
  "replaced\ufffd",
  "tag\u{e0041}",
  "selector\ufe0f",
  "e\u0301", // NFD
  ".~ft-staging",
  ".~FT-x",
  "a".repeat(256),
  "é".repeat(128), // 256 bytes
];

const LEGAL = [
  "a",
  ".hidden",
  "..a",
  "a..b",
  "-rf",
  "--help",
  "$(reboot)",
  "`id`",
  "a b",
  "  leading",
  "it's",
  "100%",
  "a;b&c",
  "~",
  "#x#",
  "console.txt",
  "com10",
  "com",
  "nulle",
  "lpt.txt",
  "café",
  "日本語",
  "файл",
  "😀.png",
  "❤\ufe0f.txt",
  "1\ufe0f\u20e3",
  "a".repeat(255),
  "é".repeat(127),
];

Deno.test("validateComponent() refuses every hostile name", () => {
  for (const name of HOSTILE) {
    assert(validateComponent(name) !== null, `accepted ${JSON.stringify(name)}`);
    const error = assertThrows(() => remotePathFromComponents(["ok", name]), FileError);
    assert(error.kind === "invalid-name" || error.kind === "name-too-long");
  }
});

Deno.test("validateComponent() accepts every legal name", () => {
  for (const name of LEGAL) assertEquals(validateComponent(name), null, JSON.stringify(name));
});

Deno.test("remotePathFromComponents() keeps components as they are, or refuses", () => {
  let state = 12345;
  const next = (bound: number) => (state = (state * 48271) % 0x7fff_ffff) % bound;
  const pieces = [...HOSTILE, ...LEGAL, "/", "\\", "..", "a", "b", ":"];
  for (let round = 0; round < 5000; round++) {
    const name = Array.from({ length: 1 + next(3) }, () => pieces[next(pieces.length)]!).join("");
    if (validateComponent(name) !== null) continue;
    const path = remotePathFromComponents(["x", name]);
    assertEquals(path.components, ["x", name]);
    const below = new URL(path.components.map(encodeURIComponent).join("/"), "file:///root/");
    assertEquals(below.pathname.split("/").length, 4, JSON.stringify(name));
  }
});

Deno.test("remotePathFromComponents() refuses paths that are too deep or too long", () => {
  remotePathFromComponents(Array(64).fill("a"));
  const tooDeep = assertThrows(() => remotePathFromComponents(Array(65).fill("a")), FileError);
  assertEquals(tooDeep.kind, "name-too-long");
  remotePathFromComponents(Array(16).fill("a".repeat(255)));
  const tooLong = assertThrows(
    () => remotePathFromComponents(Array(17).fill("a".repeat(255))),
    FileError,
  );
  assertEquals(tooLong.kind, "name-too-long");
});

Deno.test("resolveRemotePath() understands what users type", () => {
  const base = remotePathFromComponents(["a", "b"]);
  const cases: [string, string][] = [
    ["", "/a/b"],
    [".", "/a/b"],
    ["c", "/a/b/c"],
    ["./c/", "/a/b/c"],
    ["../c", "/a/c"],
    ["../..", "/"],
    ["/", "/"],
    ["/x//y", "/x/y"],
    ["/x/../y/.", "/y"],
    ["e\u0301", "/a/b/é"],
  ];
  for (const [text, expected] of cases) {
    assertEquals(formatRemotePath(resolveRemotePath(base, text)), expected, text);
  }
});

Deno.test("resolveRemotePath() never leaves the root", () => {
  for (const text of ["..", "../x", "/..", "a/../..", "/a/../../a"]) {
    const error = assertThrows(() => resolveRemotePath(REMOTE_ROOT, text), FileError);
    assertEquals([error.kind, error.path], ["outside", text]);
  }
});

Deno.test("a refused name that is not in NFC comes with the spelling that is", () => {
  assert(validateComponent("e\u0301")?.includes("é"));
});

Deno.test("validateComponent() takes names that only begin like those of devices", () => {
  for (
    const name of [
      "console",
      "nullable.txt",
      "Auxiliary",
      "com10",
      "lptx",
      "print.c",
      "a".repeat(255),
    ]
  ) {
    assertEquals(validateComponent(name), null, name);
  }
  assertEquals(validateComponent("a".repeat(256)), "name is longer than 255 bytes");
});

Deno.test("validateComponent() refuses every character that nobody sees, whichever it is", () => {
  const unseen = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u;
  for (let code = 0; code <= 0x10FFFF; code++) {
    const character = String.fromCodePoint(code);
    if (!unseen.test(character)) continue;
    assert(validateComponent(`a${character}b`) !== null, code.toString(16));
  }
});
