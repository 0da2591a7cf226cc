const KEYS = { ArrowRight: "next", PageDown: "next", ArrowLeft: "back", PageUp: "back" };
const TYPED = "input, textarea, select, [contenteditable=true], [role=slider], [role=radio], " +
  "[role=tab], [role=combobox], [role=option]";
const OPEN = "[data-baseweb=popover], [role=dialog]"; // Escape closes these first

// As the browser's Back button does: Streamlit then takes every setting from the address, and the
// default of those that it does not name.
const visit = (url) => {
  if (new URL(url, location.href).href === location.href) return; // the answer is under way
  history.pushState(null, "", url);
  dispatchEvent(new PopStateEvent("popstate", { state: null }));
  document.querySelector("[data-testid=stMain]")?.scrollTo(0, 0);
};
const here = (change) => {
  const url = new URL(location.href);
  change(url.searchParams);
  return url;
};
// in a component without isolation the event's own target is the focused element
const focused = (event) => event.composedPath()[0];

export default function ({ data, parentElement }) {
  const nav = parentElement.querySelector("nav");
  nav.hidden = !(data.step || data.start);
  nav.className = data.start ? "start" : "bar";
  const make = (name, className, text) => {
    const node = document.createElement(name);
    if (className) node.className = className;
    node.textContent = text;
    return node;
  };
  const link = (text, url, className = "") => {
    const node = make("a", className, text);
    node.href = url();
    node.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab or window
      event.preventDefault();
      visit(url());
    };
    return node;
  };
  const end = () => here((query) => query.delete("tour"));
  const leave = () => here((query) => query.delete("present"));
  const enter = () => here((query) => query.set("present", "1"));
  const parts = [];
  if (data.start) parts.push(link(data.start, () => data.next, "main"));
  if (data.step) {
    const text = make("p", "", data.text), keys = make("div", "keys", "");
    if (data.heading) text.prepend(make("strong", "", `${data.heading}. `));
    if (data.back) keys.append(link("Back", () => data.back));
    if (data.next) keys.append(link(data.away ? "Return" : "Next", () => data.next, "main"));
    keys.append(link("End", end));
    keys.append(data.present ? link("Leave presenter mode", leave) : link("Present", enter));
    parts.push(make("span", "step", `Step ${data.step} of ${data.total}`), text, keys);
  }
  const active = nav.getRootNode().activeElement;
  const before = nav.contains(active) ? active.textContent : null;
  nav.replaceChildren(...parts);
  if (before !== null) {
    const links = [...nav.querySelectorAll("a")];
    (links.find((node) => node.textContent === before) ?? nav.querySelector(".main"))?.focus();
  }

  nav.listening?.abort();
  if (!data.present) return;
  const listening = nav.listening = new AbortController();
  const press = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const place = focused(event), typing = place?.closest?.(TYPED);
    if (event.key === "Escape") {
      if (typing?.matches("input[type=text], textarea, [role=combobox]")) return;
      if (document.querySelector(OPEN)) return;
      event.preventDefault();
      visit(leave());
      return;
    }
    const url = data[KEYS[event.key]];
    // arrows move a slider that has the focus; a remote control sends Page Up and Page Down
    if (!url || event.shiftKey || (typing && event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) visit(url);
  };
  document.addEventListener("keydown", press, { capture: true, signal: listening.signal });
  return () => listening.abort();
}
