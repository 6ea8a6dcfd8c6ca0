// The page: shows the result of a search, and plays one clip at a time.

const FEWEST_LETTERS = 3;

class Playback {
  constructor(say) {
    this.audio = new Audio();
    this.say = say;
    this.row = null;
    this.audio.addEventListener("ended", () => this.stop());
  }

  async play(row, fromSec) {
    if (this.row !== row) {
      this.stop();
      this.row = row;
      this.audio.src = row.sound.source;
      row.playing(true);
      this.say(`Playing ${row.name}`);
    }
    // Started inside the range it ends with the range; started behind it, with the sound.
    this.until = fromSec < row.clip.end_sec ? row.clip.end_sec : row.sound.endSec;
    this.audio.currentTime = fromSec - row.sound.startSec;
    try {
      await this.audio.play();
      this.follow();
    } catch (error) {
      this.stop();
      this.say(`The sound can't be played: ${error.message}`, true);
    }
  }

  follow() {
    if (!this.row || this.audio.paused) return;
    const now = this.row.sound.startSec + this.audio.currentTime;
    this.row.moved(Math.min(now, this.until));
    if (now >= this.until) this.stop();
    else requestAnimationFrame(() => this.follow());
  }

  stop() {
    this.audio.pause();
    if (this.row) this.row.playing(false);
    this.row = null;
  }
}

class Page {
  constructor(bridge) {
    this.bridge = bridge;
    this.turn = 0;
    this.part = (id) => document.getElementById(id);
    this.playback = new Playback((text, isError) => this.say(text, isError));
    this.views = new IntersectionObserver((entries) => entries.filter((each) => each.isIntersecting).forEach((each) => {
      this.views.unobserve(each.target);
      this.rows.get(each.target).show();
    }), { rootMargin: "200px" });
  }

