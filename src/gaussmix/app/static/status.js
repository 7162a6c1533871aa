// What the page tells the user: a line at its foot, and errors at its head.

const line = document.getElementById("status");
const notice = document.getElementById("error");

notice.querySelector("button").addEventListener("click", () => { notice.hidden = true; });

/** Show a text at the foot of the page; screen readers read it. */
export function say(text) {
  line.textContent = text;
}

/** Show an error at the head of the page until it is dismissed, or the user does something else; an aborted request is none. */
export function complain(error) {
  if (error.name === "AbortError") return;
  notice.querySelector("p").textContent = error instanceof Error ? error.message : String(error);
  notice.hidden = false;
}

/** Remove the error. */
export function forgive() {
  notice.hidden = true;
}

/** Run a function and show its error, if it has one. */
export async function guarded(call) {
  try {
    return await call();
  } catch (error) {
    complain(error);
    return undefined;
  }
}
