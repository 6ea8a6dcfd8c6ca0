// A part of the open recording is erased, once a person has read what goes and that it never comes back.

const FOR_GOOD = "Its words, vectors and sound never come back, not even when the recording is added again. Your own file is left as it is.";
const SHOWN_WORDS = 300;

// Seconds to the millisecond: 1:05.25.
function exactClock(seconds) {
  const parts = Math.round((seconds % 1) * 1000);
  return parts % 1000 ? `${clock(seconds)}.${String(parts).padStart(3, "0").replace(/0+$/, "")}` : clock(Math.round(seconds));
}

// Of 75, 1:15 and 0:01:15.5; NaN of what is no time.
function secondsOf(text) {
  const match = text.trim().match(/^(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d+)?)$/);
  return match ? Number(match[1] || 0) * 3600 + Number(match[2] || 0) * 60 + Number(match[3].replace(",", ".")) : NaN;
}

class Erasure {
  // `erase(start_sec, end_sec)` resolves when it is done, or told why not.
  constructor(lines, erase) {
    this.lines = lines;
    this.erase = erase;
    this.first = element("input", { size: 9, required: true, autocomplete: "off", "aria-label": "Erase from" });
    this.last = element("input", { size: 9, required: true, autocomplete: "off", "aria-label": "Erase to" });
    this.words = element("p", { className: "gone" });
    this.button = element("button", { className: "danger" }, "Erase for good");
    const cancel = element("button", { type: "button", onclick: () => this.node.close() }, "Keep it");
    const form = element("form", {}, this.first, "to", this.last, this.words, element("p", {}, FOR_GOOD), this.button, cancel);
    this.node = element("dialog", { className: "erasure", "aria-labelledby": "erasure-title" },
      element("h2", { id: "erasure-title" }, "Erase this part for good?"), form);
    form.addEventListener("input", () => this.show());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    // Keys mean nothing to the page behind it.
    this.node.addEventListener("keydown", (event) => event.stopPropagation());
    this.cancel = cancel;
  }

  open(start_sec, end_sec) {
    this.first.value = exactClock(start_sec);
    this.last.value = exactClock(end_sec);
    this.show();
    this.node.showModal();
    this.cancel.focus();
  }

  show() {
    const [start, end] = [secondsOf(this.first.value), secondsOf(this.last.value)];
    this.button.disabled = !(start < end);
    const said = this.lines.filter((line) => line.start_sec < end && line.end_sec > start).map((line) => line.text).join(" ");
    const shown = said.length > SHOWN_WORDS ? `${said.slice(0, SHOWN_WORDS)}…` : said;
    if (this.button.disabled) this.words.textContent = "Give times such as 1:05 or 1:05.5, the first before the second.";
    else this.words.textContent = said ? `Said there: “${shown}”` : "Nothing is said there.";
  }

  async submit() {
    this.button.disabled = true;
    await this.erase(secondsOf(this.first.value), secondsOf(this.last.value));
    this.node.close(); // what failed is told behind it
  }
}
