// One recording: its sound, its time line, its words, and what can be done with it.

const MOST_HITS = 30;
const SPEEDS = [0.75, 1, 1.25, 1.5, 2];
const VOICES = 8;
const ERASED_SEC = 10;
const FILES = { vtt: "Subtitles (WebVTT)", srt: "Subtitles (SubRip)", md: "Transcript (Markdown)" };

class RecordingView {
  // `page` has bridge, library, notices, back() and go(address).
  constructor(page, node) {
    this.page = page;
    this.bridge = page.bridge;
    this.node = node;
    this.id = "";
    this.sound = new RecordingSound(page.bridge, {
      moved: () => this.moved(),
      playing: (isPlaying) => this.playing(isPlaying),
      failed: (why) => this.page.notices.say(why, { isError: true }),
      renewed: () => this.read(this.id),
    });
    for (const name of ["wheel", "touchmove"]) addEventListener(name, () => this.released(), { passive: true });
  }

  async open(id, { t, q }) {
    if (this.id === id && this.facts) {
      if (t) this.seek(t);
      return this.ask(q || "");
    }
    this.close();
    this.id = id;
    this.page.library.mark(id);
    this.node.replaceChildren(element("p", { className: "facts" }, "Opening the recording…"));
    try {
      const facts = await this.read(id);
      if (this.id !== id) return undefined;
      scrollTo(0, 0);
      this.draw(facts);
      this.heading.focus({ preventScroll: true });
      this.sound.seek(t || 0);
      this.moved();
      await Promise.all([this.drawLevels(id), this.drawChapters(id), this.ask(q || "")]);
      // Chapters and marks move the words down.
      if (this.id === id && t && this.transcript.isFollowing) this.followed();
    } catch (error) {
      if (this.id === id && !error.isToken) this.node.replaceChildren(element("h2", {}, "It can't be shown"), element("p", {}, error.message));
    }
    return undefined;
  }

  read(id) {
    return this.bridge.ask(`recordings/${encodeURIComponent(id)}`);
  }

  close() {
    this.sound.close();
    this.id = "";
    this.facts = null;
    this.page.library.mark("");
  }

  // Draws it anew where its words or speakers changed, at the same second.
  async again() {
    const { id, question } = this;
    if (!this.facts) return;
    const facts = await this.read(id);
    if (this.id !== id) return;
    this.redraw(facts);
    await Promise.all([this.drawLevels(id), this.drawChapters(id), this.ask(question)]);
  }

  // Whoever reads elsewhere than what is played stays there, and so does the focus.
  redraw(facts) {
    const { isFollowing, stopped = 0, items } = this.transcript;
    const speaker = [...this.node.querySelectorAll(".speakers li")].findIndex((item) => item.contains(document.activeElement));
    // A field that is being saved has lost it.
    const hasFocus = this.transcript.node.contains(document.activeElement) || this.transcript.node.querySelector("form");
    const top = (list) => (list[stopped] ? list[stopped].getBoundingClientRect().top : 0);
    const before = top(items);
    this.draw(facts, true);
    this.transcript.isFollowing = false;
    this.playing(this.sound.isPlaying);
    this.moved();
    this.transcript.isFollowing = isFollowing;
    if (!hasFocus) {
      const button = this.node.querySelectorAll(".speakers li > button")[speaker];
      if (button) button.focus({ preventScroll: true });
    } else if (this.transcript.items[stopped]) this.transcript.items[stopped].querySelector(".say").focus({ preventScroll: true });
    scrollBy({ top: top(this.transcript.items) - before, behavior: "instant" });
  }

