// Passkeys: asks the server what to ask the browser, and sends back what it answers. Bytes travel as base64url.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function post(path, body, csrf) {
  const headers = { "content-type": "application/json" };
  if (csrf) headers["x-csrf-token"] = csrf;
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  if (answer.redirected) {
    window.location.assign(answer.url); // it asks for a newer sign-in
    return null;
  }
  if (answer.headers.get("content-type")?.includes("json")) return answer.json();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return { problem: page.querySelector("[role=alert]")?.textContent ?? String(answer.status) };
}

function answered(credential, names) {
  const response = {};
  for (const name of names) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  });
}

async function signIn(box) {
  const options = await post("/sign-in/passkey/begin", { next: box.dataset.next });
  if (!options || options.problem) return options;
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: [] };
  const credential = await navigator.credentials.get({ publicKey });
  return post("/sign-in/passkey", {
    answer: answered(credential, ["clientDataJSON", "authenticatorData", "signature", "userHandle"]),
  });
}

async function register(box) {
  const { csrf } = box.dataset;
  const options = await post("/me/security/passkeys/begin", {}, csrf);
  if (!options || options.problem) return options;
  const publicKey = {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: (options.excludeCredentials ?? []).map((one) => ({ ...one, id: bytes(one.id) })),
  };
  const credential = await navigator.credentials.create({ publicKey });
  const answer = answered(credential, ["clientDataJSON", "attestationObject"]);
  return post("/me/security/passkeys", { answer, name: box.querySelector("input")?.value ?? "" }, csrf);
}

for (const box of document.querySelectorAll("[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  box.hidden = false;
  const button = box.querySelector("button");
  const told = box.querySelector("[role=status]");
  button.addEventListener("click", async () => {
    button.disabled = true;
    told.textContent = "";
    try {
      const done = await (box.dataset.passkey === "register" ? register(box) : signIn(box));
      if (done?.next) window.location.assign(done.next);
      else told.textContent = done?.problem ?? "";
    } catch {
      told.textContent = box.dataset.cancelled; // the browser does not say why: it is called off, or there is none
    } finally {
      button.disabled = false;
    }
  });
}
