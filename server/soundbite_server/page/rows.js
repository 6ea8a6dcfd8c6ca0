// One clip of a result as a row: what it is, its sound, what is said.

const ICONS = { play: "M7 4v16l13-8z", pause: "M6 4h4v16H6zM14 4h4v16h-4z" };
const READ_AROUND_SEC = 20;
const LEAST_SHARED_SEC = 0.5;

// What the parts of a score say, in the order in which people can check them.
const REASONS = {
  quoted: "says it word for word",
  words: "holds the words",
  speech: "means the same",
  sound: "sounds like it",
  "named sound": "a sound of that name is heard",
  fused: "means and sounds like it",
  "like speech": "says the like",
  "like sound": "sounds alike",
  without: "is like what is not wanted",
};

// The parts of a clip's score as a list of meters; empty where they were not asked for.
function reasons(clip) {
  const order = Object.keys(REASONS);
  const parts = [...(clip.parts || [])].sort((one, other) => order.indexOf(one.part) - order.indexOf(other.part));
  return element("dl", { className: "reasons", hidden: true }, ...parts.map(({ part, score, rank }) => element("div", {},
    element("dt", {}, REASONS[part] || part),
    element("dd", {}, meter(score, REASONS[part] || part), score.toFixed(2),
      element("span", { className: "rank" }, rank === 1 ? "the best of all clips" : `rank ${rank}`)))));
}

function meter(score, name) {
  const values = { role: "meter", "aria-valuemin": 0, "aria-valuemax": 1, "aria-valuenow": score, "aria-label": name };
  const width = 56 * Math.min(1, Math.max(0, score));
  return drawing("svg", { class: "score", viewBox: "0 0 56 6", ...values }, drawing("rect", { width, height: 6, rx: 3 }));
}

class ClipRow {
  // `shared` is what all rows of a result have: asked, bridge, sounds, playback, links, and pick(row, clip).
  constructor(clip, shared) {
    this.clip = clip;
    this.shared = shared;
    this.bridge = shared.bridge;
    this.sounds = shared.sounds;
    this.playback = shared.playback;
    this.name = `${nameOf(clip)}, ${clip.time_range}`;
    this.path = drawing("path", { d: ICONS.play });
    this.button = element("button", { className: "play", type: "button", "aria-label": `Play ${this.name}` },
      drawing("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, this.path));
    this.button.disabled = !this.bridge.canCall();
    this.button.addEventListener("click", () => this.toggle());
    this.wave = element("div", { className: "wave" });
    const sound = this.bridge.canCall() ? [this.wave] : [];
    this.node = element("li", { className: clip.is_weak ? "clip is-weak" : "clip" },
      this.button, this.about(), ...sound, ...this.words(), ...this.folds());
  }

  about() {
    const { time_range, score, matched = "speech" } = this.clip;
    const title = nameOf(this.clip);
    const address = this.shared.links.address(this.clip, this.shared.asked.query || "");
    const name = address ? element("a", { className: "title", href: address }, title) : element("span", { className: "title" }, title);
    return element("div", { className: "about" },
      name,
      element("span", { className: "time" }, time_range),
      element("span", { className: "facts" },
        ...(this.clip.is_weak ? [element("span", { className: "weak" }, "weak")] : []),
        ...(matched ? [element("span", {}, matched)] : []),
        meter(score, "Score"),
        element("span", { "aria-hidden": "true" }, score.toFixed(2))));
  }

  words() {
    const text = this.clip.context || this.clip.text;
    // Where several speak, the text says at each turn who does.
    const hasTurns = (this.clip.speaker || "").startsWith(`${(text || "").split(": ")[0]}, `);
    const who = this.clip.speaker && !hasTurns ? [element("b", {}, this.clip.speaker), " "] : [];
    const spoken = text ? [element("p", { className: "said" }, ...who, `“${text}”`)] : [];
    return this.clip.sounds ? [...spoken, element("p", { className: "heard" }, this.clip.sounds)] : spoken;
  }

  folds() {
    if (!this.bridge.canCall()) return [];
    this.lines = element("ol", { className: "transcript", hidden: true, "aria-label": `Transcript around ${this.name}` });
    this.more = this.fold("more", "Transcript", `Transcript around ${this.name}`, () => this.read());
    this.along = this.fold("along", "In this recording", `In this recording: where else ${nameOf(this.clip)} answers`, () => this.lookAlong());
    this.reasons = reasons(this.clip);
    this.why = this.fold("why", "Why", `Why ${this.name} answers`, () => {
      this.reasons.hidden = !this.reasons.hidden;
      this.why.setAttribute("aria-expanded", String(!this.reasons.hidden));
    });
    this.why.hidden = !this.reasons.childElementCount;
    const like = element("button", { className: "like", type: "button", "aria-label": `More like this: ${this.name}` }, "More like this");
    like.addEventListener("click", () => this.shared.links.more(this.clip));
    return [element("div", { className: "folds" }, this.more, this.along, this.why, like), this.reasons, this.lines];
  }

  fold(className, text, name, act) {
    const button = element("button", { className, type: "button", "aria-expanded": "false", "aria-label": name }, text);
    button.addEventListener("click", act);
    return button;
  }

  // Shows the scores of the whole recording, or puts them away.
  async lookAlong() {
    if (this.strip) {
      this.strip.node.remove();
      this.strip = null;
    } else {
      const { asked, pick } = this.shared;
      const strip = this.strip = new Strip(this.clip, asked, this.bridge, (clip) => pick(this, clip));
      strip.node.append(element("p", {}, "Looking through the recording…"));
      this.node.append(strip.node);
      strip.load().catch((error) => strip.node.replaceChildren(element("p", {}, error.message)));
    }
    this.along.setAttribute("aria-expanded", String(Boolean(this.strip)));
  }

  // Called when the row comes into view.
  async show() {
    if (!this.bridge.canCall()) return;
    this.wave.replaceChildren(element("p", {}, "Loading the sound…"));
    try {
      this.sound = await this.sounds.of(this.clip, Math.round(this.wave.clientWidth / BAR_PX));
    } catch (error) {
      this.button.disabled = true;
      this.wave.replaceChildren(element("p", { title: error.message }, error.message));
      return;
    }
    this.drawn = waveform(this.sound, this.clip);
    this.wave.replaceChildren(this.drawn.picture);
    this.asSlider();
  }

  asSlider() {
    const { startSec, endSec } = this.sound;
    Object.entries({
      role: "slider", tabindex: "0", "aria-label": `Position in ${this.name}`,
      "aria-valuemin": startSec.toFixed(1), "aria-valuemax": endSec.toFixed(1),
    }).forEach(([key, value]) => this.wave.setAttribute(key, value));
    this.moved(this.clip.start_sec);
    this.wave.addEventListener("pointerdown", (event) => {
      const box = this.wave.getBoundingClientRect();
      this.seek(startSec + ((event.clientX - box.left) / box.width) * (endSec - startSec));
    });
    this.wave.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      const place = { Home: this.clip.start_sec, End: endSec }[event.key];
      if (event.key === " " || event.key === "Enter") this.toggle();
      else if (step) this.seek(this.at + step);
      else if (place !== undefined) this.seek(place);
      else return;
      event.preventDefault();
    });
  }