  draw(facts, keepsSound = false) {
    this.facts = facts;
    this.question = "";
    if (!keepsSound) this.sound.open(facts);
    const lines = facts.lines || [];
    this.voices = new Map([...new Set(lines.map((line) => line.speaker).filter(Boolean))].map((name, index) => [name, index % VOICES]));
    this.timeline = new Timeline(facts, this.voices, (seconds, plays) => this.seek(seconds, plays));
    const can = (tool) => this.page.library.tools.includes(tool);
    const correct = can("correct_transcript") ? (line, text) => this.correct(line, text) : null;
    const erase = can("erase_span") ? ({ start_sec, end_sec }) => this.erasure.open(start_sec, end_sec) : null;
    this.transcript = new Transcript(lines, this.voices, { seek: (seconds) => this.seek(seconds, true), correct, erase });
    this.erasure = new Erasure(lines, (start, end) => this.erase(start, end));
    this.player = this.controls();
    this.transcript.top = () => Math.max(0, this.player.getBoundingClientRect().bottom);
    this.details = new Details(this, { canChange: can("embed_audio"), canRemove: can("remove_audio"), erase });
    this.heading = this.details.heading;
    this.node.replaceChildren(
      element("p", { className: "back" }, element("a", { href: this.page.back() }, "← Back to the results")),
      this.details.node, this.player, this.asking(),
      element("div", { className: "keys" }, this.speakers(can("name_speaker")), this.timeline.legend),
      ...(lines.length ? [element("h2", { className: "away" }, "Transcript"), this.transcript.node] : [element("p", { className: "facts" }, this.whyNoWords())]),
      this.erasure.node);
    document.title = `${facts.title} · Soundbite`;
  }

  whyNoWords() {
    if (this.facts.status === "processing") return "It is being embedded; its words come when they are recognised.";
    return "No words were recognised in it.";
  }

  controls() {
    const { sound } = this.facts;
    this.path = drawing("path", { d: ICONS.play });
    this.button = element("button", { className: "play", type: "button", "aria-label": "Play", disabled: !this.sound.canPlay, onclick: () => this.toggle() },
      drawing("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, this.path));
    this.time = element("span", { className: "time" });
    const speed = element("select", { "aria-label": "Speed", onchange: () => this.sound.speed(Number(speed.value)) },
      ...SPEEDS.map((rate) => element("option", { value: rate, selected: rate === this.sound.rate }, `${rate} ×`)));
    this.follow = element("button", { type: "button", className: "more", hidden: true, onclick: () => this.followed() }, "Follow the sound");
    const why = this.sound.canPlay ? [] : [element("p", { className: "facts", role: "note" }, sound.why_not)];
    return element("div", { className: "player" },
      element("div", { className: "controls" }, this.button, this.time, speed, this.follow), ...why, this.timeline.node);
  }

  asking() {
    this.field = element("input", { type: "search", maxLength: 2000, autocomplete: "off", placeholder: "Ask in this recording", "aria-label": "Ask in this recording" });
    this.hits = element("ol", { className: "hits", "aria-label": "Places that answer" });
    this.answer = element("p", { className: "facts", role: "status" });
    const form = element("form", { className: "here" }, this.field, element("button", {}, "Ask"), this.answer, this.hits);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask(this.field.value.trim());
    });
    this.field.addEventListener("input", () => {
      if (!this.field.value) this.ask("");
    });
    return form;
  }

  speakers(canName) {
    const seconds = new Map([...this.voices.keys()].map((name) => [name, 0]));
    for (const line of this.facts.lines || []) {
      if (line.speaker) seconds.set(line.speaker, seconds.get(line.speaker) + line.end_sec - line.start_sec);
    }
    const all = Math.max(1, [...seconds.values()].reduce((sum, part) => sum + part, 0));
    const list = element("ul", { className: "speakers", "aria-label": "Speakers", hidden: !this.voices.size });
    list.append(...[...seconds].map(([name, part]) => {
      const label = [element("i", {}), name, element("span", { className: "share" }, ` ${Math.round((100 * part) / all)} %`)];
      const item = element("li", { className: `voice-${this.voices.get(name)}` });
      if (!canName) item.append(...label);
      else item.append(element("button", { type: "button", className: "plain", title: "Give this speaker a name", onclick: () => this.details.nameSpeaker(item, name) }, ...label));
      return item;
    }));
    return list;
  }

  async drawLevels(id) {
    const { peaks } = await this.bridge.ask(`recordings/${encodeURIComponent(id)}/levels`);
    if (this.id === id && peaks) this.timeline.draw([...atob(peaks)].map((char) => char.charCodeAt(0)));
  }

  // One chapter is no map.
  async drawChapters(id) {
    const { chapters } = await this.bridge.ask(`recordings/${encodeURIComponent(id)}/chapters`);
    if (this.id !== id || chapters.length < 2) return;
    this.timeline.drawChapters(chapters);
    this.transcript.chaptered(chapters);
  }

