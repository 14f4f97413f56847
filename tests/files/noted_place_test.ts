import { assertEquals } from "@std/assert";
import { decodePlaces, encodePlace, type NotedPlace } from "../../lib/files/noted_place.ts";

Deno.test("decodePlaces() reads what encodePlace() wrote, each place once", () => {
  const places: NotedPlace[] = [
    { kind: "staging", root: '/a folder\n"x"', below: [] },
    { kind: "parts", root: null, below: ["m", "sub"] },
    { kind: "parts", root: "/e", below: [] },
  ];
  const lines = [...places, ...places].flatMap((place) => [...encodePlace(place)]);
  assertEquals(decodePlaces(Uint8Array.from(lines)), places);
  assertEquals(decodePlaces(Uint8Array.from(lines.slice(0, -1))), places);
});

Deno.test("decodePlaces() leaves out what is torn or leads out of its folder", () => {
  const lines = [
    ["parts", null, ".."],
    ["parts", null, "a", ".", "b"],
    ["parts", null, "a/../../b"],
    ["parts", null, ""],
    ["parts", null, ".~ft-staging"],
    ["parts", null, 7],
    ["parts", 7],
    ["other", "/e"],
    { kind: "parts" },
    null,
  ].map((fields) => `${JSON.stringify(fields)}\n`);
  const text = `no json\n\n${lines.join("")}["parts","/torn`;
  assertEquals(decodePlaces(new TextEncoder().encode(text)), []);
});
