// Requests to the server. Addresses are relative to the page, whose path has the token.

async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. It may have ended: start gaussmix app again.");
  }
  if (!response.ok) {
    const text = await response.text();
    let message = text;
    try {
      message = JSON.parse(text).error;
    } catch {
      // The text is the message.
    }
    throw new Error(message || `The server answered ${response.status}.`);
  }
  return response;
}

/** Get JSON. Options are those of fetch, such as a signal that aborts the request. */
export async function get(path, options) {
  return (await request(path, options)).json();
}

/** Post a value as JSON and get JSON. */
export async function post(path, value = {}, options = {}) {
  const sent = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) };
  return (await request(path, { ...sent, ...options })).json();
}

/** Put bytes, such as a File, and get JSON. */
export async function put(path, body, options = {}) {
  return (await request(path, { method: "PUT", body, ...options })).json();
}

/** Delete what is at an address and get JSON. */
export async function remove(path, options = {}) {
  return (await request(path, { method: "DELETE", ...options })).json();
}

/** Get bytes as a Blob. With `json` the request is a POST of this value. */
export async function blob(path, options = {}) {
  return (await request(path, withJson(options))).blob();
}

/** Get bytes as an ArrayBuffer. With `json` the request is a POST of this value. */
export async function bytes(path, options = {}) {
  return (await request(path, withJson(options))).arrayBuffer();
}

/** Let the browser save a Blob under a name. */
export function save(content, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function withJson({ json, ...options }) {
  if (json === undefined) return options;
  const sent = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(json) };
  return { ...sent, ...options };
}
