// The clips that answer a question, and the playing of one at a time.

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

class Results {
  // `links` has address(clip, query) of the recording's page ("" for none) and more(clip), which asks for what is like it.
  constructor(bridge, links) {
    this.bridge = bridge;
    this.links = links;
    this.rows = new Map();
    this.part = (id) => document.getElementById(id);
    this.playback = new Playback((text, isError) => this.say(text, isError));
    this.views = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
      this.views.unobserve(entry.target);
      this.rows.get(entry.target).show();
    }), { rootMargin: "200px" });
  }

  // `where` says in words where was searched.
  show(result, where = "") {
    this.clear();
    const answer = result.structuredContent;
    if (result.isError || !answer || !Array.isArray(answer.clips)) {
      this.say("");
      return this.sayEmpty("No clips", reasonOf(result));
    }
    const asked = (answer.query ? `for “${answer.query}”` : "like the example") + where;
    const count = `${answer.clips.length} ${answer.clips.length === 1 ? "clip" : "clips"} ${asked}`;
    const notes = answer.notes || [];
    this.say(answer.clips.length ? [count, ...notes].join(". ") : "");
    if (!answer.clips.length) return this.sayEmpty(`No clips ${asked}`, notes.join(" ") || "Try other words.");
    const { bridge, playback, links } = this;
    this.sounds = new Sounds(bridge);
    this.shared = { asked: answer, bridge, playback, links, sounds: this.sounds, pick: (row, clip) => this.exchange(row, clip) };
    this.part("clips").append(...answer.clips.map((clip) => this.row(clip).node));
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
    this.rows.clear();
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
}
