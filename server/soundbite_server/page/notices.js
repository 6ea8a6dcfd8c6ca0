// Short messages below the page, and what may be taken back while they are there.

const NOTICE_MS = 10_000;

class Notices {
  constructor() {
    this.node = document.getElementById("notices");
  }

  // `action` is { label, act } or { label, address }; `onEnd()` is called when the time to act is over.
  // The time stands still while somebody points at the message or has the focus in it.
  say(text, { action, onEnd = () => {}, isError = false } = {}) {
    const notice = element("div", { className: isError ? "notice is-error" : "notice" }, element("span", {}, text));
    const end = (isOver) => {
      clearTimeout(timer);
      if (notice.contains(document.activeElement)) document.getElementById("question").focus();
      notice.remove();
      if (isOver) onEnd();
    };
    if (action && action.address) {
      notice.append(element("a", { href: action.address, onclick: () => end(true) }, action.label));
    } else if (action) {
      notice.append(element("button", { type: "button", onclick: () => { end(false); action.act(); } }, action.label));
    }
    const close = element("button", { type: "button", className: "plain", "aria-label": `Dismiss: ${text}` }, "×");
    close.addEventListener("click", () => end(true));
    notice.append(close);
    let timer = 0;
    const count = () => {
      clearTimeout(timer);
      timer = setTimeout(() => end(true), NOTICE_MS);
    };
    for (const name of ["pointerenter", "focusin"]) notice.addEventListener(name, () => clearTimeout(timer));
    for (const name of ["pointerleave", "focusout"]) notice.addEventListener(name, count);
    this.node.append(notice);
    count();
  }
}
