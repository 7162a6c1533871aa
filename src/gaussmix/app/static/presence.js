// An open stream tells the server that the page is open; the server ends when the last page is closed.

import { complain } from "./status.js";

const events = new EventSource("presence");

let timer = 0;

function end() {
  events.close();
  complain("The server has ended. Start gaussmix app again to continue.");
}

events.addEventListener("bye", end);
events.addEventListener("open", () => clearTimeout(timer));
events.addEventListener("error", () => {
  clearTimeout(timer);
  timer = setTimeout(end, 2000); // the browser tries again before
});