  async start() {
    await this.bridge.connect({
      onWaiting: (args) => this.waiting(args),
      onResult: (result) => this.show(result),
      onCancelled: (reason) => this.cancelled(reason),
      onTheme: (context) => this.dress(context),
      onTokenWanted: () => this.askToken(),
    });
    if (!(this.bridge instanceof HttpBridge)) return;
    this.part("ask").hidden = false;
    this.part("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      this.search();
    });
    this.part("options").addEventListener("change", () => {
      if (this.part("question").value.trim()) this.search();
    });
    this.part("question").addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.typed(), TYPING_MS);
    });
    this.library = new Library(this.bridge, (asset) => this.limit(asset), () => this.stocked());
    this.part("token").addEventListener("submit", (event) => {
      event.preventDefault();
      this.bridge.useToken(this.part("bearer").value.trim());
      this.part("bearer").value = "";
      this.part("token").hidden = true;
      this.say("");
      this.part("question").focus();
      this.openLibrary();
      if (this.part("question").value) this.search();
    });
    this.welcome();
    this.part("question").focus();
    this.openLibrary();
  }

  openLibrary() {
    this.library.start().catch((error) => this.say(error.message, true));
  }

  welcome() {
    this.asked = "";
    this.turn += 1;
    this.clear();
    this.say("");
    const invited = ["Search the library", "Ask for what was said or heard; the clips that answer it appear here."];
    this.sayEmpty(...(this.library.nothing || invited));
  }

  // The library changed: what the page says while nothing is asked may be out of date.
  stocked() {
    if (!this.asked) this.welcome();
  }

  limit(asset) {
    this.scope = asset;
    this.part("question").placeholder = asset ? `What was said or heard in ${asset.title}?` : "What was said or heard?";
    this.asked = "";
    if (this.part("question").value.trim()) this.search();
  }

  typed() {
    const question = this.part("question").value.trim();
    if (!question) this.welcome();
    else if (question.length >= FEWEST_LETTERS && question !== this.asked) this.search();
  }

  // The fields under "More" are named as the arguments of search_clips; an empty one is not given.
  options() {
    const given = {};
    this.part("options").querySelectorAll("input").forEach((field) => {
      const value = field.type === "checkbox" ? (field.checked && field.value) : field.value.trim();
      if (!value) return;
      const list = value.split(",").map((entry) => entry.trim()).filter(Boolean);
      given[field.name] = field.type === "number" ? Number(value) : "list" in field.dataset ? list : value;
    });
    return given;
  }

  // The answer to an earlier question that comes late is dropped.
  async search() {
    clearTimeout(this.typing);
    const question = this.asked = this.part("question").value.trim();
    const turn = this.turn += 1;
    const where = this.scope ? { ...this.options(), asset_ids: [this.scope.asset_id] } : this.options();
    this.say(`Searching for “${question}”…`);
    try {
      const result = await this.bridge.callTool("search_clips", { query: question, top_k: 20, ...where });
      if (turn === this.turn) this.show(result);
    } catch (error) {
      if (turn === this.turn) this.say(error.message, true);
    }
  }

  waiting({ query, like }) {
    this.clear();
    this.say(query || like ? `Searching for ${query ? `“${query}”` : `what is like ${like}`}…` : "Searching…");
  }

  cancelled(reason) {
    this.playback.stop();
    if (!this.rows || !this.rows.size) this.say(reason ? `The search was stopped: ${reason}` : "The search was stopped.");
  }

  show(result) {
    this.clear();
    const found = result.structuredContent;
    if (result.isError || !found || !Array.isArray(found.clips)) {
      this.say("");
      return this.sayEmpty(...((this.library && this.library.nothing) || ["No clips", reasonOf(result)]));
    }
    const asked = (found.query ? `for “${found.query}”` : `like ${found.like}`) + (this.scope ? ` in ${this.scope.title}` : "");
    const count = `${found.clips.length} ${found.clips.length === 1 ? "clip" : "clips"} ${asked}`;
    const notes = found.notes || [];
    this.say(found.clips.length ? [count, ...notes].join(". ") : "");
    if (!found.clips.length) return this.sayEmpty(`No clips ${asked}`, notes.join(" ") || "Try other words.");
    this.sounds = new Sounds(this.bridge);
    const { bridge, sounds, playback } = this;
    this.shared = { asked: found, bridge, sounds, playback, pick: (row, clip) => this.exchange(row, clip) };
    found.clips.forEach((clip) => this.part("clips").append(this.row(clip).node));
    return undefined;
  }

  row(clip) {
    const row = new ClipRow(clip, this.shared);
    this.rows.set(row.node, row);
    this.views.observe(row.node);
    return row;
  }

  // Another clip of the same recording takes the place of a row, and is played.
  exchange(old, clip) {
    this.playback.stop();
    const row = this.row(clip);
    old.node.replaceWith(row.node);
    this.rows.delete(old.node);
    row.lookAlong();
    row.button.focus();
    row.toggle();
  }

  clear() {
    this.playback.stop();
    this.views.disconnect();
    if (this.sounds) this.sounds.stop();
    this.rows = new Map();
    this.part("clips").replaceChildren();
    this.part("empty").hidden = true;
  }

  say(text, isError = false) {
    this.part("status").textContent = text;
    this.part("status").classList.toggle("is-error", isError);
  }

  sayEmpty(heading, text) {
    this.part("empty").hidden = false;
    this.part("empty").querySelector("h2").textContent = heading;
    this.part("empty").querySelector("p").textContent = text;
  }

  askToken() {
    this.part("token").hidden = false;
    this.part("bearer").focus();
  }

  dress({ theme, styles }) {
    const root = document.documentElement;
    if (theme === "light" || theme === "dark") root.style.colorScheme = theme;
    for (const [name, value] of Object.entries((styles && styles.variables) || {})) {
      if (name.startsWith("--") && value) root.style.setProperty(name, value);
    }
  }
}

const isHttp = document.querySelector("meta[name=soundbite-bridge]").content === "http";
new Page(isHttp ? new HttpBridge() : new HostBridge()).start();
