// One entry in the browser's history for each page visited, with the whole address of its view.
//
// Streamlit 1.67 sends the parameters of the page that is left along to the next one, has the server
// remove them, and adds an entry for each step of that; then one for every widget whose value the
// session has kept. Back would stop at each, with settings missing. So a link to a page writes its
// address before Streamlit sees the click, and what Streamlit adds on the same page replaces the
// entry.
const target = (link) => {
  const written = link.getAttribute("href") || "";
  // Streamlit writes the link to the main page without its path
  return new URL(/^(\?|$)/.test(written) ? "./" + written : written, location.href);
};
const linkOf = (event) =>
  event.target instanceof Element ? event.target.closest(".stPageLink a") : null;

export default function () {
  if (window.cvHistory) return;
  window.cvHistory = true;
  const push = history.pushState.bind(history);
  let moving = false; // after Back or Forward, until the visitor does something
  window.addEventListener("popstate", () => { moving = true; }, true);
  for (const gesture of ["pointerdown", "keydown"])
    window.addEventListener(gesture, () => { moving = false; }, true);
  history.pushState = (state, title, url) => {
    // Streamlit passes {} as the state; the tour's own entries on the same page have none
    const same = state && url && new URL(url, location.href).pathname === location.pathname;
    if (same) history.replaceState(state, title, url);
    // the server's answer to the page that was left: as a new entry it would end Forward
    else if (!(moving && state)) push(state, title, url);
  };
  window.addEventListener("pointerdown", (event) => {
    const link = linkOf(event); // for a new tab, which the browser opens at the address as written
    if (link) link.href = target(link).href;
  }, true);
  window.addEventListener("click", (event) => {
    const link = linkOf(event);
    if (!link || event.button !== 0) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      event.stopPropagation(); // a new tab or window, for which Streamlit does not ask
      return;
    }
    const url = target(link);
    if (url.origin === location.origin && url.pathname !== location.pathname) push({}, "", url);
  }, true);
}
