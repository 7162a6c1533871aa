// An open stream tells the server that the page is open; the server ends when the last page is closed.

import { complain } from "./status.js";

const events = new EventSource("presence");

events.addEventListener("bye", () => {
  events.close();
  complain("The server has ended. Start gaussmix app again to continue.");
});
events.addEventListener("error", () => {
  if (events.readyState === EventSource.CLOSED) complain("The server has ended. Start gaussmix app again to continue.");
});
