// The page worked by single keys, where no field has the focus; a person may turn them off (WCAG 2.1.4).

class Keys {
  constructor(page) {
    this.page = page;
    this.dialog = document.getElementById("keys");
    this.switch = document.getElementById("keys-on");
    this.switch.checked = localStorage.getItem("soundbite-keys") !== "off";
    this.switch.addEventListener("change", () => localStorage.setItem("soundbite-keys", this.switch.checked ? "on" : "off"));
    document.getElementById("keys-open").addEventListener("click", () => this.dialog.showModal());
    document.addEventListener("keydown", (event) => this.pressed(event));
  }

  pressed(event) {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || this.dialog.open || event.defaultPrevented) return;
    const isField = target.matches("input:not([type=checkbox]), textarea, select");
    if (key === "Escape") this.leave(isField, target);
    else if (isField || !this.switch.checked || !this.act(key, target)) return;
    event.preventDefault();
  }

  leave(isField, target) {
    if (isField) target.blur();
    else if (this.page.recording.id) this.page.go(this.page.back());
  }

  // Whether the key meant something.
  act(key, target) {
    const { recording } = this.page;
    // A button and a link know themselves what these keys mean; a sentence is played by them.
    if (key === " " && target.closest("button:not(.say), summary, input")) return false;
    const isOpen = Boolean(recording.facts);
    const action = {
      "/": () => document.getElementById("question").select() || document.getElementById("question").focus(),
      "?": () => this.dialog.showModal(),
      j: () => this.move(1),
      k: () => this.move(-1),
      l: () => this.library(),
      " ": () => (isOpen ? recording.toggle() : this.page.toggleRow(target)),
      ...(isOpen ? {
        e: () => recording.transcript.stopped !== undefined && recording.transcript.edit(recording.transcript.stopped),
        ArrowLeft: () => recording.seek(recording.seconds - STEP_SEC),
        ArrowRight: () => recording.seek(recording.seconds + STEP_SEC),
      } : {}),
    }[key];
    if (action) action();
    return Boolean(action);
  }

  move(step) {
    const isInLibrary = document.getElementById("library").contains(document.activeElement);
    if (!isInLibrary && this.page.recording.facts) return this.page.recording.transcript.move(step);
    const links = [...document.querySelectorAll(isInLibrary ? "#library-list .entry" : "#clips a.title")];
    const list = links.length || isInLibrary ? links : [...document.querySelectorAll("#library-list .entry")];
    const here = document.activeElement.closest("li");
    const at = list.findIndex((link) => link.closest("li") === here);
    const next = list[at < 0 ? 0 : at + step];
    if (next) next.focus();
    return undefined;
  }

  library() {
    this.page.library.details.open = true;
    const entry = document.querySelector("#library-list .entry[aria-current]") || document.querySelector("#library-list .entry");
    if (entry) entry.focus();
  }
}
