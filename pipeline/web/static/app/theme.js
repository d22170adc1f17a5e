/** Light or dark: as the system has it, unless somebody chooses otherwise here. */

const KEY = "tacit-theme";
const NEXT = { "": "light", light: "dark", dark: "" };
const NAMES = { "": "as the system", light: "light", dark: "dark" };
const SIGNS = { "": "◐", light: "☀", dark: "☾" };

const remembered = () => { try { return localStorage.getItem(KEY) ?? ""; } catch { return ""; } };
const root = document.documentElement;

function choose(theme) {
  if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
  try { localStorage.setItem(KEY, theme); } catch { /* Where nothing may be kept, it lasts until the page closes. */ }
  dispatchEvent(new Event("themechange"));
}

choose(NAMES[remembered()] ? remembered() : "");
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("themechange")));

/** The button that goes through light, dark and the system's choice. */
class ThemeSwitch extends HTMLElement {
  connectedCallback() {
    const button = document.createElement("button"), sign = document.createElement("span"), name = document.createElement("span");
    button.type = "button";
    button.className = "small";
    sign.ariaHidden = "true";
    const show = () => { sign.textContent = SIGNS[remembered()]; name.textContent = ` Colours: ${NAMES[remembered()]}`; };
    button.append(sign, name);
    button.addEventListener("click", () => { choose(NEXT[remembered()]); show(); });
    show();
    this.replaceChildren(button);
  }
}
customElements.define("theme-switch", ThemeSwitch);

const probe = document.createElement("i");

/** The value that a colour of the style sheet has now, as `rgb(…)`. */
export function colour(name) {
  if (!probe.isConnected) { probe.hidden = true; document.body.append(probe); }
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/** The same colour, let through. */
export function translucent(rgb, alpha) {
  const numbers = rgb.match(/[\d.]+/g).slice(0, 3).map(Number);
  // color(srgb …) counts from 0 to 1, rgb(…) from 0 to 255.
  const scaled = rgb.startsWith("color(") ? numbers.map(value => Math.round(value * 255)) : numbers;
  return `rgba(${scaled.join(",")},${alpha})`;
}