  // Marks where the recording answers a question; an empty one takes the marks away.
  async ask(question) {
    if (question === this.question) return;
    this.question = this.field.value = question;
    this.hits.replaceChildren();
    this.show([], question ? "Searching…" : "");
    this.address();
    if (!question) return;
    const { id } = this;
    try {
      const result = await this.bridge.callTool("search_clips", { query: question, asset_ids: [id], top_k: MOST_HITS });
      if (this.id !== id || this.question !== question) return;
      if (result.isError) throw new Error(reasonOf(result));
      const { clips: all, notes = [] } = result.structuredContent;
      const answers = all.filter((clip) => !clip.is_weak);
      this.show(answers.length ? answers : all, answers.length ? `${answers.length} ${answers.length === 1 ? "place answers" : "places answer"}` : notes.join(" "));
    } catch (error) {
      if (this.question === question) this.answer.textContent = error.message;
    }
  }

  show(clips, text) {
    this.answer.textContent = text;
    this.timeline.drawMarks(clips);
    this.transcript.marked(clips);
    this.hits.replaceChildren(...clips.map((clip) => element("li", {}, element("button", {
      type: "button", className: "plain", "aria-label": `${clock(clip.start_sec)}, score ${clip.score.toFixed(2)}`, title: clip.text || clip.sounds || "",
      onclick: () => this.seek(clip.start_sec, true),
    }, element("time", {}, clock(clip.start_sec)), meter(clip.score, "Score")))));
  }

  get seconds() {
    return this.sound.seconds;
  }

  seek(seconds, plays = false) {
    const within = Math.min(Math.max(seconds, 0), Math.max(0, this.timeline.length - 0.05));
    this.followed();
    this.sound.seek(within);
    this.moved();
    if (plays && !this.sound.isPlaying) this.toggle();
    this.address();
  }

  moved() {
    if (!this.facts) return;
    const { seconds } = this;
    if (!this.timeline.isDragged) this.timeline.moved(seconds);
    this.time.textContent = `${clock(seconds)} / ${lengthClock(this.timeline.length)}`;
    this.transcript.moved(seconds);
  }

  toggle() {
    if (!this.sound.canPlay) return;
    if (this.sound.isPlaying) this.sound.pause();
    else this.sound.play();
  }

  playing(isPlaying) {
    if (!this.facts) return;
    this.path.setAttribute("d", isPlaying ? ICONS.pause : ICONS.play);
    this.button.setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    this.follow.hidden = !isPlaying || this.transcript.isFollowing;
    if (isPlaying) this.run();
    else this.address();
  }

  run() {
    this.moved();
    if (!this.sound.audio.paused) requestAnimationFrame(() => this.run());
  }

  released() {
    if (!this.facts || !this.transcript.isFollowing) return;
    this.transcript.isFollowing = false;
    this.follow.hidden = !this.sound.isPlaying;
  }

  followed() {
    this.transcript.isFollowing = true;
    this.follow.hidden = true;
    this.transcript.now = -1;
    this.moved();
  }

  // The address leads to the same second and question.
  address() {
    history.replaceState(null, "", addressOf(this.id, { t: this.seconds >= 1 ? Math.floor(this.seconds) : "", q: this.question }));
  }

  // The sentence that is played, or ten seconds from here, as what a person may want to erase.
  get part() {
    const { seconds, transcript, facts } = this;
    const line = transcript.lines[transcript.indexAt(seconds)];
    return line && line.end_sec > seconds ? line : { start_sec: seconds, end_sec: Math.min(seconds + ERASED_SEC, facts.audio_seconds) };
  }

  // What was loaded of the sound still holds it, so it is loaded anew.
  async erase(start_sec, end_sec) {
    const { seconds } = this;
    this.sound.pause();
    const result = await this.details.call("erase_span", { asset_id: this.id, start_sec, end_sec });
    if (!result) return;
    this.sound.open(this.facts);
    this.seek(seconds);
    this.heading.focus({ preventScroll: true });
    this.page.notices.say(`Erased ${clock(start_sec)} to ${clock(end_sec)}. ${reasonOf(result)}`);
  }

  async correct({ start_sec, end_sec, text }, newText) {
    const place = { asset_id: this.id, start_sec, end_sec };
    const { details } = this;
    const isDone = await details.call("correct_transcript", { ...place, old_text: text, new_text: newText });
    const undo = () => details.call("correct_transcript", { ...place, undo: true });
    if (isDone) this.page.notices.say("Corrected; a search finds the new words.", { action: { label: "Undo", act: undo } });
    return isDone;
  }
}
