// The whole transcript of a recording: follows the sound, leads to it, and is corrected in place.

const COMFORT = 0.75;

class Transcript {
  // `acts` has seek(seconds), and correct(line, text) and erase(line) where that can be done.
  constructor(lines, voices, acts) {
    this.lines = lines;
    this.voices = voices;
    this.acts = acts;
    this.now = -1;
    this.isFollowing = true;
    this.items = lines.map((line, index) => this.item(line, index));
    this.node = element("ol", { className: "script", "aria-label": "Transcript" }, ...this.items);
    if (this.items.length) this.stop(0);
    this.node.addEventListener("click", (event) => this.clicked(event));
    this.node.addEventListener("focusin", (event) => {
      const index = this.items.indexOf(event.target.closest("li"));
      if (index >= 0) this.stop(index);
    });
    this.node.addEventListener("keydown", (event) => this.step(event));
  }

  item(line, index) {
    const before = this.lines[index - 1];
    const isTurn = line.speaker && !(before && before.speaker === line.speaker);
    const who = isTurn ? [element("b", { className: "who" }, line.speaker)] : [];
    const say = element("button", { type: "button", className: "say", tabIndex: -1 },
      element("time", {}, clock(line.start_sec)), element("span", { className: "text" }, line.text));
    const item = element("li", { className: line.speaker ? `voice-${this.voices.get(line.speaker)}` : "" }, ...who, say);
    item.classList.toggle("is-turn", Boolean(isTurn));
    if (line.is_corrected) item.append(element("small", { className: "corrected" }, "corrected"));
    item.classList.toggle("is-erased", line.is_erased);
    if (this.acts.correct && !line.is_erased) item.append(element("button", { type: "button", className: "edit plain", tabIndex: -1, "aria-label": `Correct: ${line.text}` }, "Correct"));
    return item;
  }

  // Headings where chapters begin.
  chaptered(chapters) {
    for (const heading of this.node.querySelectorAll(".chapter")) heading.remove();
    for (const { title, start_sec } of [...chapters].reverse()) {
      const index = this.lines.findIndex((line) => (line.start_sec + line.end_sec) / 2 >= start_sec);
      if (index >= 0) this.items[index].prepend(element("h3", { className: "chapter" }, title));
    }
  }

  clicked({ target }) {
    const item = target.closest("li");
    const index = this.items.indexOf(item);
    if (index < 0) return;
    if (target.closest(".edit")) this.edit(index);
    else if (target.closest(".say")) {
      this.isFollowing = true;
      this.acts.seek(this.lines[index].start_sec);
    }
  }

  // One stop for the Tab key; arrows and j, k go from sentence to sentence.
  stop(index) {
    for (const button of this.node ? this.node.querySelectorAll('[tabindex="0"]') : []) button.tabIndex = -1;
    for (const button of this.items[index].querySelectorAll("button")) button.tabIndex = 0;
    this.stopped = index;
  }

  step(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step || event.target.tagName === "TEXTAREA") return;
    event.preventDefault();
    this.move(step);
  }

  move(step) {
    const isHere = this.node.contains(document.activeElement);
    const from = isHere ? this.stopped : Math.max(this.now, 0) - (step > 0 ? 1 : -1);
    const item = this.items[Math.min(Math.max(from + step, 0), this.items.length - 1)];
    if (!item) return;
    this.isFollowing = false;
    item.querySelector("button.say").focus({ preventScroll: true });
    this.show(item);
  }

  moved(seconds) {
    const index = this.indexAt(seconds);
    if (index === this.now) return;
    if (this.items[this.now]) this.items[this.now].removeAttribute("aria-current");
    this.now = index;
    const item = this.items[index];
    if (!item) return;
    item.setAttribute("aria-current", "true");
    if (this.isFollowing) this.show(item);
  }

  // The last sentence that has begun; -1 before the first.
  indexAt(seconds) {
    let [low, high] = [0, this.lines.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.lines[middle].start_sec <= seconds + 0.05) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  // Only where it can't be read well already.
  show(item) {
    const box = item.getBoundingClientRect();
    const top = this.top ? this.top() : 0;
    if (box.top >= top && box.bottom <= innerHeight * COMFORT) return;
    const distance = box.top - top - (innerHeight - top) / 3;
    // To glide over half an hour of words would take longer than to find the place again.
    const isFar = Math.abs(distance) > innerHeight || matchMedia("(prefers-reduced-motion: reduce)").matches;
    scrollBy({ top: distance, behavior: isFar ? "auto" : "smooth" });
  }

  marked(clips) {
    this.items.forEach((item, index) => {
      const { start_sec, end_sec } = this.lines[index];
      const isHit = clips.some((clip) => start_sec < clip.end_sec - 0.05 && end_sec > clip.start_sec + 0.05);
      item.classList.toggle("is-hit", isHit);
    });
  }

  edit(index) {
    const item = this.items[index];
    const line = this.lines[index];
    if (!this.acts.correct || line.is_erased || item.querySelector("form")) return;
    const field = element("textarea", { value: line.text, rows: 2, maxLength: 500, "aria-label": `Correct the sentence at ${clock(line.start_sec)}` });
    const cancel = element("button", { type: "button", className: "plain" }, "Cancel");
    const form = element("form", { className: "correction" }, field, element("button", {}, "Save"), cancel);
    if (this.acts.erase) form.append(element("button", { type: "button", className: "plain danger", onclick: () => this.acts.erase(line) }, "Erase…"));
    const close = () => {
      form.remove();
      item.classList.remove("is-edited");
      item.querySelector("button.say").focus();
    };
    const save = async () => {
      const text = field.value.trim();
      if (!text || text === line.text) return close();
      field.disabled = true;
      if (!(await this.acts.correct(line, text))) field.disabled = false;
      return undefined;
    };
    cancel.addEventListener("click", close);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      save();
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
      else if (event.key === "Enter" && !event.shiftKey) save();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    item.classList.add("is-edited");
    item.append(form);
    field.focus();
  }
}