  seek(seconds) {
    const within = Math.min(Math.max(seconds, this.sound.startSec), this.sound.endSec);
    this.moved(within);
    if (this.playback.row === this) this.playback.play(this, within);
  }

  moved(seconds) {
    this.at = seconds;
    this.drawn.show(seconds);
    this.wave.setAttribute("aria-valuenow", seconds.toFixed(1));
    this.wave.setAttribute("aria-valuetext", clock(seconds));
  }

  async toggle() {
    if (this.playback.row === this) return this.playback.stop();
    if (!this.sound) await this.show();
    if (!this.sound) return undefined;
    const isAtEnd = this.at >= this.clip.end_sec - 0.05;
    return this.playback.play(this, isAtEnd ? this.clip.start_sec : this.at);
  }

  playing(isPlaying) {
    this.path.setAttribute("d", isPlaying ? ICONS.pause : ICONS.play);
    this.button.setAttribute("aria-label", `${isPlaying ? "Pause" : "Play"} ${this.name}`);
  }

  async read() {
    const isOpen = this.more.getAttribute("aria-expanded") === "true";
    this.more.setAttribute("aria-expanded", String(!isOpen));
    this.lines.hidden = isOpen;
    if (isOpen || this.lines.childElementCount) return;
    this.lines.replaceChildren(element("li", {}, element("span"), "Loading…"));
    try {
      this.lines.replaceChildren(...(await this.transcript()));
    } catch (error) {
      this.lines.replaceChildren(element("li", {}, element("span"), error.message));
    }
  }

  async transcript() {
    const { asset_id, start_sec, end_sec } = this.clip;
    const range = { asset_id, start_sec: Math.max(0, start_sec - READ_AROUND_SEC), end_sec: end_sec + READ_AROUND_SEC };
    const result = await this.bridge.callTool("read_transcript", range);
    if (result.isError) throw new Error(reasonOf(result));
    const lines = result.structuredContent.lines;
    if (!lines.length) throw new Error("Nothing is said here, as far as is recognised.");
    return lines.map((line, index) => {
      const next = lines[index + 1];
      // A clip begins a little before its first word: that is no part of the sentence before.
      const isClip = line.start_sec < end_sec && (!next || next.start_sec > start_sec + LEAST_SHARED_SEC);
      const who = line.speaker ? [element("b", {}, line.speaker), " "] : [];
      const text = element("span", {}, ...who, line.text);
      return element("li", { className: isClip ? "is-clip" : "" }, element("time", {}, clock(line.start_sec)), text);
    });
  }
}
