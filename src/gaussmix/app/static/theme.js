// Dark or light: as the system, or as chosen with the button.

const button = document.getElementById("theme");
const system = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : system.matches;
}

function show() {
  button.textContent = isDark() ? "Light" : "Dark";
}

button.removeAttribute("aria-label");
button.title = "Change between dark and light";
button.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  localStorage.setItem("gaussmix-theme", document.documentElement.dataset.theme);
  show();
  document.dispatchEvent(new CustomEvent("theme"));
});
system.addEventListener("change", () => {
  show();
  document.dispatchEvent(new CustomEvent("theme"));
});
const stored = localStorage.getItem("gaussmix-theme");
if (stored === "dark" || stored === "light") document.documentElement.dataset.theme = stored;
show();
