// The page: shows the result of a search, and plays one clip at a time.

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
      this.search(this.part("question").value);
    });
    this.part("token").addEventListener("submit", (event) => {
      event.preventDefault();
      this.bridge.useToken(this.part("bearer").value.trim());
      this.part("bearer").value = "";
      this.part("token").hidden = true;
      if (this.part("question").value) this.search(this.part("question").value);
      else this.part("question").focus();
    });
    this.sayEmpty("Search the library", "Ask for what was said or heard; the clips that answer it appear here.");
    this.part("question").focus();
  }

  async search(question) {
    this.waiting({ query: question });
    try {
      this.show(await this.bridge.callTool("search_clips", { query: question, top_k: 20 }));
    } catch (error) {
      this.say(error.message, true);
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
      return this.sayEmpty("No clips", (result.content || []).map((block) => block.text || "").join("\n"));
    }
    const asked = found.query ? `for “${found.query}”` : `like ${found.like}`;
    const count = `${found.clips.length} ${found.clips.length === 1 ? "clip" : "clips"} ${asked}`;
    const notes = found.notes || [];
    this.say(found.clips.length ? [count, ...notes].join(". ") : "");
    if (!found.clips.length) return this.sayEmpty(`No clips ${asked}`, notes.join(" ") || "Try other words.");
    const sounds = new Sounds(this.bridge);
    for (const clip of found.clips) {
      const row = new ClipRow(clip, this.bridge, sounds, this.playback);
      this.rows.set(row.node, row);
      this.part("clips").append(row.node);
      this.views.observe(row.node);
    }
    return undefined;
  }

  clear() {
    this.playback.stop();
    this.views.disconnect();
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
