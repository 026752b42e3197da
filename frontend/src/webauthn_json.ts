// Between JSON, in which the site sends and takes what keys need, and the bytes that the browser wants.
// PublicKeyCredential.parse...FromJSON does the same, but not yet in every browser that the site supports.
export type Json = Readonly<Record<string, unknown>>;

interface Descriptor {
  readonly type: PublicKeyCredentialType;
  readonly id: string;
  readonly transports?: AuthenticatorTransport[];
}

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(raw, (each) => each.charCodeAt(0));
}

export function textOf(buffer: ArrayBuffer): string {
  const raw = Array.from(new Uint8Array(buffer), (each) => String.fromCharCode(each)).join("");
  return btoa(raw).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function descriptors(given: unknown): PublicKeyCredentialDescriptor[] {
  return ((given ?? []) as Descriptor[]).map((each) => ({ ...each, id: bytesOf(each.id) }));
}

export function requestOptions(json: Json): PublicKeyCredentialRequestOptions {
  const options = json as unknown as PublicKeyCredentialRequestOptions;
  return {
    ...options,
    challenge: bytesOf(String(json.challenge)),
    allowCredentials: descriptors(json.allowCredentials),
  };
}

/** `alone`: the key signs in without a password, so it keeps the account's name and asks for a finger, a face or a PIN. */
export function creationOptions(json: Json, alone: boolean): PublicKeyCredentialCreationOptions {
  const options = json as unknown as PublicKeyCredentialCreationOptions;
  const selection: AuthenticatorSelectionCriteria = {
    ...options.authenticatorSelection,
    residentKey: alone ? "required" : "discouraged",
    requireResidentKey: alone,
  };
  if (alone) selection.userVerification = "required";
  return {
    ...options,
    challenge: bytesOf(String(json.challenge)),
    user: { ...options.user, id: bytesOf(String((json.user as Json).id)) },
    excludeCredentials: descriptors(json.excludeCredentials),
    authenticatorSelection: selection,
  };
}

/** What the key answers, for the site. */
export function credentialJson(credential: PublicKeyCredential): Json {
  const response = credential.response;
  const made = response as AuthenticatorAttestationResponse;
  const used = response as AuthenticatorAssertionResponse;
  const common = {
    type: credential.type,
    id: credential.id,
    rawId: textOf(credential.rawId),
    clientExtensionResults: credential.getClientExtensionResults(),
    authenticatorAttachment: credential.authenticatorAttachment,
  };
  const clientDataJSON = textOf(response.clientDataJSON);
  if ("attestationObject" in response) {
    const attestationObject = textOf(made.attestationObject);
    return { ...common, response: { clientDataJSON, attestationObject, transports: made.getTransports?.() ?? [] } };
  }
  return {
    ...common,
    response: {
      clientDataJSON,
      authenticatorData: textOf(used.authenticatorData),
      signature: textOf(used.signature),
      userHandle: used.userHandle ? textOf(used.userHandle) : null,
    },
  };
}
