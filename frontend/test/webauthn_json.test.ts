import { describe, expect, it } from "vitest";
import { bytesOf, creationOptions, credentialJson, requestOptions, textOf } from "../src/webauthn_json";

const made = {
  challenge: "AAEC",
  user: { id: "MQ", name: "anna", displayName: "Anna" },
  rp: { id: "site", name: "Sealbus" },
  pubKeyCredParams: [],
  excludeCredentials: [{ type: "public-key", id: "_-8" }],
  authenticatorSelection: { userVerification: "preferred" },
};

describe("bytes as text", () => {
  it("are those of base64url without padding, both ways", () => {
    expect([...bytesOf("_-8")]).toEqual([255, 239]);
    expect(textOf(new Uint8Array([255, 239]).buffer)).toBe("_-8");
    expect(textOf(new Uint8Array([0]).buffer)).toBe("AA");
    expect([...bytesOf("")]).toEqual([]);
  });
});

describe("what a new key is made for", () => {
  it("asks for a finger, a face or a PIN when the key is to sign in alone", () => {
    const options = creationOptions(made, true);
    expect(options.authenticatorSelection).toEqual({
      userVerification: "required",
      residentKey: "required",
      requireResidentKey: true,
    });
    expect([...(options.challenge as Uint8Array)]).toEqual([0, 1, 2]);
    expect([...(options.user.id as Uint8Array)]).toEqual([49]);
    expect(options.excludeCredentials).toEqual([{ type: "public-key", id: bytesOf("_-8") }]);
  });
  it("leaves the site's wish for a key beside the password", () => {
    expect(creationOptions(made, false).authenticatorSelection).toEqual({
      userVerification: "preferred",
      residentKey: "discouraged",
      requireResidentKey: false,
    });
  });
});

describe("what a key is asked for", () => {
  it("names the keys of the person, or none", () => {
    expect(requestOptions({ challenge: "AA" }).allowCredentials).toEqual([]);
    const options = requestOptions({ challenge: "AA", allowCredentials: [{ type: "public-key", id: "AQ" }] });
    expect(options.allowCredentials).toEqual([{ type: "public-key", id: bytesOf("AQ") }]);
  });
});

describe("what a key answers", () => {
  it("is sent as text", () => {
    const bytes = (...values: number[]) => new Uint8Array(values).buffer;
    const credential = {
      type: "public-key",
      id: "AQ",
      rawId: bytes(1),
      authenticatorAttachment: null,
      getClientExtensionResults: () => ({}),
      response: { clientDataJSON: bytes(2), authenticatorData: bytes(3), signature: bytes(4), userHandle: null },
    } as unknown as PublicKeyCredential;
    expect(credentialJson(credential)).toEqual({
      type: "public-key",
      id: "AQ",
      rawId: "AQ",
      authenticatorAttachment: null,
      clientExtensionResults: {},
      response: { clientDataJSON: "Ag", authenticatorData: "Aw", signature: "BA", userHandle: null },
    });
  });
});
